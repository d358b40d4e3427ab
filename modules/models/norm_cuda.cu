// The passes of norm_passes.h on a GPU. Sums are added in a fixed order, so that a run repeats to the bit. Never run on
// a GPU; the tests run this file on the CPU (tests/cuda/stand_in.h).
#include <cuda_runtime.h>

#include <string>

#include "core/error.h"
#include "models/norm_passes.h"

namespace models::gpu {
namespace {

constexpr int kThreads = 256;
constexpr std::int64_t kVoxelsOfChunk = 4096;

std::int64_t divided_up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }
std::int64_t chunks_of(const NormShape& shape) { return divided_up(shape.voxels, kVoxelsOfChunk); }

template <bool kBf16>
__device__ float load(const void* voxels, std::int64_t i) {
  if constexpr (kBf16) return from_bf16(static_cast<const std::uint16_t*>(voxels)[i]);
  return static_cast<const float*>(voxels)[i];
}
template <bool kBf16>
__device__ void store(void* voxels, std::int64_t i, float value) {
  if constexpr (kBf16) {
    static_cast<std::uint16_t*>(voxels)[i] = to_bf16(value);
  } else {
    static_cast<float*>(voxels)[i] = value;
  }
}

// What one voxel gives to the two sums.
template <bool kBf16>
__device__ void add(const MomentsPass& pass, std::int64_t i, std::int64_t channel, float& sum, float& other) {
  const float away = load<kBf16>(pass.x, i) - pass.origin[channel];
  sum += away;
  other += away * away;
}
template <bool kBf16>
__device__ void add(const SumsPass& pass, std::int64_t i, std::int64_t channel, float& sum, float& other) {
  const float dz = before_leaky(load<kBf16>(pass.dy, i), load<kBf16>(pass.y, i), pass.slope);
  sum += dz;
  other += dz * (load<kBf16>(pass.x, i) - pass.mean[channel]);
}

// Block {chunk, sample, group of channels}: neighbouring threads take neighbouring channels, then voxels.
template <bool kBf16, class Pass>
__global__ void add_chunks(NormShape shape, Pass pass, double* scratch) {
  __shared__ float sums[kThreads], others[kThreads];
  const int across = static_cast<int>(shape.channels < kThreads ? shape.channels : kThreads);
  const int rows = kThreads / across, row = static_cast<int>(threadIdx.x) / across;
  const std::int64_t channel = static_cast<std::int64_t>(blockIdx.z) * across + threadIdx.x % across;
  const std::int64_t n = blockIdx.y, chunk = blockIdx.x;
  float sum = 0, other = 0;
  if (row < rows && channel < shape.channels) {
    const std::int64_t begin = chunk * kVoxelsOfChunk;
    const std::int64_t end = begin + kVoxelsOfChunk < shape.voxels ? begin + kVoxelsOfChunk : shape.voxels;
    for (std::int64_t v = begin + row; v < end; v += rows) {
      add<kBf16>(pass, (n * shape.voxels + v) * shape.channels + channel, n * shape.channels + channel, sum, other);
    }
  }
  sums[threadIdx.x] = sum;
  others[threadIdx.x] = other;
  __syncthreads();
  if (row != 0 || channel >= shape.channels) return;
  double all = 0, all_other = 0;
  for (int r = 0; r < rows; ++r) {
    all += sums[r * across + threadIdx.x];
    all_other += others[r * across + threadIdx.x];
  }
  double* const part = scratch + (n * gridDim.x + chunk) * 2 * shape.channels + channel;
  part[0] = all;
  part[shape.channels] = all_other;
}

__global__ void add_up(NormShape shape, std::int64_t chunks, const double* scratch, double* sum, double* other) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= shape.samples * shape.channels) return;
  const std::int64_t n = i / shape.channels, channel = i % shape.channels;
  double all = 0, all_other = 0;
  for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
    const double* const part = scratch + (n * chunks + chunk) * 2 * shape.channels + channel;
    all += part[0];
    all_other += part[shape.channels];
  }
  sum[i] = all;
  other[i] = all_other;
}

