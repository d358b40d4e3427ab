// Small kernels for stand_in_test.cpp, most of them wrong on purpose. No GPU ever sees them.
#include <cuda_runtime.h>

#include "cuda/faults.h"

namespace faults::gpu {
namespace {

constexpr int kThreads = 64;

__global__ void number_all(int* numbers) {
  const unsigned x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  const unsigned z = blockIdx.z * blockDim.z + threadIdx.z;
  const unsigned wide = gridDim.x * blockDim.x, high = gridDim.y * blockDim.y;
  numbers[(z * high + y) * wide + x] += static_cast<int>(100 * z + 10 * y + x);
}

template <bool kWithBarrier>
__global__ void turn_around(float* voxels) {
  __shared__ float before[kThreads], unused[2][kThreads / 2];
  unused[threadIdx.x % 2][threadIdx.x / 2] = 0;
  float* const of_block = voxels + blockIdx.x * kThreads;
  before[threadIdx.x] = of_block[threadIdx.x];
  if constexpr (kWithBarrier) __syncthreads();
  of_block[threadIdx.x] = before[kThreads - 1 - threadIdx.x];
}

__global__ void shuffle(int distance, double* from_below, int* first) {
  extern __shared__ float given[];
  from_below[threadIdx.x] = __shfl_down_sync(0xffffffffu, threadIdx.x + 0.5, distance);
  int sum = static_cast<int>(threadIdx.x);
  for (int step = 16; step > 0; step /= 2) sum += __shfl_down_sync(0xffffffffu, sum, step);
  given[threadIdx.x] = static_cast<float>(sum);
  __syncwarp();
  first[threadIdx.x] = static_cast<int>(given[threadIdx.x / 32 * 32]);
}

__global__ void leave_early() {
  if (threadIdx.x < 3) return;
  __syncthreads();
}

__global__ void wait_apart() {
  if (threadIdx.x < 32) {
    __syncthreads();
  } else {
    __syncthreads();
  }
}

__global__ void write_behind(int index) {
  __shared__ float first[kThreads];
  __shared__ float second[kThreads];
  first[threadIdx.x] = 0;
  second[threadIdx.x] = 0;
  if (threadIdx.x == 0) first[index] = 1;
}

__global__ void last_wins(int* block, int* thread) {
  *block = static_cast<int>(blockIdx.x);
  *thread = static_cast<int>(threadIdx.x);
}

__global__ void ask_for(std::uint64_t* bytes) {
  extern __shared__ double asked[];
  __shared__ float more[kThreads];
  asked[0] = more[0] = 0;
  *bytes = gridDim.x;
}

}  // namespace

void run_number_all(int* numbers) { number_all<<<dim3(2, 3, 2), dim3(5, 3, 2)>>>(numbers); }
void run_turn_around(bool with_barrier, int blocks, float* voxels) {
  const auto grid = static_cast<unsigned>(blocks);
  if (with_barrier) {
    turn_around<true><<<grid, kThreads>>>(voxels);
  } else {
    turn_around<false><<<grid, kThreads>>>(voxels);
  }
}
void run_shuffle(int distance, double* from_below, int* first) {
  shuffle<<<1, kThreads, kThreads * sizeof(float)>>>(distance, from_below, first);
}
void run_leave_early() { leave_early<<<1, kThreads>>>(); }
void run_wait_apart() { wait_apart<<<1, kThreads>>>(); }
void run_write_behind(int index) { write_behind<<<1, kThreads>>>(index); }
void run_last_wins(int* block, int* thread) { last_wins<<<8, kThreads>>>(block, thread); }
void run_ask_for(unsigned blocks, unsigned along_y, unsigned threads, std::size_t bytes) {
  std::uint64_t seen = 0;
  ask_for<<<dim3(blocks, along_y), threads, bytes>>>(&seen);
}

}  // namespace faults::gpu
