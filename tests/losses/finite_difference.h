#pragma once
// Gradients against differences of the loss, in float64.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <functional>

// The loss must be a function of its argument alone; `start` is float64.
inline void expect_gradient_is_difference(const std::function<at::Tensor(const at::Tensor&)>& loss,
                                          const at::Tensor& start, double tolerance = 1e-7) {
  constexpr double kStep = 1e-5;
  at::Tensor x = start.clone().requires_grad_();
  loss(x).backward();
  const at::NoGradGuard no_gradient;
  at::Tensor probe = start.clone();
  const at::Tensor flat = probe.view({-1}), gradient = x.grad().reshape({-1});
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    const double here = flat[i].item<double>();
    flat[i] = here + kStep;
    const double above = loss(probe).item<double>();
    flat[i] = here - kStep;
    const double below = loss(probe).item<double>();
    flat[i] = here;
    EXPECT_NEAR(gradient[i].item<double>(), (above - below) / (2 * kStep), tolerance) << "element " << i;
  }
}

// Numbers that no symmetry hides a fault behind.
inline at::Tensor wave(at::IntArrayRef shape, double phase = 0) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return at::sin(at::arange(count, at::kDouble) * 0.7 + phase).view(shape);
}
