// Times of a GPU come from its own events.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "train/timings.h"

TEST(TimingsGpu, WorkOfTheDeviceIsTimedThereWithoutWaitingForIt) {
  if (!at::globalContext().hasCUDA()) GTEST_SKIP() << "no GPU here";
  train::Timings timings(c10::Device(at::kCUDA, 0));
  timings.begin(0);
  at::Tensor a = at::rand({2048, 2048}, at::TensorOptions().device(at::kCUDA));
  for (int step = 0; step < 20; ++step) {
    {
      const auto mark = timings.mark(train::Part::kForward);
      for (int i = 0; i < 10; ++i) a = at::matmul(a, a).tanh();
    }
    const auto mark = timings.mark(train::Part::kBackward);
    a = a + 1;
  }
  EXPECT_TRUE(a.cpu().isfinite().all().item<bool>());  // waits for all of it
  timings.end_step(0);
  const auto row = timings.take();
  EXPECT_GT(row.at("time/forward_s"), row.at("time/backward_s"));
  EXPECT_GT(row.at("time/backward_s"), 0);
  EXPECT_LE(row.at("time/forward_s") + row.at("time/backward_s"), row.at("time/step_s"));
}
