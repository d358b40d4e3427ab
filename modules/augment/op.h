#pragma once
// One augmentation: drawn on the host from a key, then applied as a pure function. The variants lie in ops/.
//
// Two kinds. A picking op (crop, warp) comes first in a recipe and takes the view out of the case; every other op
// changes the view in place. An op is immutable, so one serves any number of threads. `draw` depends on the key, the
// frame and the op's settings; everything after it on the drawn values and the voxels alone, never on the settings.

#include <cstddef>
#include <string_view>

#include "augment/block.h"
#include "augment/drawn.h"
#include "core/rng.h"
#include "volume/frame.h"
#include "volume/transform.h"

namespace augment {

class Op {
 public:
  virtual ~Op() = default;
  virtual std::string_view name() const = 0;

  // `frame` is the case's, `patch` the shape of the view. Drawing never sees a voxel's value.
  virtual Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const = 0;
  // Values that go through the whole arithmetic and change nothing (a picking op: where patch is the case's shape).
  virtual Drawn identity(const volume::Frame& frame, const volume::Shape& patch) const = 0;

  virtual bool picks() const { return false; }
  virtual bool hides() const { return false; }  // writes Patch::hidden
  virtual bool keeps() const { return false; }  // writes Patch::kept

  // Index after the op to index before it: of the case for a picking op, else of the view. What bends is left out.
  virtual volume::Transform transform(const Drawn&, const volume::Shape&) const { return {}; }
  // Picking ops: the part of the case that `pick` reads, never empty.
  virtual volume::VoxelBox reach(const Drawn& drawn, const volume::Shape& patch, const volume::Shape& of_case) const;
  // Picking ops: fills image, labels and valid. Outside of the case the nearest voxel of the case is repeated, the
  // label is 0. `source.box` holds at least `reach`.
  virtual void pick(const Drawn& drawn, const Source& source, const Patch& patch) const;
  // The other ops, in place.
  virtual void change(const Drawn& drawn, const Patch& patch) const;
  // All throw Error for drawn values that do not fit.

 protected:
  Drawn drawn(std::vector<double> values = {}) const { return {std::string(name()), std::move(values)}; }
};

}  // namespace augment
