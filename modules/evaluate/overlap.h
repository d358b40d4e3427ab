#pragma once
// How much of a structure two label maps share.
//
// Label maps are volume::Volume of whole numbers from 0 (background) to 65535, in any voxel type, on one grid; another
// value is an Error. Where a structure is absent from both maps there is nothing to score: NaN, which no mean below
// counts. Absent from one only: 0. Pure functions, safe from many threads. Dice: L. R. Dice, "Measures of the amount of
// ecologic association between species", Ecology 26(3), 1945.

#include <cstdint>
#include <span>
#include <vector>

#include "volume/volume.h"

namespace evaluate {

// Voxels of one class.
struct Overlap {
  std::int64_t both = 0, prediction = 0, truth = 0;
  double dice() const;  // 2 both / (prediction + truth)
};

// One per label, in their order; one pass over the voxels. Throws Error as check_same_grid.
std::vector<Overlap> overlaps(const volume::Volume& prediction, const volume::Volume& truth,
                              std::span<const int> labels);
double dice(const volume::Volume& prediction, const volume::Volume& truth, int label);

// The classes of a map in rising order, without the background.
std::vector<int> labels_in(const volume::Volume& map);

// The class of every voxel, scale and offset applied.
std::vector<std::uint16_t> classes_of(const volume::Volume& map);

// Throws Error, with the story of the difference, where shapes differ or a corner of the grid lies more than
// `tolerance_mm` away in the other geometry.
void check_same_grid(const volume::Volume& prediction, const volume::Volume& truth, double tolerance_mm = 0.1);

}  // namespace evaluate
