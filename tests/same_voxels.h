#pragma once
// Two pictures of one size, type and content.

#include <algorithm>

#include "volume/volume.h"

inline bool same_voxels(const volume::Volume& a, const volume::Volume& b) {
  return a.type() == b.type() && a.shape() == b.shape() && std::ranges::equal(a.bytes(), b.bytes());
}
