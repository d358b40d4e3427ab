#pragma once
// The gradient of an encoder with its decoder is the slope of their loss.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "models/decoder.h"

// In float64, along a random direction of all parameters; within a millionth.
inline void expect_gradient_is_slope(models::Encoder& encoder, models::Decoder& decoder, const at::Tensor& image) {
  std::vector<at::Tensor> all, direction;
  for (torch::nn::Module* const module :
       {static_cast<torch::nn::Module*>(&encoder), static_cast<torch::nn::Module*>(&decoder)}) {
    module->to(at::kDouble);
    for (const at::Tensor& each : module->parameters()) all.push_back(each);
  }
  for (const at::Tensor& each : all) direction.push_back(at::randn_like(each));
  const auto loss = [&] { return decoder.maps(encoder.features(image), image).front().sin().sum(); };
  loss().backward();
  double slope = 0;
  for (std::size_t i = 0; i < all.size(); ++i) slope += (all[i].grad() * direction[i]).sum().item<double>();
  const at::NoGradGuard no_gradient;
  const auto at_step = [&](double step) {
    for (std::size_t i = 0; i < all.size(); ++i) all[i].add_(direction[i], step);
    const double value = loss().item<double>();
    for (std::size_t i = 0; i < all.size(); ++i) all[i].add_(direction[i], -step);
    return value;
  };
  constexpr double kStep = 1e-7;  // few kinks of the leaky ReLU lie within
  EXPECT_NEAR((at_step(kStep) - at_step(-kStep)) / (2 * kStep), slope, 1e-6 * std::abs(slope));
}
