// The batches of device_batch_gpu_test.cpp, smaller, by the kernels themselves on the CPU.
#include "device_batch_kernels.h"

namespace {

using device_batch::Batch;

// Several blocks of every stage, the last of them not full.
Batch several_blocks(std::size_t views) {
  return device_batch::batch_of(augment::supervised({17, 19, 21}, 0, device_batch::always()), 8, views);
}

}  // namespace

TEST(DeviceBatchKernels, MakeTheViewsOfTheCpuForEveryRecipe) {
  for (const auto& [name, recipe] : device_batch::recipes()) {
    SCOPED_TRACE(name);
    device_batch::expect_kernels_make(device_batch::batch_of(recipe, 1, 1));
  }
}

TEST(DeviceBatchKernels, MakeViewsOfSeveralBlocksAndThoseThatAreOnlyPickedToTheBit) {
  device_batch::expect_kernels_make(several_blocks(4));
  device_batch::expect_kernels_make(device_batch::only_picked({15, 14, 33}, 4), 0);
}

TEST(DeviceBatchKernels, RoundToBfloat16OnceAndRepeatToTheBitInAnyOrderOfThreads) {
  device_batch::expect_rounds_once_and_repeats(several_blocks(1));
}
