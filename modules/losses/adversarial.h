#pragma once
// A critic tells made pictures from real ones, and a maker learns to be taken for real. Goodfellow et al., "Generative
// adversarial nets", NeurIPS 2014.

#include <ATen/core/Tensor.h>

#include <vector>

namespace losses {

// Scores are logits of "real", any shape. All return scalars, differentiable in the scores.

// What the critic minimises: mean of -log s(real) plus mean of -log(1 - s(made)), s the logistic function; 2 log 2
// where it cannot tell.
at::Tensor told_apart(const at::Tensor& real, const at::Tensor& made);

// What the maker minimises: mean of -log s(made), the form that does not saturate while the critic is ahead.
at::Tensor taken_for_real(const at::Tensor& made);

// What keeps a critic from growing steep where the real ones lie (Mescheder et al., "Which training methods for GANs do
// actually converge?", ICML 2018: R1). Of scores [N] made of inputs [N, ...], row by row and with gradient: the mean
// over rows of the sum over inputs of n |d score / d input|^2, n the numbers of a row of that input. So it is the
// square of how much a score can change when each number of an input does by 1 in root mean square, the same for small
// pictures as for large ones. Differentiable in what the scores were made with; the scores must be twice.
at::Tensor steepness(const at::Tensor& scores, const std::vector<at::Tensor>& inputs);

}  // namespace losses
