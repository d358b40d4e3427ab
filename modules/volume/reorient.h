#pragma once
// The same picture with its axes in another order: voxels move in memory, not in the world.
//
// Nothing is interpolated: a turn permutes and flips axes, a crop drops voxels, and the geometry is adjusted so that
// every voxel keeps its place (LPS millimetres). Type, scale and offset stay. Pure functions, safe from many threads.

#include <array>
#include <cstdint>
#include <string>

#include "volume/volume.h"

namespace volume {

// New axis a runs along old axis from[a], backwards where flipped[a].
struct Turn {
  std::array<int, 3> from{0, 1, 2};
  std::array<bool, 3> flipped{false, false, false};
  Turn inverse() const;
  bool operator==(const Turn&) const = default;
};

// The turn after which orientation() reads `wanted` ("SPL": one letter per axis {d, h, w}, the side towards which the
// index grows). Axes are matched as a whole, so an oblique grid uses every axis once; where the grid stands so far
// askew that two of its axes lean to one side, orientation() of the result may still read otherwise.
// Throws usage Error when `wanted` is not three letters, one each of L|R, P|A and S|I.
Turn turn_towards(const Geometry& geometry, const std::string& wanted);

Geometry turned(const Geometry& geometry, const Shape& shape, const Turn& turn);
Shape turned(const Shape& shape, const Turn& turn);
Volume turned(const Volume& volume, const Turn& turn);

// turned(volume, turn_towards(volume.geometry, wanted)).
Volume reorient(const Volume& volume, const std::string& wanted);

// Voxels begin[a] .. begin[a] + shape[a] - 1 along each axis {d, h, w}.
struct VoxelBox {
  std::array<std::int64_t, 3> begin{0, 0, 0};
  Shape shape;
  bool operator==(const VoxelBox&) const = default;
};

// Throws Error when the box is empty or reaches out of the volume.
Volume crop(const Volume& volume, const VoxelBox& box);

}  // namespace volume
