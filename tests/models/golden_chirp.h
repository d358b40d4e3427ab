#pragma once
// Another formula of weights and images, whose values do not come again soon: of the networks that
// tests/golden/networks.py writes.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <string>
#include <vector>

#include "golden.h"

namespace golden {

inline at::Tensor chirp(std::int64_t count, double phase) {
  const at::Tensor place = at::arange(count, at::kDouble);
  return at::sin(place * (0.7 + 0.003 * place) + phase);
}

inline at::Tensor image(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return chirp(count, 0.3).view(shape).to(at::kFloat);
}

// Ours are the peer's, by name and shape, and take the values of its formula.
inline void fill(const Weights& ours, const Network& peer) {
  const at::NoGradGuard no_gradient;
  for (const auto& [name, value] : ours) EXPECT_TRUE(peer.weights.contains(name)) << name << " is not the peer's";
  std::int64_t place = 0;
  for (const auto& [name, shape] : peer.weights) {
    ASSERT_TRUE(ours.contains(name)) << name << " is the peer's only";
    const at::Tensor value = ours.at(name);
    ASSERT_EQ(value.sizes(), shape) << name;
    at::Tensor values = chirp(value.numel(), static_cast<double>(place++)).view(shape);
    if (value.dim() > 1)
      values = values * std::sqrt(2.0 / static_cast<double>(value.numel() / value.size(0)));
    else
      values = name.ends_with("weight") ? 1 + 0.3 * values : 0.2 * values;
    value.copy_(values);
  }
}

inline Weights by_name(const torch::nn::Module& module, const std::string& prefix = "") {
  Weights all;
  for (const auto& each : module.named_parameters()) all[prefix + each.key()] = each.value();
  return all;
}

}  // namespace golden
