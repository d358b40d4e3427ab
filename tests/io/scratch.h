#pragma once
// Volumes for the tests of io.

#include <cmath>
#include <string>

#include "../scratch.h"
#include "volume/volume.h"

// An oblique, anisotropic grid (turned by 30 degrees about z and flipped along d) with a different value each voxel.
inline volume::Volume oblique(volume::Shape shape, volume::VoxelType type) {
  volume::Geometry g;
  g.origin_mm = {-12.5, 30.25, 7.75};
  g.spacing_mm = {2.5, 0.5, 0.75};
  const double c = std::sqrt(3.0) / 2, s = 0.5;
  g.direction = {{{0, 0, -1}, {-s, c, 0}, {c, s, 0}}};
  volume::Volume v(shape, type, g);
  volume::with_type(type, [&]<class T>(T) {
    auto voxels = v.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i)
      voxels[i] = static_cast<T>(static_cast<double>(i % 251) - 100 * (T(-1) < T(0)));
  });
  return v;
}
