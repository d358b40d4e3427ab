#pragma once
// A method and a batch in float64: what is exact is told from what is rounded.

#include <gtest/gtest.h>

#include "made.h"

namespace made {

inline void to_double(ssl::Method& method, data::Batch& batch) {
  for (const auto& [name, weight] : method.weights()) {
    if (weight.is_floating_point()) weight.set_data(weight.to(at::kDouble));
  }
  for (data::View& view : batch.views) {
    view.images = view.images.to(at::kDouble);
    if (view.kept.defined()) view.kept = view.kept.to(at::kDouble);
  }
}

// The loss of each phase is the one in float32, in all its digits, and reaches its parameters.
inline void expect_the_same_in_double(ssl::Method& method, data::Batch batch) {
  std::vector<double> rounded;
  for (std::size_t phase = 0; phase < method.phases().size(); ++phase)
    rounded.push_back(method.step(phase, batch, {}).loss.item<double>());
  to_double(method, batch);
  for (std::size_t phase = 0; phase < rounded.size(); ++phase) {
    const at::Tensor loss = method.step(phase, batch, {}).loss;
    EXPECT_EQ(loss.scalar_type(), at::kDouble);
    EXPECT_NEAR(loss.item<double>(), rounded[phase], 1e-4 * std::abs(rounded[phase]));
    loss.backward();
    const train::Phase parts = method.phases()[phase];
    for (const train::Parameter& each : parts.parameters)
      EXPECT_TRUE(each.tensor.grad().defined() && each.tensor.grad().isfinite().all().item<bool>()) << each.name;
  }
}

}  // namespace made
