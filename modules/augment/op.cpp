#include "augment/op.h"

#include "core/error.h"

namespace augment {

volume::VoxelBox Op::reach(const Drawn&, const volume::Shape&, const volume::Shape&) const {
  GADOLIN_CHECK(picks() && "reach of an op that does not pick");
  return {};
}

void Op::pick(const Drawn&, const Source&, const Patch&) const {
  GADOLIN_CHECK(picks() && "pick of an op that does not pick");
}

void Op::change(const Drawn&, const Patch&) const { GADOLIN_CHECK(!picks() && "change of an op that picks"); }

}  // namespace augment
