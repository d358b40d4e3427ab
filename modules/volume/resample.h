#pragma once
// The same picture on another grid: what lay at a point of the world lies there afterwards.
//
// Grids that stand parallel (any order and sense of axes) are resampled one axis at a time; oblique ones voxel by voxel
// with the same weights. A target voxel whose centre lies more than half a source voxel beyond the outermost source
// centres is outside; within that half voxel the edge's value is held.
//
// The result keeps voxel type, scale and offset: integers are rounded and clamped to their range. Where that is too
// coarse, hand in source.as_float(). 32-bit integers and float64 are computed in double, all else in float. A NaN
// spreads to its neighbours (linear) or along its whole lines (cubic).
//
// Aliasing: interpolation looks at the 2 or 4 nearest source voxels per axis. On a target grid that is coarser, finer
// detail folds back as false structure and noise is not averaged; set `anti_alias` there. It first smooths each source
// axis with the Gaussian that widens the source voxel to the target's (Cardoso et al., "Scale factor point spread
// function matching", MICCAI 2015): FWHM = sqrt(r^2 - 1) source voxels for a target r times as coarse.
//
// Pure, safe from many threads.

#include <array>
#include <string>

#include "volume/volume.h"

namespace volume {

enum class Interpolation {
  kNearest,  // the voxel whose centre is nearest; any voxel type, bit for bit
  kLinear,
  kCubic,  // cubic B-spline through the samples (prefiltered, ends mirrored); may overshoot at edges
  kLabel,  // the class with most linear weight; among equals the nearest voxel's. Only classes of the source appear
};

// "nearest", "linear", "cubic", "label"; throws usage Error on another name.
Interpolation interpolation_named(const std::string& name);

struct Grid {
  Geometry geometry;
  Shape shape;
};

struct ResampleOptions {
  Interpolation interpolation = Interpolation::kLinear;
  double outside = 0;       // the value a person means (after scale and offset) of voxels outside the source
  bool anti_alias = false;  // linear and cubic only
  int threads = 1;
};

// The grid with this spacing {d, h, w} in mm (0 keeps an axis), the same directions and the same centre, and as many
// voxels as fit the extent best, at least one an axis; none of its centres lies outside the old extent. Throws Error on
// a spacing that is negative or not finite.
Grid grid_with_spacing(const Geometry& geometry, const Shape& shape, const std::array<double, 3>& spacing_mm);

// Throws Error: either geometry is no grid, a shape is empty, fractions resampled as labels, or an outside value that
// is needed and that the voxel type cannot hold.
Volume resample(const Volume& source, const Grid& target, const ResampleOptions& options = {});

// resample() onto grid_with_spacing().
Volume resample_to_spacing(const Volume& source, const std::array<double, 3>& spacing_mm,
                           const ResampleOptions& options = {});

}  // namespace volume
