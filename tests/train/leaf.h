#pragma once
// What an optimiser is given.

#include <ATen/ATen.h>

inline at::Tensor leaf(const at::Tensor& values) { return values.clone().set_requires_grad(true); }
