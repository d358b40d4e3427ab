#pragma once
#include "augment/ops.h"

namespace augment {

// Keeps the view as it is here beside the one that goes on: what the ops behind it do to its voxels is damage that a
// learner undoes. Drawn: 1.
struct Keep {
  double chance = 1;

  static constexpr auto fields() {
    return std::tuple{core::field("chance", &Keep::chance, "chance", core::Range{0, 1})};
  }
};
OpPointer make(const Keep& settings);

}  // namespace augment
