#pragma once
// What goes wrong in a scanner, for recipes of MR pictures: nothing of it unless its chance is set.

#include <vector>

#include "augment/ops/bias_field.h"
#include "augment/ops/ghosting.h"
#include "augment/ops/motion.h"
#include "augment/ops/spike.h"

namespace augment {

struct Artefacts {
  Artefacts() { motion.chance = ghosting.chance = spike.chance = bias_field.chance = 0; }
  Motion motion;
  Ghosting ghosting;
  Spike spike;
  BiasField bias_field;

  static constexpr auto fields() {
    using core::field;
    return std::tuple{
        field("motion", &Artefacts::motion, "as if the patient had moved while the scan ran"),
        field("ghosting", &Artefacts::ghosting, "faint copies of the picture along one axis"),
        field("spike", &Artefacts::spike, "stripes: one point of k-space too bright"),
        field("bias_field", &Artefacts::bias_field, "brighter here and darker there, as a coil makes it"),
    };
  }
};

// Those that may happen, in this order.
std::vector<OpPointer> ops_of(const Artefacts& settings);

}  // namespace augment
