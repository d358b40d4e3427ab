#pragma once
// The kernels of device_batch_cuda.cu on the CPU, through the stand-in of tests/cuda.

#include <algorithm>
#include <cstring>

#include "device_batch_cases.h"

namespace augment::stand_in {
void run(const PackedBatch& batch, std::byte* tables, const DeviceViews& views, std::byte* scratch,
         CUstream_st* stream);
}  // namespace augment::stand_in

namespace device_batch {

// Behind scratch and views lies what nobody may touch; tables stay as they were.
inline Made run_by_kernels(const augment::PackedBatch& packed, bool bf16 = false) {
  augment::PackedBatch one_more = packed;
  ++one_more.samples;
  Made made(one_more, at::kCPU, bf16);
  std::vector<std::byte> tables = packed.tables;
  const std::size_t bytes = augment::scratch_bytes(packed);
  std::vector<std::byte> scratch(bytes + 4096, std::byte{0xff});
  augment::stand_in::run(packed, tables.data(), made.views(), scratch.data(), nullptr);
  EXPECT_TRUE(tables == packed.tables) << "tables were written to";
  EXPECT_TRUE(std::all_of(scratch.begin() + static_cast<std::ptrdiff_t>(bytes), scratch.end(), [](std::byte each) {
    return each == std::byte{0xff};
  })) << "written behind the scratch";
  EXPECT_TRUE((made.image[packed.samples] == -77).all().item<bool>()) << "written behind the images";
  for (at::Tensor* const each : {&made.labels, &made.valid, &made.hidden})
    EXPECT_TRUE(((*each)[packed.samples] == 77).all().item<bool>()) << "written behind labels, valid or hidden";
  for (at::Tensor* const each : {&made.image, &made.labels, &made.valid, &made.hidden})
    *each = each->narrow(0, 0, packed.samples);
  return made;
}

inline void expect_kernels_make(const Batch& batch, double part = 1e-4) {
  const Stored all = stored(batch, at::kCPU);
  expect_views(batch, run_by_kernels(augment::pack(batch.drawings, all.sources)), part);
}

// Without noise, blur and what else measures: equal to the bit.
inline Batch only_picked(const volume::Shape& patch, std::size_t views) {
  augment::Masked turned;
  turned.warp.rotation_chance = turned.warp.scale_chance = turned.warp.bend_chance = 1;
  return batch_of(augment::masked(patch, turned), 5, views);
}

inline void expect_rounds_once_and_repeats(const Batch& batch) {
  const Stored all = stored(batch, at::kCPU);
  const augment::PackedBatch packed = augment::pack(batch.drawings, all.sources);
  const Made exact = run_by_kernels(packed), again = run_by_kernels(packed), rounded = run_by_kernels(packed, true);
  EXPECT_TRUE(at::equal(exact.image, again.image));
  EXPECT_TRUE(at::equal(rounded.image, exact.image.to(at::kBFloat16)));
}

}  // namespace device_batch
