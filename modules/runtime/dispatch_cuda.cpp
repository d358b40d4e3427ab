#include <c10/cuda/CUDAStream.h>

#include "runtime/dispatch.h"

namespace runtime {

CUstream_st* current_stream(int device) {
  return c10::cuda::getCurrentCUDAStream(static_cast<c10::DeviceIndex>(device)).stream();
}

}  // namespace runtime
