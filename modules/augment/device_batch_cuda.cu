// The stages of device_batch_plan.h on a GPU: indexing and launches; what happens to a voxel is in
// device_batch_{voxel,place,pick}.h, compiled without fused products and sums. Sums are added in a fixed order, so that
// a run repeats to the bit. Compiled in every build that finds nvcc, never run on a GPU: none has been there yet. The
// tests run this file on the CPU (tests/cuda/stand_in.h).
#include <cuda_runtime.h>

#include <string>

#include "augment/device_batch.h"
#include "augment/device_batch_pick.h"
#include "core/error.h"

namespace augment::gpu {
namespace {

constexpr int kWarp = 32, kWarps = 8, kThreads = kWarp * kWarps;
constexpr int kMostPoints = 32 + 3;  // control points of a bend along an axis (ops/warp.cpp)
static_assert(kWarps == kRowsOfBlock && kVoxelsOfBlock % (4 * kThreads) == 0);

__device__ Sums from_below(const Sums& sums, int distance) {
  constexpr unsigned kAll = 0xffffffffu;
  return {__shfl_down_sync(kAll, sums.sum, distance), __shfl_down_sync(kAll, sums.square, distance),
          __shfl_down_sync(kAll, sums.low, distance), __shfl_down_sync(kAll, sums.high, distance),
          __shfl_down_sync(kAll, sums.any, distance)};
}

// Of all threads of the block, in thread 0; every thread has to come here.
__device__ Sums total(Sums sums) {
  __shared__ Sums of_warp[kWarps];
  const int thread = static_cast<int>(threadIdx.y) * kWarp + static_cast<int>(threadIdx.x);
  for (int distance = kWarp / 2; distance > 0; distance /= 2) add(sums, from_below(sums, distance));
  if (thread % kWarp == 0) of_warp[thread / kWarp] = sums;
  __syncthreads();
  for (int warp = 1; thread == 0 && warp < kWarps; ++warp) add(sums, of_warp[warp]);
  return sums;
}

__device__ void leave_part(const BatchTables& batch, std::int32_t lane, const Sums& sums) {
  const Sums all = total(sums);
  if (threadIdx.x != 0 || threadIdx.y != 0) return;
  batch.parts[static_cast<std::int64_t>(lane) * batch.parts_of_lane + blockIdx.x] = all;
}

// Block {rows, lane}; a warp takes a row.
__global__ void __launch_bounds__(kThreads) pick_rows(BatchTables batch) {
  __shared__ float bends[kRowsOfBlock][3 * kMostPoints];
  __shared__ voxel::Line lines[kRowsOfBlock];
  const auto i = static_cast<std::int32_t>(blockIdx.y);
  const BatchSample sample = batch.in_samples[i / batch.channels];
  const BatchLane lane = batch.in_lanes[i];
  const int across = static_cast<int>(threadIdx.x), warp = static_cast<int>(threadIdx.y);
  const std::int32_t row = static_cast<std::int32_t>(blockIdx.x) * kRowsOfBlock + warp;
  const std::int32_t d = row / batch.height, h = row % batch.height;
  Sums sums{};
  if (d < batch.depth) {
    for (int k = across; k < 3 * sample.points; k += kWarp) bends[warp][k] = bend_point(batch, sample, d, h, k);
    if (across == 0) lines[warp] = voxel::line_of(sample.map, d, h);
    __syncwarp();
    const voxel::Line line = lines[warp];
    for (std::int32_t w = across; w < batch.width; w += kWarp)
      pick_voxel(batch, i, sample, lane, line, bends[warp], d, h, w, sums);
  }
  if (lane.stages[kPick].measures >= 0) leave_part(batch, i, sums);
}

// body(line of the block, voxel of the line), neighbouring threads on neighbouring voxels of memory.
template <bool kAlongWidth, class Body>
__device__ void for_each_voxel(std::int32_t lines, std::int32_t extent, const Body& body) {
  const auto x = static_cast<std::int32_t>(threadIdx.x), y = static_cast<std::int32_t>(threadIdx.y);
  if constexpr (kAlongWidth) {
    for (std::int32_t l = y; l < lines; l += kWarps) {
      for (std::int32_t k = x; k < extent; k += kWarp) body(l, k);
    }
  } else if (x < lines) {
    for (std::int32_t k = y; k < extent; k += kWarps) body(x, k);
  }
}

// Block {lines, lane}: whole lines go to shared memory, changed on the way, and come back filtered.
template <bool kAlongWidth>
__global__ void __launch_bounds__(kThreads) filter_lines(BatchTables batch, int stage) {
  extern __shared__ float tile[];
  const auto i = static_cast<std::int32_t>(blockIdx.y);
  const StageOfLane of = batch.in_lanes[i].stages[stage];
  if (of.active == 0) return;
  const int axis = axis_of(stage);
  const std::int32_t extent = extent_of(batch, axis), step = line_step(batch, axis), most = lines_of_block(extent);
  const std::int32_t first = static_cast<std::int32_t>(blockIdx.x) * most, left = voxels_of(batch) / extent - first;
  const std::int32_t lines = left < most ? left : most, pitch = most + 1;
  const ReadyChange ready = ready_change(batch, i, of.change);
  float* const work = work_of(batch, i);
  for_each_voxel<kAlongWidth>(lines, extent, [&](std::int32_t l, std::int32_t k) {
    const std::int32_t index = line_start(batch, axis, first + l) + k * step;
    tile[k * pitch + l] = changed(ready, work[index], index);
  });
  __syncthreads();
  Sums sums{};
  for_each_voxel<kAlongWidth>(lines, extent, [&](std::int32_t l, std::int32_t k) {
    const float voxel = filtered(batch, of.filter, extent, k, tile + l, pitch);
    work[line_start(batch, axis, first + l) + k * step] = voxel;
    if (of.measures >= 0) add(sums, voxel);
  });
  if (of.measures >= 0) leave_part(batch, i, sums);
}

// body(voxel of the lane, its value changed) for the voxels of the block; noise is made for four at once.
template <class Body>
__device__ void change_block(const BatchTables& batch, std::int32_t i, const ReadyChange& ready, const Body& body) {
  const float* const work = work_of(batch, i);
  const std::int32_t begin = static_cast<std::int32_t>(blockIdx.x) * kVoxelsOfBlock, all = voxels_of(batch);
  const std::int32_t end = all - begin < kVoxelsOfBlock ? all : begin + kVoxelsOfBlock;
  const std::int32_t thread = static_cast<std::int32_t>(threadIdx.y) * kWarp + static_cast<std::int32_t>(threadIdx.x);
  if (ready.change != Change::kNoise) {
    for (std::int32_t at = begin + thread; at < end; at += kThreads) body(at, leveled(ready, work[at]));
    return;
  }
  for (std::int32_t four = begin + 4 * thread; four < end; four += 4 * kThreads) {
    float noise[4];
    voxel::noise_of(ready.seed, ready.channel, static_cast<std::uint32_t>(four / 4), ready.deviation, noise);
    for (int k = 0; k < 4; ++k) {
      if (four + k < end) body(four + k, work[four + k] + noise[k]);
    }
  }
}

// Block {voxels, lane}.
__global__ void __launch_bounds__(kThreads) change_voxels(BatchTables batch, int stage) {
  const auto i = static_cast<std::int32_t>(blockIdx.y);
  const StageOfLane of = batch.in_lanes[i].stages[stage];
  if (of.active == 0) return;
  float* const work = work_of(batch, i);
  Sums sums{};
  change_block(batch, i, ready_change(batch, i, of.change), [&](std::int32_t at, float voxel) {
    work[at] = voxel;
    if (of.measures >= 0) add(sums, voxel);
  });
  if (of.measures >= 0) leave_part(batch, i, sums);
}

__global__ void __launch_bounds__(kThreads) write_views(BatchTables batch) {
  const auto i = static_cast<std::int32_t>(blockIdx.y);
  const StageOfLane of = batch.in_lanes[i].stages[kFinal];
  if (of.active == 0) return;
  const BatchSample sample = batch.in_samples[i / batch.channels];
  change_block(batch, i, ready_change(batch, i, of.change),
               [&](std::int32_t at, float voxel) { finish_voxel(batch, sample, i, at, voxel); });
}

// Block {., lane}.
__global__ void __launch_bounds__(kThreads) add_up(BatchTables batch, int stage) {
  const auto i = static_cast<std::int32_t>(blockIdx.y);
  const int measures = batch.in_lanes[i].stages[stage].measures;
  if (measures < 0) return;
  const Sums* const parts = batch.parts + static_cast<std::int64_t>(i) * batch.parts_of_lane;
  const int thread = static_cast<int>(threadIdx.y) * kWarp + static_cast<int>(threadIdx.x);
  Sums sums{};
  for (std::int32_t part = thread; part < blocks_of(batch, stage); part += kThreads) add(sums, parts[part]);
  const Sums all = total(sums);
  if (thread == 0) batch.moments[i * kMoments + measures] = moments_of(all, voxels_of(batch));
}

void run_stage(const BatchTables& batch, int stage, CUstream_st* stream) {
  const dim3 grid(static_cast<unsigned>(blocks_of(batch, stage)),
                  static_cast<unsigned>(batch.samples * batch.channels));
  const dim3 threads(kWarp, kWarps);
  const int axis = axis_of(stage);
  if (stage == kPick) {
    pick_rows<<<grid, threads, 0, stream>>>(batch);
  } else if (stage == kFinal) {
    write_views<<<grid, threads, 0, stream>>>(batch);
  } else if (axis < 0) {
    change_voxels<<<grid, threads, 0, stream>>>(batch, stage);
  } else {
    const std::int32_t extent = extent_of(batch, axis);
    const auto bytes = static_cast<std::size_t>(extent * (lines_of_block(extent) + 1)) * sizeof(float);
    if (axis == 2) {
      filter_lines<true><<<grid, threads, bytes, stream>>>(batch, stage);
    } else {
      filter_lines<false><<<grid, threads, bytes, stream>>>(batch, stage);
    }
  }
}

}  // namespace

void run(const PackedBatch& batch, std::byte* tables, const DeviceViews& views, std::byte* scratch,
         CUstream_st* stream) {
  const BatchTables all = tables_of(batch, tables, views, scratch);
  for (int stage = 0; stage < kStages; ++stage) {
    const StageUse use = batch.stages[static_cast<std::size_t>(stage)];
    if (!use.active) continue;
    run_stage(all, stage, stream);
    if (use.measures)
      add_up<<<dim3(1, static_cast<unsigned>(all.samples * all.channels)), dim3(kWarp, kWarps), 0, stream>>>(all,
                                                                                                             stage);
  }
  const cudaError_t failed = cudaGetLastError();
  if (failed != cudaSuccess)
    throw core::Error(std::string("views on the GPU: a kernel did not start: ") + cudaGetErrorString(failed));
}

}  // namespace augment::gpu
