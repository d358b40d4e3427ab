#include "runtime/generators.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"

TEST(Generators, AStateComesBackAndAnotherIsRefused) {
  runtime::seed_generators(at::kCPU, 5);
  const at::Tensor first = at::rand({3});
  const at::Tensor state = runtime::generator_state(at::kCPU), second = at::rand({3});
  {
    const runtime::KeepGenerators keep(at::kCPU);
    at::rand({100});
  }
  const at::Tensor third = at::rand({3});
  runtime::set_generator_state(at::kCPU, state);
  EXPECT_TRUE(at::equal(at::rand({3}), second));
  EXPECT_TRUE(at::equal(at::rand({3}), third));
  runtime::seed_generators(at::kCPU, 5);
  EXPECT_TRUE(at::equal(at::rand({3}), first));
  EXPECT_THROW(runtime::set_generator_state(at::kCPU, at::zeros({3}, at::kByte)), core::Error);
}
