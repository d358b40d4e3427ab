#pragma once
// How far apart the surfaces of a structure lie in two label maps, in millimetres.
//
// The surface is made of elements. Around each point where eight voxels meet stands a cell with those eight voxel
// centres as corners; a cell whose corners are not all of one kind holds one element, at the cell's centre, with the
// area of the polygons that part the corners inside from those outside half-way along the cell's edges (marching cubes
// with the actual spacing). Beyond the image everything is outside. Distances go from an element's centre to the
// nearest element of the other surface, and every element counts with its area, so that neither anisotropic voxels nor
// staircases weigh in: S. Nikolov et al., "Clinically applicable segmentation of head and neck anatomy for
// radiotherapy", J. Med. Internet Res. 23(7), 2021 (arXiv:1809.04430), whose definitions of the numbers below are kept.
//
// Absent from both maps: NaN. Absent from one: surface Dice 0, distances infinite.
// Pure functions, safe from many threads.

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "volume/volume.h"

namespace evaluate {

struct SurfaceScores {
  double surface_dice = 0;  // share of both surfaces' area that lies within the tolerance of the other surface
  double hd95_mm = 0;       // larger of the two directions' 95th percentiles of distance, by area
  double assd_mm = 0;       // mean distance over the area of both surfaces
  double hd_mm = 0;         // the largest distance at all
};

// Throws Error as check_same_grid (overlap.h). `threads` as in core::parallel_for.
SurfaceScores surface_scores(const volume::Volume& prediction, const volume::Volume& truth, int label,
                             double tolerance_mm, int threads = 1);

// The elements of one structure: `cell` is {d, h, w} with cell 0 before the first voxel, so that the element lies at
// voxel index cell - 0.5. For tests and pictures.
struct SurfaceElement {
  std::array<std::int64_t, 3> cell{};
  double area_mm2 = 0;
};
std::vector<SurfaceElement> surface_elements(const volume::Volume& map, int label);

// Area of the element for each of the 256 ways eight corners can be inside (bit 4d + 2h + w), spacing in mm {d, h, w}.
std::array<double, 256> element_areas(const std::array<double, 3>& spacing_mm);

}  // namespace evaluate
