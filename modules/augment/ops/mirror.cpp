#include "augment/ops/mirror.h"

#include <algorithm>
#include <type_traits>

#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

template <class T>
void turn_around(T* voxels, const volume::Shape& shape, const std::array<bool, 3>& axes) {
  const std::int64_t plane = shape.height * shape.width;
  if (axes[2]) {
    for (T* row = voxels; row < voxels + shape.voxels(); row += shape.width) {
      if constexpr (std::is_same_v<T, float>) {
        reverse({row, static_cast<std::size_t>(shape.width)});
      } else if (!std::equal(row + 1, row + shape.width, row)) {  // masks are mostly all the same
        std::reverse(row, row + shape.width);
      }
    }
  }
  if (axes[1]) {
    for (T* low = voxels; low < voxels + shape.voxels(); low += plane) {
      for (std::int64_t h = 0; h < shape.height / 2; ++h) {
        T* row = low + h * shape.width;
        std::swap_ranges(row, row + shape.width, low + (shape.height - 1 - h) * shape.width);
      }
    }
  }
  if (axes[0]) {
    for (std::int64_t d = 0; d < shape.depth / 2; ++d) {
      std::swap_ranges(voxels + d * plane, voxels + (d + 1) * plane, voxels + (shape.depth - 1 - d) * plane);
    }
  }
}

class MirrorOp final : public Op {
 public:
  explicit MirrorOp(const Mirror& settings) : settings_(settings) {
    for (const std::int64_t axis : settings.axes) {
      if (axis < 0 || axis > 2) {
        throw core::usage_error("augmentation mirror: there is no axis " + std::to_string(axis),
                                "axes are 0 (d), 1 (h) and 2 (w)");
      }
    }
  }
  std::string_view name() const override { return "mirror"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape&) const override {
    core::Rng rng(key);
    std::vector<double> values(3);
    for (std::size_t a = 0; a < 3; ++a) {
      const bool turns = rng.chance(settings_.chance);
      const bool allowed = std::count(settings_.axes.begin(), settings_.axes.end(), static_cast<std::int64_t>(a)) > 0;
      values[a] = turns && allowed ? 1 : 0;
    }
    if (values == std::vector<double>{0, 0, 0}) values.clear();
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({0, 0, 0}); }

  volume::Transform transform(const Drawn& drawn, const volume::Shape& patch) const override {
    const std::array<bool, 3> turned = mirrored_axes(drawn);
    volume::Transform map;
    for (int a = 0; a < 3; ++a) {
      if (!turned[a]) continue;
      map.rows[a][a] = -1;
      map.rows[a][3] = static_cast<double>(patch[a] - 1);
    }
    return map;
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    const std::array<bool, 3> turned = mirrored_axes(drawn);
    const volume::Shape& shape = patch.image.shape;
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      turn_around(patch.image.channel(c).data(), shape, turned);
    }
    for (std::int64_t c = 0; c < patch.kept.channels; ++c) turn_around(patch.kept.channel(c).data(), shape, turned);
    if (!all_valid(patch.valid)) turn_around(patch.valid.data(), shape, turned);
    if (!patch.labels.empty()) turn_around(patch.labels.data(), shape, turned);
    if (!patch.hidden.empty()) turn_around(patch.hidden.data(), shape, turned);
  }

 private:
  Mirror settings_;
};

}  // namespace

std::array<bool, 3> mirrored_axes(const Drawn& drawn) {
  drawn.require(3);
  return {drawn.values[0] == 1, drawn.values[1] == 1, drawn.values[2] == 1};
}

OpPointer make(const Mirror& settings) { return std::make_shared<const MirrorOp>(settings); }
const OpEntry mirror_entry = entry_of<MirrorOp, Mirror>("mirror", "axes turned around");

}  // namespace augment
