#pragma once
// A critic tells made pictures from real ones, and a maker learns to be taken for real. Goodfellow et al., "Generative
// adversarial nets", NeurIPS 2014.

#include <ATen/core/Tensor.h>

namespace losses {

// Scores are logits of "real", any shape. All return scalars, differentiable in the scores.

// What the critic minimises: mean of -log s(real) plus mean of -log(1 - s(made)), s the logistic function; 2 log 2
// where it cannot tell.
at::Tensor told_apart(const at::Tensor& real, const at::Tensor& made);

// What the maker minimises: mean of -log s(made), the form that does not saturate while the critic is ahead.
at::Tensor taken_for_real(const at::Tensor& made);

}  // namespace losses
