#pragma once
// A plane cut out of a volume as a radiologist hangs it: the patient's left on the right of the picture, anterior (or
// superior) on top; sagittal seen from the left, anterior on the left. Axes are turned to the nearest of the body's, so
// an oblique scan is shown along its own axes. Nothing is copied: voxels are looked up where they lie.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "report/picture.h"
#include "volume/reorient.h"
#include "volume/volume.h"

namespace report {

enum class Plane { kAxial, kCoronal, kSagittal };
std::string_view name(Plane plane);  // "axial"

// The values shown as black and as white, as a person means them (after scale and offset).
struct Window {
  double low = 0, high = 1;
};

// From the values of at most about 200,000 evenly spread voxels: `low` and `high` percent of them lie below. NaN and
// infinities are not counted; a picture of one value gets a window of width 1 around it.
Window window_by_percentiles(const volume::Volume& image, double low = 0.5, double high = 99.5);

// Grid axes after the turn: 0 towards Superior, 1 towards Posterior, 2 towards Left. Refers to `volume`, which must
// outlive it.
class SliceView {
 public:
  explicit SliceView(const volume::Volume& volume);

  std::int64_t size(int axis) const { return shape_[axis]; }
  double extent_mm(int axis) const {
    return static_cast<double>(shape_[axis]) * spacing_mm_[static_cast<std::size_t>(axis)];
  }
  double spacing_mm(int axis) const { return spacing_mm_[static_cast<std::size_t>(axis)]; }
  // The voxel's value as a person means it; the index {superior, posterior, left} must lie inside.
  double value(const std::array<std::int64_t, 3>& index) const;
  std::int64_t label(const std::array<std::int64_t, 3>& index) const;

 private:
  std::int64_t offset(const std::array<std::int64_t, 3>& index) const;

  const volume::Volume& volume_;
  volume::Shape shape_;
  std::array<double, 3> spacing_mm_{};
  std::int64_t base_ = 0;
  std::array<std::int64_t, 3> step_{};
};

// The axes of a plane: the one it is perpendicular to, the one its columns (to the right) and its rows (downwards) run
// along, and whether rows run from the far end.
struct PlaneAxes {
  int across, column, row;
  bool row_backwards;
  std::string_view left, right, top, bottom;  // the patient's side, one letter
};
PlaneAxes axes_of(Plane plane);

// The slice as grey in RGB, `pixels_per_mm` in both directions whatever the spacing, linear between voxels.
Picture draw_slice(const SliceView& image, Plane plane, std::int64_t slice, const Window& window, double pixels_per_mm);
// Paints the classes over it (nearest voxel): a translucent fill and an outline.
void draw_labels(Picture& tile, const SliceView& labels, Plane plane, std::int64_t slice, double opacity);

}  // namespace report
