#pragma once
// Questions with a few answers.

#include <ATen/core/Tensor.h>

namespace ssl {

// Mean cross-entropy of answers [N, K] against right [N] int64, a float32 scalar with gradient, and the share that was
// right, as methods watch it.
struct Answered {
  at::Tensor loss, right;
};
Answered answered(const at::Tensor& answers, const at::Tensor& right);

}  // namespace ssl
