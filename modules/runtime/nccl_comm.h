#pragma once
// Ranks that have a GPU each. There only where kCudaKernels (dispatch.h). Compiled in every build that finds nvcc,
// never run: no machine with several GPUs has been there yet.

#include <c10/core/Device.h>

#include <memory>

#include "runtime/comm.h"

namespace runtime {

// Tensors of the GPUs go from GPU to GPU by NCCL (libnccl.so.2, which a CUDA LibTorch brings along), on the stream at
// hand; sums that are under way have a stream of their own, and wait() makes the stream at hand wait and not the host.
// `host` has met the same ranks: through it go tensors of the host, barriers, and before each call of a GPU what the
// ranks agree on, so that one that is gone or does something else is named as there. On all ranks `host` itself comes
// back, with a warning, where one of them has no NCCL.
std::unique_ptr<Comm> over_nccl(std::unique_ptr<Comm> host, c10::Device device);

}  // namespace runtime
