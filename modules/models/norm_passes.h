#pragma once
// The four passes over voxels that norm_leaky is made of, on the CPU (norm_cpu.cpp) and on the GPU (norm_cuda.cu).

#include <cstdint>

#include "runtime/bf16.h"

namespace models {

// Voxels lie as [samples, voxels, channels], channel fastest. `bf16`: they are bfloat16, else float32.
struct NormShape {
  std::int64_t samples, voxels, channels;
  bool bf16;
};

// What each voxel goes through; coefficients are [samples, channels].
GADOLIN_HOST_DEVICE inline float normed(float x, float mean, float scale, float shift) {
  return (x - mean) * scale + shift;
}
GADOLIN_HOST_DEVICE inline float leaky(float z, float slope) { return z > 0 ? z : slope * z; }
// The gradient at z, from that at y = leaky(z), whose sign is z's.
GADOLIN_HOST_DEVICE inline float before_leaky(float dy, float y, float slope) { return y > 0 ? dy : slope * dy; }
GADOLIN_HOST_DEVICE inline float norm_gradient(float dz, float x, float mean, float of_dz, float of_x, float rest) {
  return of_dz * dz + of_x * (x - mean) + rest;
}

using runtime::from_bf16;
using runtime::to_bf16;

// Sums over voxels of x - origin and its square, each [samples, channels].
struct MomentsPass {
  const void* x;
  const float* origin;  // any value near the mean, so that squares do not cancel
  double *sum, *square;
};
// y = leaky(normed(x) + around).
struct ForwardPass {
  const void* x;
  const void* around;  // nullptr: nothing
  const float *mean, *scale, *shift;
  float slope;
  void* y;
};
// Sums over voxels of dz and of dz (x - mean), each [samples, channels].
struct SumsPass {
  const void *x, *y, *dy;
  const float* mean;
  float slope;
  double *dz, *dz_x;
};
// dx = norm_gradient(dz, x).
struct BackwardPass {
  const void *x, *y, *dy;
  const float *mean, *of_dz, *of_x, *rest;
  float slope;
  void* dx;
  void* dz;  // nullptr: not wanted
};

namespace cpu {
void run(const NormShape& shape, const MomentsPass& pass);
void run(const NormShape& shape, const ForwardPass& pass);
void run(const NormShape& shape, const SumsPass& pass);
void run(const NormShape& shape, const BackwardPass& pass);
}  // namespace cpu

// Pointers are the device's; returns at once, the work is on the stream. `scratch` holds scratch_doubles() doubles.
namespace gpu {
std::int64_t scratch_doubles(const NormShape& shape);
void run(const NormShape& shape, const MomentsPass& pass, double* scratch, CUstream_st* stream);
void run(const NormShape& shape, const ForwardPass& pass, CUstream_st* stream);
void run(const NormShape& shape, const SumsPass& pass, double* scratch, CUstream_st* stream);
void run(const NormShape& shape, const BackwardPass& pass, CUstream_st* stream);
}  // namespace gpu

}  // namespace models
