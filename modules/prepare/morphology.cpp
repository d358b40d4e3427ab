#include "prepare/morphology.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace prepare {
namespace {

using Axes = std::array<bool, 3>;

std::array<std::int64_t, 3> strides_of(const volume::Shape& shape) {
  return {shape.height * shape.width, shape.width, 1};
}

// Squares of distances along one axis: each the least of its neighbours' up to `reach`, plus the square of the way.
void along_axis(std::vector<float>& squares, const volume::Shape& shape, std::size_t axis, double spacing, double mm) {
  const std::int64_t side = shape[static_cast<int>(axis)], stride = strides_of(shape)[axis];
  const auto reach = std::min<std::int64_t>(side - 1, static_cast<std::int64_t>(std::floor(mm / spacing + 1e-9)));
  if (reach == 0) return;
  std::vector<float> way(static_cast<std::size_t>(reach) + 1);
  for (std::int64_t k = 0; k <= reach; ++k)
    way[static_cast<std::size_t>(k)] = static_cast<float>(std::pow(static_cast<double>(k) * spacing, 2));
  // `stride` lines lie beside each other: they are done together, which keeps to rows of memory.
  const std::int64_t slab = side * stride;
  std::vector<float> before(static_cast<std::size_t>(slab));
  for (std::int64_t start = 0; start < shape.voxels(); start += slab) {
    float* out = squares.data() + start;
    std::copy(out, out + slab, before.begin());
    for (std::int64_t i = 0; i < side; ++i) {
      float* row = out + i * stride;
      for (std::int64_t j = std::max<std::int64_t>(0, i - reach); j <= std::min(side - 1, i + reach); ++j) {
        const float add = way[static_cast<std::size_t>(std::abs(i - j))];
        const float* other = before.data() + j * stride;
        for (std::int64_t x = 0; x < stride; ++x) row[x] = std::min(row[x], other[x] + add);
      }
    }
  }
}

// 1 where the centre of a voxel of `value` is within `mm`.
std::vector<std::uint8_t> near(const VoxelSet& from, std::uint8_t value, double mm) {
  std::vector<float> squares(from.inside.size());
  std::ranges::transform(from.inside, squares.begin(), [&](std::uint8_t voxel) {
    return voxel == value ? 0.0F : std::numeric_limits<float>::infinity();
  });
  for (std::size_t a = 0; a < 3; ++a) along_axis(squares, from.shape, a, from.spacing_mm[a], mm);
  std::vector<std::uint8_t> result(squares.size());
  const auto most = static_cast<float>(mm * mm * (1 + 1e-6));
  std::ranges::transform(squares, result.begin(),
                         [&](float square) { return static_cast<std::uint8_t>(square <= most); });
  return result;
}

// Connected voxels of one value. `part` of a voxel of the other value is -1; else the index of one voxel of its part.
class Parts {
 public:
  Parts(const VoxelSet& of, std::uint8_t value, const Axes& along) : part_(of.inside.size(), -1) {
    const std::array<std::int64_t, 3> stride = strides_of(of.shape);
    std::int64_t i = 0;
    std::array<std::int64_t, 3> at{};
    for (at[0] = 0; at[0] < of.shape.depth; ++at[0]) {
      for (at[1] = 0; at[1] < of.shape.height; ++at[1]) {
        for (at[2] = 0; at[2] < of.shape.width; ++at[2], ++i) {
          if (of.inside[static_cast<std::size_t>(i)] != value) continue;
          part_[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(i);
          for (std::size_t a = 0; a < 3; ++a) {
            if (along[a] && at[a] > 0 && part_[static_cast<std::size_t>(i - stride[a])] >= 0) join(i - stride[a], i);
          }
        }
      }
    }
    for (i = 0; i < static_cast<std::int64_t>(part_.size()); ++i) {
      if (part_[static_cast<std::size_t>(i)] >= 0)
        part_[static_cast<std::size_t>(i)] = first(static_cast<std::int32_t>(i));
    }
  }
  const std::vector<std::int32_t>& part() const { return part_; }

 private:
  std::int32_t first(std::int32_t i) {
    while (part_[static_cast<std::size_t>(i)] != i) {
      std::int32_t& up = part_[static_cast<std::size_t>(i)];
      up = part_[static_cast<std::size_t>(up)];
      i = up;
    }
    return i;
  }
  void join(std::int64_t a, std::int64_t b) {
    const std::int32_t x = first(static_cast<std::int32_t>(a)), y = first(static_cast<std::int32_t>(b));
    part_[static_cast<std::size_t>(std::max(x, y))] = std::min(x, y);
  }
  std::vector<std::int32_t> part_;
};

}  // namespace

bool VoxelSet::empty() const { return std::ranges::find(inside, 1) == inside.end(); }

VoxelSet grown(const VoxelSet& from, double mm) { return {from.shape, from.spacing_mm, near(from, 1, mm)}; }

VoxelSet shrunk(const VoxelSet& from, double mm) {
  VoxelSet result{from.shape, from.spacing_mm, near(from, 0, mm)};
  for (std::uint8_t& voxel : result.inside) voxel = voxel == 0;
  return result;
}

VoxelSet large_parts(const VoxelSet& from, double share) {
  const Parts parts(from, 1, {true, true, true});
  std::vector<std::int32_t> voxels(from.inside.size());
  for (const std::int32_t part : parts.part()) {
    if (part >= 0) ++voxels[static_cast<std::size_t>(part)];
  }
  const auto largest = std::ranges::max_element(voxels);  // the first of equals
  VoxelSet result = from;
  for (std::size_t i = 0; i < result.inside.size(); ++i) {
    const std::int32_t part = parts.part()[i];
    if (part < 0) continue;
    const bool kept = part == largest - voxels.begin() ||
                      (share < 1 && voxels[static_cast<std::size_t>(part)] >= share * static_cast<double>(*largest));
    result.inside[i] = kept;
  }
  return result;
}

VoxelSet parts_with(const VoxelSet& from, const VoxelSet& seeds) {
  const Parts parts(from, 1, {true, true, true});
  std::vector<std::uint8_t> wanted(from.inside.size());
  for (std::size_t i = 0; i < from.inside.size(); ++i) {
    if (parts.part()[i] >= 0 && seeds.inside[i] != 0) wanted[static_cast<std::size_t>(parts.part()[i])] = 1;
  }
  VoxelSet result = from;
  for (std::size_t i = 0; i < from.inside.size(); ++i)
    result.inside[i] = parts.part()[i] >= 0 && wanted[static_cast<std::size_t>(parts.part()[i])] != 0;
  return result;
}

void fill_holes(VoxelSet& one, const std::array<bool, 3>& along) {
  const Parts parts(one, 0, along);
  std::vector<std::uint8_t> open(one.inside.size());
  std::size_t i = 0;
  std::array<std::int64_t, 3> at{};
  for (at[0] = 0; at[0] < one.shape.depth; ++at[0]) {
    for (at[1] = 0; at[1] < one.shape.height; ++at[1]) {
      for (at[2] = 0; at[2] < one.shape.width; ++at[2], ++i) {
        if (parts.part()[i] < 0) continue;
        for (int a = 0; a < 3; ++a) {
          const std::int64_t place = at[static_cast<std::size_t>(a)];
          if (along[static_cast<std::size_t>(a)] && (place == 0 || place + 1 == one.shape[a]))
            open[static_cast<std::size_t>(parts.part()[i])] = 1;
        }
      }
    }
  }
  for (i = 0; i < one.inside.size(); ++i) {
    if (parts.part()[i] >= 0 && open[static_cast<std::size_t>(parts.part()[i])] == 0) one.inside[i] = 1;
  }
}

}  // namespace prepare
