#include "ssl/cube_rotation.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "core/error.h"

namespace ssl {
namespace {

// No mirror image: an even permutation with an even number of axes backwards, or odd with odd.
bool is_rotation(const Rotation& rotation) {
  int turns = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    turns += rotation.backwards[a] ? 1 : 0;
    for (std::size_t b = a + 1; b < 3; ++b) turns += rotation.from[a] > rotation.from[b] ? 1 : 0;
  }
  return turns % 2 == 0;
}

std::vector<Rotation> all_rotations() {
  std::vector<Rotation> all;
  Rotation rotation;
  do {
    for (unsigned signs = 0; signs < 8; ++signs) {
      for (unsigned a = 0; a < 3; ++a) rotation.backwards[a] = (signs >> a & 1) != 0;
      if (is_rotation(rotation)) all.push_back(rotation);
    }
  } while (std::next_permutation(rotation.from.begin(), rotation.from.end()));
  return all;
}

}  // namespace

const std::vector<Rotation>& cube_rotations() {
  static const std::vector<Rotation> kAll = all_rotations();
  return kAll;
}

Rotation quarter_turns(std::int64_t axis, int times) {
  const auto first = static_cast<std::size_t>((axis + 1) % 3), second = static_cast<std::size_t>((axis + 2) % 3);
  Rotation rotation;
  if (times % 2 == 1) std::swap(rotation.from[first], rotation.from[second]);
  rotation.backwards[first] = times == 1 || times == 2;
  rotation.backwards[second] = times == 2 || times == 3;
  return rotation;
}

std::vector<Rotation> rotations(std::int64_t count) {
  if (count == 24) return cube_rotations();
  if (count != 4 && count != 10)
    throw core::usage_error("there is no set of " + std::to_string(count) + " rotations", "take 4, 10 or 24");
  std::vector<Rotation> some{Rotation{}};
  for (std::int64_t axis = 0; axis < (count == 4 ? 1 : 3); ++axis) {
    for (int times = 1; times < 4; ++times) some.push_back(quarter_turns(axis, times));
  }
  return some;
}

std::array<std::int64_t, 3> turnable(const std::array<std::int64_t, 3>& patch, std::int64_t count) {
  const std::int64_t flat = std::min(patch[1], patch[2]), side = std::min(patch[0], flat);
  return count == 4 ? std::array<std::int64_t, 3>{patch[0], flat, flat} : std::array<std::int64_t, 3>{side, side, side};
}

at::Tensor turned(const at::Tensor& pictures, const Rotation& rotation) {
  const std::int64_t before = pictures.dim() - 3;
  std::vector<std::int64_t> order, backwards;
  for (std::int64_t axis = 0; axis < before; ++axis) order.push_back(axis);
  for (std::size_t a = 0; a < 3; ++a) {
    order.push_back(before + rotation.from[a]);
    if (rotation.backwards[a]) backwards.push_back(before + static_cast<std::int64_t>(a));
  }
  const at::Tensor permuted = pictures.permute(order);
  return backwards.empty() ? permuted : permuted.flip(backwards);
}

}  // namespace ssl
