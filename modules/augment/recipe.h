#pragma once
// How one view is made of a case: an op that picks it, then ops that change it.
//
// Drawing needs the case's frame only and says which box of the case has to be read; applying is a pure function of
// what was drawn and of the voxels: the same for a box as for the whole case, on any thread, and again from the log
// line. Views are [C, D, H, W] float32, their labels [D, H, W] int64, masks [D, H, W] uint8, all on the CPU; boxes and
// transforms are in voxels of the case's grid.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "augment/drawn.h"
#include "augment/ops.h"

namespace augment {

// One view, decided.
struct Drawing {
  volume::Shape patch;     // what comes out
  volume::Shape of_case;   // of the case it was drawn for
  std::vector<Drawn> ops;  // the first one picks

  // What has to be read, inside the case, never empty.
  volume::VoxelBox box() const;
  // "view 64 64 64 128 120 96 | crop 16 0 3 | mirror | ...": the view's shape, the case's, then op by op.
  std::string line() const;
  bool operator==(const Drawing&) const = default;
};
// Throws Error for what is no such line.
Drawing parse(std::string_view line);

struct View {
  at::Tensor image;
  at::Tensor labels;                // undefined when none were given; 0 outside of the case
  at::Tensor valid;                 // 1 inside of the case; outside the image is 0
  at::Tensor hidden;                // 1 where a block mask hid the voxel; undefined when no op of the recipe hides
  volume::Transform voxel_to_case;  // index of the view to index of the case; what bends is left out
};

// `source.box` holds at least drawing.box(). int16 and float32 are read as they lie; other types are turned into
// float32 first. Throws Error for a box that is too small, voxels of another shape than the box or a case of another
// shape than it was drawn for.
View apply(const Drawing& drawing, const Source& source);

// A value; copies share the ops. Any number of threads may draw.
class Recipe {
 public:
  // Throws usage Error when the patch is empty, or when the first op does not pick, or another one does.
  Recipe(const volume::Shape& patch, std::vector<OpPointer> ops);

  const volume::Shape& patch() const { return patch_; }
  const std::vector<OpPointer>& ops() const { return ops_; }

  // `sample` is counted over the whole run; `view` < 65535. Throws Error when the frame is no case.
  Drawing draw(const volume::Frame& frame, std::uint64_t seed, std::uint64_t sample, std::uint32_t view) const;

 private:
  volume::Shape patch_;
  std::vector<OpPointer> ops_;
};

}  // namespace augment
