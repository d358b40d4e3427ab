#include "prepare/foreground.h"

#include <algorithm>
#include <cmath>

namespace prepare {
namespace {

// First and last voxel with something in it, along each axis.
struct Bounds {
  std::array<std::int64_t, 3> low, high{-1, -1, -1};
  explicit Bounds(const volume::Shape& shape) : low{shape.depth, shape.height, shape.width} {}
  bool empty() const { return high[0] < 0; }

  // `filled(begin)` of a row gives its first and last filled voxel, or {width, -1}.
  void add_row(std::int64_t d, std::int64_t h, std::int64_t first, std::int64_t last) {
    if (last < first) return;
    const std::array<std::int64_t, 3> from{d, h, first}, to{d, h, last};
    for (std::size_t a = 0; a < 3; ++a) {
      low[a] = std::min(low[a], from[a]);
      high[a] = std::max(high[a], to[a]);
    }
  }
};

template <class Filled>
void add_picture(Bounds& bounds, const volume::Volume& picture, const Filled& filled) {
  const volume::Shape& shape = picture.shape();
  volume::with_type(picture.type(), [&]<class T>(T) {
    const T* row = picture.voxels<T>().data();
    for (std::int64_t d = 0; d < shape.depth; ++d) {
      for (std::int64_t h = 0; h < shape.height; ++h, row += shape.width) {
        std::int64_t first = 0, last = shape.width - 1;
        while (first < shape.width && !filled(static_cast<double>(row[first]))) ++first;
        while (last > first && !filled(static_cast<double>(row[last]))) --last;
        bounds.add_row(d, h, first, first < shape.width ? last : -1);
      }
    }
  });
}

}  // namespace

bool is_foreground(double value, const std::string& modality) {
  if (!std::isfinite(value)) return false;
  return modality == "CT" ? value > kAirHu : value != 0;
}

volume::VoxelBox content_box(const volume::Case& one) {
  const volume::Shape& shape = one.reference().shape();
  Bounds bounds(shape);
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    const bool ct = channel.modality == "CT";
    add_picture(bounds, *channel.image,
                [&, scale = channel.image->scale, offset = channel.image->offset](double voxel) {
                  const double value = voxel * scale + offset;
                  return std::isfinite(value) && (ct ? value > kAirHu : value != 0);
                });
  }
  if (one.label_map) add_picture(bounds, *one.label_map, [](double label) { return label != 0; });
  if (bounds.empty()) return {{0, 0, 0}, shape};
  return {bounds.low,
          {bounds.high[0] - bounds.low[0] + 1, bounds.high[1] - bounds.low[1] + 1, bounds.high[2] - bounds.low[2] + 1}};
}

volume::VoxelBox grown(const volume::VoxelBox& box, const volume::Grid& grid, double margin_mm) {
  std::array<std::int64_t, 3> begin{}, size{};
  for (std::size_t a = 0; a < 3; ++a) {
    const int axis = static_cast<int>(a);
    const auto margin = static_cast<std::int64_t>(std::ceil(margin_mm / grid.geometry.spacing_mm[a] - 1e-9));
    begin[a] = std::max<std::int64_t>(0, box.begin[a] - margin);
    size[a] = std::min(grid.shape[axis], box.begin[a] + box.shape[axis] + margin) - begin[a];
  }
  return {begin, {size[0], size[1], size[2]}};
}

}  // namespace prepare
