#pragma once
// Loops over plain arrays for the two types that layers compute in.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace models {

using Bits = std::uint16_t;  // of a bfloat16

// body(float{}) for a tensor of float32, body(Bits{}) for one of bfloat16; others are our bug, seen to by the caller.
template <class Body>
void by_type(const at::Tensor& x, const Body& body) {
  if (x.scalar_type() == at::kFloat) return body(float{});
  body(Bits{});
}

}  // namespace models
