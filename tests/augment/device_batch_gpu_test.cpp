// The batches of device_batch_test.cpp by the kernels. Never run: no GPU has been there yet.
#include <ATen/Context.h>

#include "device_batch_cases.h"

namespace {

using augment::PackedBatch;
using device_batch::Batch;
using device_batch::Made;

const at::Device kGpu(at::kCUDA, 0);

Made run_on_gpu(const PackedBatch& packed, bool bf16 = false) {
  Made made(packed, kGpu, bf16);
  if constexpr (runtime::kCudaKernels) {
    const auto bytes = [](std::size_t size) {
      return at::full({static_cast<std::int64_t>(size)}, 255, at::TensorOptions(at::kByte).device(kGpu));
    };
    const at::Tensor tables = bytes(packed.tables.size()), scratch = bytes(augment::scratch_bytes(packed));
    std::vector<std::byte> host = packed.tables;
    tables.copy_(at::from_blob(host.data(), {tables.numel()}, at::kByte));
    augment::gpu::run(packed, reinterpret_cast<std::byte*>(tables.data_ptr<std::uint8_t>()), made.views(),
                      reinterpret_cast<std::byte*>(scratch.data_ptr<std::uint8_t>()), runtime::current_stream(0));
  }
  return made;
}

// Larger than a block of any stage, sides that no block divides.
Batch large() { return device_batch::batch_of(augment::supervised({37, 41, 133}, 0, device_batch::always()), 8, 5); }

}  // namespace

TEST(DeviceBatchGpu, MakesTheViewsOfTheCpuForEveryRecipe) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  for (const auto& [name, recipe] : device_batch::recipes()) {
    SCOPED_TRACE(name);
    for (const std::uint64_t seed : {1, 2, 3}) {
      const Batch batch = device_batch::batch_of(recipe, seed);
      const auto stored = device_batch::stored(batch, kGpu);
      device_batch::expect_views(batch, run_on_gpu(augment::pack(batch.drawings, stored.sources)));
    }
  }
}

TEST(DeviceBatchGpu, MakesLargeViewsAndThoseThatAreOnlyPickedToTheBit) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  const Batch all = large();
  const auto of_all = device_batch::stored(all, kGpu);
  device_batch::expect_views(all, run_on_gpu(augment::pack(all.drawings, of_all.sources)));
  augment::Masked turned;
  turned.warp.rotation_chance = turned.warp.scale_chance = turned.warp.bend_chance = 1;
  const Batch picked = device_batch::batch_of(augment::masked({35, 34, 53}, turned), 5);
  const auto of_picked = device_batch::stored(picked, kGpu);
  device_batch::expect_views(picked, run_on_gpu(augment::pack(picked.drawings, of_picked.sources)), 0);
}

TEST(DeviceBatchGpu, RoundsToBfloat16OnceAndRepeatsToTheBit) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  const Batch batch = large();
  const auto stored = device_batch::stored(batch, kGpu);
  const PackedBatch packed = augment::pack(batch.drawings, stored.sources);
  const Made exact = run_on_gpu(packed), again = run_on_gpu(packed), rounded = run_on_gpu(packed, true);
  EXPECT_TRUE(at::equal(exact.image, again.image));
  EXPECT_TRUE(at::equal(rounded.image, exact.image.to(at::kBFloat16)));
}
