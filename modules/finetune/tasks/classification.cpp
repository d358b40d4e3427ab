// Classification: one class for a case, from the encoder's pooled embedding through dropout and one linear layer.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <limits>
#include <numeric>

#include "augment/recipes.h"
#include "core/error.h"
#include "core/rng.h"
#include "finetune/task.h"

namespace finetune {
namespace {

struct ClassificationOptions {
  // Left and right look alike to most questions about a whole case.
  ClassificationOptions() { views.mirror.axes = {2}; }

  double dropout = 0.2;
  double label_smoothing = 0.0;
  bool balanced = true;
  augment::Supervised views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using O = ClassificationOptions;
    return std::tuple{
        field("dropout", &O::dropout, "share of the embedding that is dropped while training", Range{0, 0.95}),
        field("label_smoothing", &O::label_smoothing, "probability spread over the other classes", Range{0, 0.9}),
        field("balanced", &O::balanced, "cases of rare classes weigh more: each class as much as any other"),
        field("views", &O::views, "how patches are taken and changed"),
    };
  }
};

// By class, such that the mean over the training cases is 1.
std::vector<float> class_weights(const std::vector<std::int64_t>& counts, std::size_t outputs, bool balanced) {
  std::vector<float> weights(outputs, 1.0F);
  if (!balanced || counts.empty()) return weights;
  GADOLIN_CHECK(counts.size() == outputs);
  const auto all = static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  std::int64_t seen = 0;
  for (const std::int64_t count : counts) seen += count > 0;
  for (std::size_t k = 0; k < outputs; ++k) {
    if (counts[k] > 0) weights[k] = static_cast<float>(all / static_cast<double>(seen * counts[k]));
  }
  return weights;
}

class Classification final : public Task {
 public:
  Classification(const ClassificationOptions& options, const Setup& setup) : Task(setup), options_(options) {
    if (setup.target.empty()) throw core::usage_error("classification needs the name of a scalar that says the class");
    weights_ = at::tensor(class_weights(setup.counts, setup.outputs.size(), options.balanced)).to(setup.device);
    head_ = std::make_shared<torch::nn::LinearImpl>(setup.encoder->embedding_size(), outputs());
    add("head", head_);
    seed_ = at::randint(std::numeric_limits<std::int64_t>::max(), {1}, at::kLong).item<std::int64_t>();
  }

  std::vector<augment::Recipe> views() const override {
    const models::Extent& patch = setup_.input.patch;
    return {augment::supervised({patch[0], patch[1], patch[2]}, options_.views.warp.place.foreground, options_.views)};
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override { return classes_of(batch).ge(0).sum(); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor classes = classes_of(batch);
    const at::Tensor kept = training() && options_.dropout > 0 ? kept_of(batch.sample) : at::Tensor();
    const at::Tensor scores = scores_of(batch.views.at(0).images, kept).to(at::kFloat);
    // Weighted by hand: a mean over the batch's own weights would undo them in small batches.
    const at::Tensor each =
        at::cross_entropy_loss(scores, classes, {}, at::Reduction::None, -1, options_.label_smoothing);
    const at::Tensor known = classes.ge(0);
    const at::Tensor weights = weights_.index_select(0, classes.clamp_min(0)) * known;
    const at::Tensor counted = known.sum().clamp_min(1);
    const at::Tensor right = scores.detach().argmax(1).eq(classes).logical_and(known);
    return {(each * weights).sum() / counted, {{"accuracy", right.sum().to(at::kFloat) / counted}}};
  }

  void save(runtime::Archive& archive) const override { archive.tensors["dropout_seed"] = at::tensor({seed_}); }
  void load(const runtime::Archive& archive) override {
    seed_ = archive.tensors.at("dropout_seed").item<std::int64_t>();
  }

 protected:
  at::Tensor logits(const at::Tensor& images) override { return scores_of(images, {}); }

 private:
  // `kept` [N, embedding]: 0 where dropped, 1 / (1 - dropout) elsewhere; undefined: nothing is dropped.
  at::Tensor scores_of(const at::Tensor& images, const at::Tensor& kept) {
    const at::Tensor pooled = encoded([&](models::Encoder& encoder) { return encoder.embedding(images); });
    return head_->forward(kept.defined() ? pooled * kept : pooled);
  }

  // Drawn by the number of the sample, so that it is the same whatever the sample is computed with.
  at::Tensor kept_of(const at::Tensor& samples) const {
    const at::Tensor numbers = samples.cpu();
    const std::int64_t size = setup_.encoder->embedding_size();
    const at::Tensor kept = at::empty({numbers.size(0), size});
    auto* value = kept.mutable_data_ptr<float>();
    const auto scale = static_cast<float>(1 / (1 - options_.dropout));
    for (std::int64_t i = 0; i < numbers.size(0); ++i) {
      core::Rng rng({static_cast<std::uint64_t>(seed_), static_cast<std::uint64_t>(numbers[i].item<std::int64_t>())});
      for (std::int64_t k = 0; k < size; ++k) *value++ = rng.uniform() < options_.dropout ? 0 : scale;
    }
    return kept.to(setup_.device);
  }

  // [N] int64, -1 where a case has no value.
  at::Tensor classes_of(const data::Batch& batch) const {
    const auto found = batch.targets.find(setup_.target);
    if (found == batch.targets.end())
      throw core::Error("none of the cases of a batch has a value '" + setup_.target + "'");
    const at::Tensor values = found->second.to(setup_.device);
    return at::where(values.isnan(), -at::ones_like(values), values).to(at::kLong);
  }

  ClassificationOptions options_;
  at::Tensor weights_;
  std::shared_ptr<torch::nn::LinearImpl> head_;
  std::int64_t seed_ = 0;  // of what is dropped
};

class ClassificationSettings final : public TaskSettings {
 public:
  std::vector<core::Slot> slots() override { return core::slots_of(options_); }
  std::unique_ptr<Task> make(const Setup& setup) const override {
    return std::make_unique<Classification>(options_, setup);
  }

 private:
  ClassificationOptions options_;
};

}  // namespace

extern const TaskEntry classification_entry;
const TaskEntry classification_entry{
    "classification", "one class for a case: linear head on the pooled embedding, cross-entropy", false,
    [] { return std::unique_ptr<TaskSettings>(std::make_unique<ClassificationSettings>()); }};

}  // namespace finetune
