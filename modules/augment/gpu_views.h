#pragma once
// Batches of views made on a GPU: voxels of the host in, tensors of the GPU out.

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <vector>

#include "augment/device_batch.h"
#include "augment/recipe.h"

namespace augment {

// Members as in View, stacked; on the GPU. Labels are -1 in a view whose source has none, undefined when none has any.
struct ViewBatch {
  at::Tensor image, labels, valid, hidden;
  std::vector<volume::Transform> voxel_to_case;
};

class GpuViews {
 public:
  // A batch on its way. Given up unfinished, it leaves nothing behind.
  class Begun {
   public:
    virtual ~Begun() = default;
  };

  virtual ~GpuViews() = default;
  // Takes the voxels and sends them to the GPU beside whatever runs there; nothing of the sources is needed afterwards.
  // Any thread, several at once. Throws Error as pack() and apply() do, and when CUDA says no.
  virtual std::unique_ptr<Begun> begin(std::span<const Drawing> drawings, std::span<const Source> sources) = 0;
  // Puts the kernels on torch's present stream and waits for nothing. One thread, each batch once.
  virtual ViewBatch finish(Begun& begun) = 0;
};

// On the CUDA device of this number. There only where runtime::kCudaKernels.
std::unique_ptr<GpuViews> gpu_views(int device);

}  // namespace augment
