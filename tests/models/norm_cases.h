#pragma once
// One body over cases, types and devices, for norm_test.cpp and norm_gpu_test.cpp.

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "models/norm.h"

struct NormCase {
  std::vector<std::int64_t> shape;
  std::int64_t groups;
  double slope;
  bool around;
  std::string text() const {
    return std::to_string(shape[1]) + " channels, " + std::to_string(groups) + " groups, slope " +
           std::to_string(slope) + (around ? ", with around" : "");
  }
};

inline std::vector<NormCase> norm_cases() {
  return {{{2, 16, 4, 5, 6}, 16, 0.01, false}, {{2, 16, 4, 5, 6}, 16, 0.01, true}, {{1, 3, 5, 3, 7}, 3, 0, false},
          {{2, 6, 3, 3, 5}, 2, 0.2, true},     {{3, 5, 2, 2, 2}, 1, 1, false},     {{1, 600, 2, 3, 2}, 600, 0.01, true},
          {{1, 8, 20, 20, 20}, 8, 0.01, true}, {{2, 1, 9, 9, 9}, 1, 1, true}};
}

struct NormResult {
  at::Tensor y;
  std::vector<at::Tensor> gradients;  // of x, weight, bias, around
};

inline at::Tensor norm_wave(at::IntArrayRef shape, double phase) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return at::sin(at::arange(count, at::kDouble) * 0.7 + phase).view(shape);
}

template <class Norm>
NormResult run_norm(const NormCase& each, const at::TensorOptions& options, const at::TensorOptions& of_weight,
                    const Norm& norm) {
  const auto leaf = [](const at::Tensor& values, const at::TensorOptions& as) {
    return values.to(as).detach().clone().requires_grad_();
  };
  // Rounded to what bfloat16 holds, so that every type starts from the same numbers.
  const auto voxels = [&](double phase) { return norm_wave(each.shape, phase).to(at::kBFloat16); };
  const std::int64_t channels = each.shape[1];
  std::vector<at::Tensor> leaves{leaf(voxels(0) * 2 + 1, options), leaf(norm_wave({channels}, 1) + 1.5, of_weight),
                                 leaf(norm_wave({channels}, 2), of_weight)};
  if (each.around) leaves.push_back(leaf(voxels(3), options));
  NormResult result;
  result.y = norm(leaves[0], leaves[1], leaves[2], each.groups, each.slope, each.around ? leaves[3] : at::Tensor());
  result.y.backward(voxels(4).to(options));
  for (const at::Tensor& each_leaf : leaves) result.gradients.push_back(each_leaf.grad());
  return result;
}

inline NormResult run_plain(const NormCase& each) {
  return run_norm(each, at::kDouble, at::kDouble, models::norm_leaky_plain);
}
inline NormResult run_fused(const NormCase& each, at::Device device, at::ScalarType type) {
  return run_norm(each, at::TensorOptions(device).dtype(type), at::TensorOptions(device).dtype(at::kFloat),
                  models::norm_leaky);
}

// The greatest difference as a part of the greatest value. A voxel whose sign hangs on the last digit may fall on
// either side of the activation, so a thousandth of the voxels may differ by more.
inline void expect_near(const NormResult& ours, const NormResult& truth, double tolerance) {
  const auto compare = [&](const at::Tensor& a, const at::Tensor& b, const char* what) {
    const at::Tensor difference = (a.to(at::kCPU, at::kDouble) - b).abs().flatten();
    const double limit = tolerance * std::max(b.abs().max().item<double>(), 1e-3);
    const double over = (difference > limit).to(at::kDouble).mean().item<double>();
    EXPECT_LE(over, 1e-3) << what << ": worst " << difference.max().item<double>() << " of " << limit;
  };
  compare(ours.y, truth.y, "y");
  const char* const names[] = {"gradient of x", "gradient of weight", "gradient of bias", "gradient of around"};
  ASSERT_EQ(ours.gradients.size(), truth.gradients.size());
  for (std::size_t i = 0; i < ours.gradients.size(); ++i) compare(ours.gradients[i], truth.gradients[i], names[i]);
}
