// The same cases on the GPU as on the CPU.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "norm_cases.h"
#include "runtime/dispatch.h"

namespace {

TEST(NormLeakyGpu, ValuesAndGradientsAreThoseOfTheCpu) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  for (const NormCase& each : norm_cases()) {
    SCOPED_TRACE(each.text());
    const NormResult truth = run_plain(each);
    expect_near(run_fused(each, at::Device(at::kCUDA, 0), at::kFloat), truth, 3e-5);
    expect_near(run_fused(each, at::Device(at::kCUDA, 0), at::kBFloat16), truth, 5e-2);
  }
}

TEST(NormLeakyGpu, RepeatsToTheBit) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU, or a LibTorch without CUDA";
  if (!runtime::kCudaKernels) GTEST_SKIP() << "the kernels are not linked: configure with --preset cuda";
  const NormCase big{{2, 32, 16, 32, 32}, 32, 0.01, true};
  const NormResult first = run_fused(big, at::Device(at::kCUDA, 0), at::kBFloat16);
  const NormResult again = run_fused(big, at::Device(at::kCUDA, 0), at::kBFloat16);
  EXPECT_TRUE(at::equal(first.y, again.y));
  for (std::size_t i = 0; i < first.gradients.size(); ++i) {
    EXPECT_TRUE(at::equal(first.gradients[i], again.gradients[i]));
  }
}

}  // namespace
