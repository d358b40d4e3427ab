#include "train/update_passes.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>

namespace train {
namespace {

constexpr std::int64_t kPiece = 16384;

bool is_row(const at::Tensor& tensor) {
  return tensor.is_cpu() && tensor.scalar_type() == at::kFloat && tensor.is_non_overlapping_and_dense();
}

bool goes_as_row(const Slot& slot) {
  const at::Tensor& parameter = slot.parameter;
  const auto alike = [&](const at::Tensor& other) { return is_row(other) && other.strides() == parameter.strides(); };
  return is_row(parameter) && is_row(parameter.grad()) && (!slot.average.defined() || alike(slot.average)) &&
         std::ranges::all_of(slot.kept, [&](const at::Tensor& kept) { return kept.dim() == 0 || alike(kept); });
}

// body(array, first number, count) for arrays of these sizes.
void each_piece_of(std::span<const std::int64_t> sizes,
                   const std::function<void(std::size_t, std::int64_t, std::int64_t)>& body) {
  std::vector<std::int64_t> before{0};  // pieces
  for (const std::int64_t size : sizes) before.push_back(before.back() + (size + kPiece - 1) / kPiece);
  at::parallel_for(0, before.back(), 1, [&](std::int64_t begin, std::int64_t end) {
    auto array = static_cast<std::size_t>(std::ranges::upper_bound(before, begin) - before.begin()) - 1;
    for (std::int64_t piece = begin; piece < end; ++piece) {
      while (piece >= before[array + 1]) ++array;
      const std::int64_t first = (piece - before[array]) * kPiece;
      body(array, first, std::min(kPiece, sizes[array] - first));
    }
  });
}

}  // namespace

std::pair<std::vector<Slot*>, std::vector<Slot*>> rows_and_others(std::span<Slot* const> slots) {
  std::pair<std::vector<Slot*>, std::vector<Slot*>> both;
  for (Slot* const slot : slots) (goes_as_row(*slot) ? both.first : both.second).push_back(slot);
  return both;
}

at::Tensor gradient_of(const Slot& slot) {
  const at::Tensor& gradient = slot.parameter.grad();
  if (gradient.strides() == slot.parameter.strides()) return gradient;
  return at::empty_like(slot.parameter).copy_(gradient);
}

void each_piece(std::span<Slot* const> slots,
                const std::function<void(const Slot& slot, const Row& piece, std::size_t size)>& body) {
  std::vector<std::int64_t> sizes;
  std::vector<at::Tensor> gradients;
  for (const Slot* const slot : slots) {
    sizes.push_back(slot->parameter.numel());
    gradients.push_back(gradient_of(*slot));
  }
  each_piece_of(sizes, [&](std::size_t i, std::int64_t first, std::int64_t count) {
    const Slot& slot = *slots[i];
    const auto at = [&](const at::Tensor& tensor) { return tensor.mutable_data_ptr<float>() + first; };
    const auto kept = [&](std::size_t k) {
      return k < slot.kept.size() && slot.kept[k].sizes() == slot.parameter.sizes() ? at(slot.kept[k]) : nullptr;
    };
    const Row row{gradients[i].const_data_ptr<float>() + first, at(slot.parameter), kept(0), kept(1),
                  slot.average.defined() ? at(slot.average) : nullptr};
    body(slot, row, static_cast<std::size_t>(count));
  });
}

at::Tensor norm_of(std::span<const at::Tensor> tensors) {
  if (!std::ranges::all_of(tensors, is_row)) return at::stack(at::_foreach_norm(tensors)).norm();
  std::vector<std::int64_t> sizes;
  std::vector<std::size_t> begins;
  std::size_t pieces = 0;
  for (const at::Tensor& each : tensors) {
    sizes.push_back(each.numel());
    begins.push_back(pieces);
    pieces += static_cast<std::size_t>((each.numel() + kPiece - 1) / kPiece);
  }
  std::vector<double> squares(pieces);
  each_piece_of(sizes, [&](std::size_t i, std::int64_t first, std::int64_t count) {
    squares[begins[i] + static_cast<std::size_t>(first / kPiece)] =
        sum_of_squares(tensors[i].const_data_ptr<float>() + first, static_cast<std::size_t>(count));
  });
  double sum = 0;  // in their order, whichever thread found them
  for (const double each : squares) sum += each;
  return at::scalar_tensor(std::sqrt(sum), at::kFloat);
}

double number_of(const at::Tensor& scalar, double otherwise) {
  return scalar.defined() ? scalar.item<double>() : otherwise;
}

void scale_gradients(std::span<Slot* const> slots, const at::Tensor& gradient_scale) {
  if (!gradient_scale.defined() || slots.empty()) return;
  std::vector<at::Tensor> gradients;
  for (const Slot* const slot : slots) gradients.push_back(slot->parameter.grad());
  at::_foreach_mul_(gradients, gradient_scale);
}

void move_averages(std::span<Slot* const> slots, const Update& update) {
  std::vector<at::Tensor> averages, parameters;
  for (const Slot* const slot : slots) {
    if (!slot->average.defined()) continue;
    averages.push_back(slot->average);
    parameters.push_back(slot->parameter.detach());
  }
  if (averages.empty() || update.average_share == 0) return;
  if (!update.skip.defined()) {
    at::_foreach_lerp_(averages, parameters, update.average_share);
    return;
  }
  std::vector<at::Tensor> ways = at::_foreach_sub(parameters, averages);
  at::_foreach_mul_(ways, (1 - update.skip) * update.average_share);
  at::_foreach_add_(averages, ways);
}

}  // namespace train
