#pragma once
// The rotations that take a cube of voxels to itself.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace ssl {

// Axis a of the turned picture is axis `from[a]` of the picture, backwards where `backwards[a]`.
struct Rotation {
  std::array<std::int64_t, 3> from{0, 1, 2};
  std::array<bool, 3> backwards{};
  bool operator==(const Rotation&) const = default;
};

// All 24, the first of which turns nothing.
const std::vector<Rotation>& cube_rotations();

// A quarter turn about an axis, `times` times.
Rotation quarter_turns(std::int64_t axis, int times);

// 4: nothing and the quarter turns about axis d. 10: nothing and those about each axis, as in Taleb et al., "3D
// self-supervised methods for medical imaging", NeurIPS 2020. 24: all. Throws usage Error for another number.
std::vector<Rotation> rotations(std::int64_t count);

// The largest part of a patch, {d, h, w}, that keeps its shape under rotations(count).
std::array<std::int64_t, 3> turnable(const std::array<std::int64_t, 3>& patch, std::int64_t count);

// pictures [..., D, H, W]; the result has the sides that the rotation gives it. No copy where the rotation only
// exchanges axes.
at::Tensor turned(const at::Tensor& pictures, const Rotation& rotation);

}  // namespace ssl