template <bool kBf16>
__device__ void change(const ForwardPass& pass, std::int64_t i, std::int64_t channel) {
  const float around = pass.around == nullptr ? 0.0f : load<kBf16>(pass.around, i);
  const float z = normed(load<kBf16>(pass.x, i), pass.mean[channel], pass.scale[channel], pass.shift[channel]);
  store<kBf16>(pass.y, i, leaky(z + around, pass.slope));
}
template <bool kBf16>
__device__ void change(const BackwardPass& pass, std::int64_t i, std::int64_t channel) {
  const float dz = before_leaky(load<kBf16>(pass.dy, i), load<kBf16>(pass.y, i), pass.slope);
  store<kBf16>(pass.dx, i,
               norm_gradient(dz, load<kBf16>(pass.x, i), pass.mean[channel], pass.of_dz[channel], pass.of_x[channel],
                             pass.rest[channel]));
  if (pass.dz != nullptr) store<kBf16>(pass.dz, i, dz);
}

template <bool kBf16, class Pass>
__global__ void change_all(NormShape shape, Pass pass) {
  const std::int64_t n = blockIdx.y, count = shape.voxels * shape.channels;
  const std::int64_t step = static_cast<std::int64_t>(gridDim.x) * blockDim.x;
  for (std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) {
    change<kBf16>(pass, n * count + i, n * shape.channels + i % shape.channels);
  }
}

void require_started() {
  const cudaError_t failed = cudaGetLastError();
  if (failed != cudaSuccess)
    throw core::Error(std::string("norm on the GPU: a kernel did not start: ") + cudaGetErrorString(failed));
}

template <class Pass>
void run_change(const NormShape& shape, const Pass& pass, CUstream_st* stream) {
  const std::int64_t blocks = divided_up(shape.voxels * shape.channels, 4 * kThreads);
  const dim3 grid(static_cast<unsigned>(blocks), static_cast<unsigned>(shape.samples));
  if (shape.bf16) {
    change_all<true><<<grid, kThreads, 0, stream>>>(shape, pass);
  } else {
    change_all<false><<<grid, kThreads, 0, stream>>>(shape, pass);
  }
  require_started();
}

template <class Pass>
void run_sums(const NormShape& shape, const Pass& pass, double* sum, double* other, double* scratch,
              CUstream_st* stream) {
  const std::int64_t across = shape.channels < kThreads ? shape.channels : kThreads, chunks = chunks_of(shape);
  const dim3 grid(static_cast<unsigned>(chunks), static_cast<unsigned>(shape.samples),
                  static_cast<unsigned>(divided_up(shape.channels, across)));
  if (shape.bf16) {
    add_chunks<true><<<grid, kThreads, 0, stream>>>(shape, pass, scratch);
  } else {
    add_chunks<false><<<grid, kThreads, 0, stream>>>(shape, pass, scratch);
  }
  const std::int64_t blocks = divided_up(shape.samples * shape.channels, kThreads);
  add_up<<<static_cast<unsigned>(blocks), kThreads, 0, stream>>>(shape, chunks, scratch, sum, other);
  require_started();
}

}  // namespace

std::int64_t scratch_doubles(const NormShape& shape) { return shape.samples * chunks_of(shape) * 2 * shape.channels; }

void run(const NormShape& shape, const MomentsPass& pass, double* scratch, CUstream_st* stream) {
  run_sums(shape, pass, pass.sum, pass.square, scratch, stream);
}
void run(const NormShape& shape, const SumsPass& pass, double* scratch, CUstream_st* stream) {
  run_sums(shape, pass, pass.dz, pass.dz_x, scratch, stream);
}
void run(const NormShape& shape, const ForwardPass& pass, CUstream_st* stream) { run_change(shape, pass, stream); }
void run(const NormShape& shape, const BackwardPass& pass, CUstream_st* stream) { run_change(shape, pass, stream); }

}  // namespace models::gpu
