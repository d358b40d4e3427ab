#pragma once
// bfloat16 by its bits, on the CPU and in kernels, without torch.

#include <cstdint>

#include "runtime/dispatch.h"

namespace runtime {

GADOLIN_HOST_DEVICE inline float from_bf16(std::uint16_t bits) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(bits) << 16);
}
// To the nearest, ties to even; what is no number stays none.
GADOLIN_HOST_DEVICE inline std::uint16_t to_bf16(float value) {
  const auto bits = __builtin_bit_cast(std::uint32_t, value);
  const std::uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  return static_cast<std::uint16_t>(value == value ? rounded : 0x7fc0u);
}

}  // namespace runtime
