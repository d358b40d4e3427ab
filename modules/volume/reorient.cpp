#include "volume/reorient.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace volume {
namespace {

struct Side {
  std::size_t world_axis;
  double sign;
};

Side side_of(char letter, const std::string& wanted) {
  switch (letter) {
    case 'L':
      return {0, 1};
    case 'R':
      return {0, -1};
    case 'P':
      return {1, 1};
    case 'A':
      return {1, -1};
    case 'S':
      return {2, 1};
    case 'I':
      return {2, -1};
    default:
      throw core::usage_error("'" + wanted + "' is no orientation",
                              "give one letter per axis {d, h, w}, one each of L|R, P|A and S|I, such as SPL");
  }
}

std::array<Side, 3> sides_of(const std::string& wanted) {
  if (wanted.size() != 3) side_of('?', wanted);
  const std::array<Side, 3> sides{side_of(wanted[0], wanted), side_of(wanted[1], wanted), side_of(wanted[2], wanted)};
  std::array<int, 3> times{};
  for (const Side& side : sides) ++times[side.world_axis];
  if (times != std::array<int, 3>{1, 1, 1}) side_of('?', wanted);
  return sides;
}

// Element strides of the source, walked in the order of the target; bytes of one voxel as an unsigned word.
struct Walk {
  std::int64_t start = 0;
  std::array<std::int64_t, 3> stride{};
};

template <class Word>
void gather(const std::byte* from, std::byte* to, const Shape& shape, const Walk& walk) {
  const auto* in = reinterpret_cast<const Word*>(from);
  auto* out = reinterpret_cast<Word*>(to);
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      const Word* row = in + walk.start + d * walk.stride[0] + h * walk.stride[1];
      if (walk.stride[2] == 1) {
        std::memcpy(out, row, static_cast<std::size_t>(shape.width) * sizeof(Word));
      } else {
        for (std::int64_t w = 0; w < shape.width; ++w) out[w] = row[w * walk.stride[2]];
      }
      out += shape.width;
    }
  }
}

Volume gathered(const Volume& volume, const Shape& shape, const Geometry& geometry, const Walk& walk) {
  Volume result(shape, volume.type(), geometry);
  result.scale = volume.scale;
  result.offset = volume.offset;
  const std::byte* from = volume.bytes().data();
  std::byte* to = result.bytes().data();
  switch (size_bytes(volume.type())) {
    case 1:
      gather<std::uint8_t>(from, to, shape, walk);
      break;
    case 2:
      gather<std::uint16_t>(from, to, shape, walk);
      break;
    case 4:
      gather<std::uint32_t>(from, to, shape, walk);
      break;
    default:
      gather<std::uint64_t>(from, to, shape, walk);
  }
  return result;
}

std::array<std::int64_t, 3> strides(const Shape& shape) { return {shape.height * shape.width, shape.width, 1}; }

}  // namespace

Turn Turn::inverse() const {
  Turn back;
  for (std::size_t a = 0; a < 3; ++a) {
    back.from[static_cast<std::size_t>(from[a])] = static_cast<int>(a);
    back.flipped[static_cast<std::size_t>(from[a])] = flipped[a];
  }
  return back;
}

Turn turn_towards(const Geometry& geometry, const std::string& wanted) {
  const std::array<Side, 3> sides = sides_of(wanted);
  std::array<int, 3> order{0, 1, 2};
  Turn best;
  double best_agreement = -1;
  do {
    double agreement = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      agreement += std::abs(geometry.direction[static_cast<std::size_t>(order[a])][sides[a].world_axis]);
    }
    if (agreement > best_agreement + 1e-12) {
      best_agreement = agreement;
      best.from = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  for (std::size_t a = 0; a < 3; ++a) {
    const double along = geometry.direction[static_cast<std::size_t>(best.from[a])][sides[a].world_axis];
    best.flipped[a] = along * sides[a].sign < 0;
  }
  return best;
}

Shape turned(const Shape& shape, const Turn& turn) {
  return {shape[turn.from[0]], shape[turn.from[1]], shape[turn.from[2]]};
}

Geometry turned(const Geometry& geometry, const Shape& shape, const Turn& turn) {
  Geometry result;
  Index first{};
  for (std::size_t a = 0; a < 3; ++a) {
    const auto old = static_cast<std::size_t>(turn.from[a]);
    result.spacing_mm[a] = geometry.spacing_mm[old];
    result.direction[a] = geometry.direction[old];
    if (!turn.flipped[a]) continue;
    first[old] = static_cast<double>(shape[turn.from[a]] - 1);
    for (double& component : result.direction[a]) component = component == 0 ? 0.0 : -component;
  }
  result.origin_mm = geometry.world(first);
  return result;
}

Volume turned(const Volume& volume, const Turn& turn) {
  if (turn == Turn{}) return volume.clone();
  const std::array<std::int64_t, 3> old = strides(volume.shape());
  Walk walk;
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t stride = old[static_cast<std::size_t>(turn.from[a])];
    walk.stride[a] = turn.flipped[a] ? -stride : stride;
    if (turn.flipped[a]) walk.start += stride * (volume.shape()[turn.from[a]] - 1);
  }
  return gathered(volume, turned(volume.shape(), turn), turned(volume.geometry, volume.shape(), turn), walk);
}

Volume reorient(const Volume& volume, const std::string& wanted) {
  return turned(volume, turn_towards(volume.geometry, wanted));
}

Volume crop(const Volume& volume, const VoxelBox& box) {
  for (int a = 0; a < 3; ++a) {
    const std::int64_t begin = box.begin[static_cast<std::size_t>(a)], size = volume.shape()[a];
    if (begin < 0 || box.shape[a] <= 0 || begin > size - box.shape[a]) {
      throw core::Error("a crop of " + std::to_string(box.shape[a]) + " voxels from voxel " + std::to_string(begin) +
                            " reaches out of the " + std::to_string(size) + " voxels along axis " + std::to_string(a),
                        "pad the picture first, or choose a smaller box");
    }
  }
  Walk walk{0, strides(volume.shape())};
  Index first{};
  for (std::size_t a = 0; a < 3; ++a) {
    walk.start += box.begin[a] * walk.stride[a];
    first[a] = static_cast<double>(box.begin[a]);
  }
  Geometry geometry = volume.geometry;
  geometry.origin_mm = volume.geometry.world(first);
  return gathered(volume, box.shape, geometry, walk);
}

}  // namespace volume
