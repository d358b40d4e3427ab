#pragma once
// How views are made of a case. data knows the interface only; pipelines plugs augment's recipes in.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "volume/frame.h"
#include "volume/reorient.h"
#include "volume/transform.h"
#include "volume/volume.h"

namespace data {

// Part of a case, as it lies in the store: voxels of `box` in their own types, with scale and offset.
struct Picture {
  std::vector<std::optional<volume::Volume>> channels;  // none: the case lacks the channel
  std::optional<volume::Volume> labels;
  volume::VoxelBox box;      // the part it is, in voxels of the case's grid
  volume::Shape case_shape;  // the whole
};

// [C, D, H, W] float32 on the CPU, scale and offset applied; a channel that is lacking is 0.
at::Tensor image_of(const Picture& picture);
// [D, H, W] int64; undefined when there is no label map.
at::Tensor labels_of(const Picture& picture);

// One view of one sample; members as in View without N.
struct ViewSample {
  at::Tensor image, labels, valid, hidden;
  volume::Transform voxel_to_case;
};

// Drawn first (nothing of the voxels is known), then applied to the part of the case that was asked for.
// Immutable, used from many threads at once; what comes out depends on the arguments alone.
class ViewMaker {
 public:
  class Drawing {
   public:
    virtual ~Drawing() = default;
    virtual volume::VoxelBox box() const = 0;  // what has to be read, inside the case
  };
  struct Place {
    std::uint64_t seed = 0, sample = 0;
  };

  virtual ~ViewMaker() = default;
  virtual std::int64_t views() const = 0;
  // True when view `view` is taken from the sample's second case (VolumeFusion, registration).
  virtual bool of_partner(std::int64_t) const { return false; }
  virtual std::unique_ptr<Drawing> draw(const volume::Frame& frame, const Place& place, std::int64_t view) const = 0;
  virtual ViewSample apply(const Drawing& drawing, const Picture& picture) const = 0;
};

}  // namespace data
