#pragma once
// A stand-in for CUDA on one thread of the CPU, for .cu files of ours that rewrite.cmake has turned into C++: it runs
// their indexing, barriers, shuffles and shared memory where there is no GPU.
//
// What it stands in for: launches, dim3 and the four variables of place, shared memory, __syncthreads, __syncwarp and
// __shfl_down_sync of whole warps. A thread of a block is a coroutine that runs up to its next barrier; blocks come one
// after another. Blocks, and threads between barriers, take turns in an order that is drawn anew each time: what hangs
// on the order differs from run to run. Shared memory is all NaN before each block.
//
// A launch is done when it returns, and throws std::runtime_error when CUDA would not start it (no block or thread,
// over 1024 threads, over 65535 blocks along y or z, over 48 KiB of shared memory), when not all threads reach a
// barrier or some wait at another, and when something was written right behind an array of shared memory.
//
// What it does not prove: that warps which run truly at once do not race where a thread here runs through, anything
// of the memory model, of alignment, registers and speed, that pointers are the device's, that the device rounds
// alike, and that nobody leaves the arrays of global memory (that is for the tests to see).
//
// One host thread at a time.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <type_traits>

struct CUstream_st;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned along_x = 1, unsigned along_y = 1, unsigned along_z = 1)
      : x(along_x), y(along_y), z(along_z) {}
};
inline dim3 threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__
#define __host__
#define __launch_bounds__(threads)

namespace cuda_stand_in {

inline constexpr std::size_t kSharedBytes = 48 << 10;
inline constexpr unsigned kWarp = 32, kWholeWarp = 0xffffffffu;

struct Launch {
  dim3 grid, threads;
  std::size_t shared_bytes = 0;
};
// Calls `thread` once for each thread of each block.
void run(const Launch& launch, const std::function<void()>& thread);

// `name<<<configuration>>>(arguments)` becomes `kernel(name, configuration)(arguments)`. As on the device, each thread
// has arguments of its own.
template <class Kernel>
[[nodiscard]] auto kernel(Kernel kernel, dim3 grid, dim3 threads, std::size_t shared_bytes = 0,
                          CUstream_st* /*stream*/ = nullptr) {
  return [=](auto... arguments) { run({grid, threads, shared_bytes}, [&] { kernel(arguments...); }); };
}

// The same memory for all threads of the block that hand in the same key; aligned to 16 bytes.
std::byte* shared_memory(const char& key, std::size_t bytes);
template <class Array>
Array& shared(const char& key) {
  static_assert(alignof(Array) <= 16 && std::is_trivially_destructible_v<Array>);
  return *reinterpret_cast<Array*>(shared_memory(key, sizeof(Array)));
}
// The memory that the launch asked for.
std::byte* dynamic_shared_memory();
template <class Voxel>
Voxel* dynamic_shared() {
  return reinterpret_cast<Voxel*>(dynamic_shared_memory());
}

// `line` of the source tells barriers apart.
void meet_block(int line);
void meet_warp(unsigned mask, int line);
// Of the thread `distance` further in the warp, or of this one where there is none.
std::uint64_t from_below(unsigned mask, std::uint64_t value, unsigned distance, int width, int line);

}  // namespace cuda_stand_in

inline void __syncthreads(int line = __builtin_LINE()) { cuda_stand_in::meet_block(line); }
inline void __syncwarp(unsigned mask = cuda_stand_in::kWholeWarp, int line = __builtin_LINE()) {
  cuda_stand_in::meet_warp(mask, line);
}
template <class Number>
Number __shfl_down_sync(unsigned mask, Number value, unsigned distance, int width = cuda_stand_in::kWarp,
                        int line = __builtin_LINE()) {
  static_assert(std::is_arithmetic_v<Number> && sizeof(Number) >= 4 && sizeof(Number) <= 8);
  using Bits = std::conditional_t<sizeof(Number) == 8, std::uint64_t, std::uint32_t>;
  const std::uint64_t bits = cuda_stand_in::from_below(mask, __builtin_bit_cast(Bits, value), distance, width, line);
  return __builtin_bit_cast(Number, static_cast<Bits>(bits));
}

// A launch that fails has thrown by the time somebody asks.
using cudaError_t = int;
inline constexpr cudaError_t cudaSuccess = 0;
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline const char* cudaGetErrorString(cudaError_t) { return "no error"; }
