#pragma once
// What happens to lines of k-space, the discrete Fourier transform of a picture along one axis, done in image space.

#include <cstdint>
#include <span>

#include "augment/axis_filter.h"
#include "augment/drawn.h"
#include "core/rng.h"
#include "volume/frame.h"

namespace augment {

// Multiplies lines k and -k by kept[k]. k = 0 .. extent / 2, so kept has extent / 2 + 1 numbers. In image space: a sum
// of copies shifted along the axis and wrapped around, the weight of a shift by s being the mean over all lines of
// kept[|k|] cos(2 pi k s / extent). Any extent; a voxel costs `extent` products: 1.4 ms for 64^3
// voxels on one core, 18 ms for 128^3.
AxisFilter keeping_lines(std::int64_t extent, std::span<const double> kept);

// The axis along which lines of k-space differ: 0 d, 1 h, 2 w. Not one of a single voxel, nor one whose spacing is more
// than 3 times the finest, along which slices were excited one by one; any if there is no other.
int draw_line_axis(core::Rng& rng, const volume::Frame& frame, const volume::Shape& view);
// Read again from this place of the drawn values. Throws Error when it is no axis.
int line_axis_at(const Drawn& drawn, std::size_t position);

}  // namespace augment
