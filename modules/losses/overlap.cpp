#include "losses/overlap.h"

#include <ATen/ATen.h>

#include <string>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {
namespace {

// What both losses are made of; K classes, V voxels of a sample.
struct Counted {
  at::Tensor log_chance;  // [N, K, V]
  at::Tensor is_class;    // [N, K, V] bool, false everywhere where not counted
  at::Tensor counted;     // [N, 1, V] bool
};

Counted counted_of(const at::Tensor& logits, const at::Tensor& labels) {
  GADOLIN_CHECK(logits.dim() == labels.dim() + 1 && logits.size(1) >= 2 && labels.scalar_type() == at::kLong);
  GADOLIN_CHECK(logits.size(0) == labels.size(0) && logits.sizes().slice(2) == labels.sizes().slice(1));
  const std::int64_t classes = logits.size(1);
  if (labels.is_cpu() && labels.numel() > 0 && labels.max().item<std::int64_t>() >= classes) {
    throw core::Error("a label of " + std::to_string(labels.max().item<std::int64_t>()) + " where the network has " +
                          std::to_string(classes) + " classes (0 to " + std::to_string(classes - 1) + ")",
                      "the labels of the data and of the task must be the same list");
  }
  const at::Tensor flat = labels.flatten(1).unsqueeze(1);
  return {at_least_float(logits).flatten(2).log_softmax(1),
          flat == at::arange(classes, labels.options()).view({1, classes, 1}), flat >= 0};
}

// at::where with a zero of another type would promote.
at::Tensor only(const at::Tensor& values, const at::Tensor& mask) { return values.masked_fill(~mask, 0); }

at::Tensor dice_of(const Counted& batch) {
  constexpr double kSmooth = 1e-5;
  const at::Tensor chance = batch.log_chance.exp();
  const at::Tensor both = only(chance, batch.is_class).sum(2);
  const at::Tensor predicted = only(chance, batch.counted).sum(2);
  const at::Tensor there = batch.is_class.sum(2).to(both.scalar_type());
  const at::Tensor dice = (2 * both + kSmooth) / (predicted + there + kSmooth);
  return 1 - dice.slice(1, 1).mean();
}

at::Tensor cross_entropy_of(const Counted& batch) {
  return -only(batch.log_chance, batch.is_class).sum() / batch.counted.sum().clamp_min(1);
}

}  // namespace

at::Tensor soft_dice(const at::Tensor& logits, const at::Tensor& labels) {
  const WithoutAutocast exact;
  return dice_of(counted_of(logits, labels));
}

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  const WithoutAutocast exact;
  return cross_entropy_of(counted_of(logits, labels));
}

at::Tensor dice_cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  const WithoutAutocast exact;
  const Counted batch = counted_of(logits, labels);
  return dice_of(batch) + cross_entropy_of(batch);
}

at::Tensor labels_at(const at::Tensor& labels, at::IntArrayRef extent) {
  GADOLIN_CHECK(labels.dim() == static_cast<std::int64_t>(extent.size()) + 1);
  at::Tensor coarse = labels;
  for (std::size_t axis = 0; axis < extent.size(); ++axis) {
    const auto dimension = static_cast<std::int64_t>(axis) + 1;
    const std::int64_t from = labels.size(dimension), to = extent[axis];
    if (from == to) continue;
    const at::Tensor index = at::floor_divide(at::arange(to, labels.options()) * from, to);
    coarse = coarse.index_select(dimension, index);
  }
  return coarse;
}

at::Tensor deep_supervision(const std::vector<at::Tensor>& maps, const at::Tensor& labels) {
  GADOLIN_CHECK(!maps.empty());
  const WithoutAutocast exact;
  std::vector<at::Tensor> terms(1);
  double weight = 1, weights = 0;
  for (const at::Tensor& map : maps) {
    const Counted batch = counted_of(map, labels_at(labels, map.sizes().slice(2)));
    const at::Tensor dice = weight * dice_of(batch);
    terms[0] = terms[0].defined() ? terms[0] + dice : dice;
    terms.push_back(weight * cross_entropy_of(batch));
    weights += weight;
    weight /= 2;
  }
  return at::stack(terms) / weights;
}

at::Tensor deep_supervision_counts(const at::Tensor& labels, const std::vector<std::array<std::int64_t, 3>>& extents) {
  std::vector<at::Tensor> counts{at::full({}, labels.size(0), labels.options())};
  for (const auto& extent : extents) counts.push_back(labels_at(labels, extent).ge(0).sum());
  return at::stack(counts);
}

}  // namespace losses
