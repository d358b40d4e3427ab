// Uploads on a GPU. Never run: no GPU has been there yet.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include <cstring>

#include "runtime/staging.h"

TEST(StagingGpu, BringsEveryBatchToTheGpuAsItWasWritten) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  if constexpr (runtime::kCudaKernels) {
    constexpr std::int64_t kBytes = 1 << 20;
    runtime::Staging staging(0);
    CUstream_st* const stream = runtime::current_stream(0);
    std::vector<at::Tensor> read;
    for (int turn = 0; turn < 9; ++turn) {
      runtime::Staging::Slot& slot = staging.take(turn % 2 == 0 ? kBytes : kBytes / 2 + 7);
      runtime::Staging::Slot& unused = staging.take(7);
      const std::int64_t bytes = turn % 2 == 0 ? kBytes - 7 : kBytes / 2;
      std::memset(slot.host(), turn + 1, static_cast<std::size_t>(bytes));
      staging.upload(slot, static_cast<std::size_t>(bytes));
      staging.await(slot, stream);
      read.push_back(at::from_blob(slot.device(), {bytes}, at::TensorOptions(at::kByte).device(at::kCUDA, 0)).clone());
      staging.release(slot, stream);
      staging.give_back(slot);
      staging.give_back(unused);
    }
    for (std::size_t turn = 0; turn < read.size(); ++turn) {
      const at::Tensor values = read[turn].to(at::kCPU);
      EXPECT_TRUE((values == static_cast<std::int64_t>(turn + 1)).all().item<bool>()) << turn;
    }
  }
}
