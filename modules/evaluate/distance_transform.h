#pragma once
// From every point of a grid the distance to the nearest marked point: exact, Euclidean, in the units of the spacing.
//
// One axis after the other, linear in the number of points: the lower envelope of parabolas of P. Felzenszwalb and D.
// Huttenlocher, "Distance transforms of sampled functions", Theory of Computing 8, 2012, with the spacing of each axis
// {d, h, w} put in (as C. Maurer et al., IEEE TPAMI 25(2), 2003).

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/geometry.h"

namespace evaluate {

// Squared distances in C order {D, H, W}; infinity everywhere when nothing is marked. `marked` has shape.voxels()
// entries, other than 0 where a point is marked. Pure; the result does not depend on `threads`.
std::vector<float> squared_distances(std::span<const std::uint8_t> marked, const volume::Shape& shape,
                                     const std::array<double, 3>& spacing, int threads = 1);

}  // namespace evaluate
