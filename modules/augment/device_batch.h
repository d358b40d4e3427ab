#pragma once
// A whole batch of views made on a GPU: what recipe.h's `apply` makes one by one on the CPU, which is the truth.
//
// Two steps. `pack` turns drawings into plain tables on the host, any thread, no voxel is looked at. `gpu::run` is
// given the tables and the voxels on the device and puts kernels on a stream; it waits for nothing and copies nothing
// back. Views are of one shape and number of channels; images come out as float32 or bfloat16 [N, C, D, H, W], labels
// as int64, `valid` and `hidden` as uint8 [N, D, H, W].
//
// Images are within 1e-4 of the range of what the CPU makes: the arithmetic of a voxel is the same to the bit
// (voxel_math.h, voxel_place.h), means and deviations differ in the last digits. valid, hidden and labels are equal. A
// run repeats to the bit.

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "augment/device_batch_plan.h"
#include "runtime/dispatch.h"
#include "volume/reorient.h"
#include "volume/transform.h"

namespace augment {

struct Drawing;  // recipe.h, which has tensors

// Whether this drawing has a form on the GPU: its ops stand in the order of recipes.cpp (crop or warp, noise, blur,
// brightness, contrast, low_resolution, gamma, mirror, block_mask; any may be missing), and its sides are at most
// kLongestSide. The CPU makes the rest.
inline constexpr std::int64_t kLongestSide = 1536;
bool supports(const Drawing& drawing);
// As View::voxel_to_case.
volume::Transform voxel_to_case(const Drawing& drawing);

// Where the voxels of one channel lie: [D, H, W] of the box that was read, in the type they are stored in.
// value = voxel * scale + offset, after interpolation.
struct DeviceChannel {
  const void* voxels = nullptr;  // on the device; null: the case lacks the channel, the view shows 0
  Stored stored = Stored::kInt16;
  float scale = 1, offset = 0;
};
struct DeviceSource {
  std::vector<DeviceChannel> channels;
  const void* labels = nullptr;  // on the device, of the same box; null: none, the view's labels are 0
  int label_bytes = 1;           // 1: uint8, 2: uint16
  volume::VoxelBox box;          // holds at least Drawing::box()
};

struct PackedBatch {
  volume::Shape shape;  // of a view
  std::int64_t samples = 0, channels = 0;
  std::vector<std::byte> tables;  // to be copied to the device, aligned to 16 bytes: samples, lanes, words
  std::size_t lanes_at = 0, words_at = 0;
  std::array<StageUse, kStages> stages{};  // what the whole batch asks of each
};

// Throws Error when views and sources do not fit each other, are of several shapes, or are not supported. Pointers in
// the tables are those of `sources`.
PackedBatch pack(std::span<const Drawing> drawings, std::span<const DeviceSource> sources);

// On the device, of the sizes above.
struct DeviceViews {
  void* image = nullptr;
  bool bf16 = false;               // image: rounded once, to the nearest, else float32
  std::int64_t* labels = nullptr;  // null: not wanted
  std::uint8_t* valid = nullptr;
  std::uint8_t* hidden = nullptr;  // null: not wanted
};

// Bytes of working memory that `run` wants of the caller, aligned to 16; no content is kept from run to run.
std::size_t scratch_bytes(const PackedBatch& batch);
// What the kernels, or a test on the CPU, are handed: `tables` and `scratch` as pointers where they run.
BatchTables tables_of(const PackedBatch& batch, std::byte* tables, const DeviceViews& views, std::byte* scratch);

// There only where runtime::kCudaKernels. `tables` (a copy of batch.tables), voxels, views and scratch are on the
// device that is current and stay untouched until the stream has come past. Throws Error when a kernel cannot start.
namespace gpu {
void run(const PackedBatch& batch, std::byte* tables, const DeviceViews& views, std::byte* scratch,
         CUstream_st* stream);
}  // namespace gpu

}  // namespace augment
