// The batches of device_batch_gpu_test.cpp by the kernels themselves on the CPU.
#include "device_batch_kernels.h"

namespace {

device_batch::Batch large(std::size_t views) {
  return device_batch::batch_of(augment::supervised({37, 41, 133}, 0, device_batch::always()), 8, views);
}

}  // namespace

TEST(LargeDeviceBatchKernels, MakeTheViewsOfTheCpuForEveryRecipe) {
  for (const auto& [name, recipe] : device_batch::recipes()) {
    SCOPED_TRACE(name);
    for (const std::uint64_t seed : {1, 2, 3}) device_batch::expect_kernels_make(device_batch::batch_of(recipe, seed));
  }
}

TEST(LargeDeviceBatchKernels, MakeLargeViewsAndThoseThatAreOnlyPickedToTheBit) {
  device_batch::expect_kernels_make(large(3));
  device_batch::expect_kernels_make(device_batch::only_picked({35, 34, 53}, 6), 0);
}

TEST(LargeDeviceBatchKernels, RoundToBfloat16OnceAndRepeatToTheBitInAnyOrderOfThreads) {
  device_batch::expect_rounds_once_and_repeats(large(1));
}
