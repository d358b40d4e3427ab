#pragma once
// The one place that knows whether CUDA is compiled and linked. Free of torch and of CUDA's headers, so that a kernel
// and what calls it may both include it.

struct CUstream_st;  // what a cudaStream_t points to

// Before a function whose arithmetic CPU and GPU share.
#ifdef __CUDACC__
#define GADOLIN_HOST_DEVICE __host__ __device__
#else
#define GADOLIN_HOST_DEVICE
#endif

namespace runtime {

// Whether this build links the kernels (GADOLIN_CUDA=ON and a CUDA LibTorch). `if constexpr (kCudaKernels)` around
// a call keeps a build without them linking.
#ifdef GADOLIN_WITH_CUDA
inline constexpr bool kCudaKernels = true;
#else
inline constexpr bool kCudaKernels = false;
#endif

// The stream that torch works on for the CUDA device of this number; there only where kCudaKernels.
CUstream_st* current_stream(int device);

}  // namespace runtime
