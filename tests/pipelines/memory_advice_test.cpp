#include "pipelines/memory_advice.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <limits>

namespace {

core::Error thrown_by(const std::function<core::Exit()>& body, const std::function<std::int64_t()>& needed = {}) {
  try {
    pipelines::with_memory_advice(body, needed);
  } catch (const core::Error& error) {
    return error;
  }
  return core::Error("nothing was thrown");
}

// More than any machine has.
core::Exit too_much() {
  const at::Tensor much = at::empty({std::int64_t{1} << 55}, at::kFloat);
  return much.defined() ? core::Exit::kDone : core::Exit::kBug;
}

}  // namespace

TEST(MemoryAdvice, WhateverSaysThatThereIsNoMemoryBecomesOneMessageWithTheForecast) {
  const std::vector<std::function<core::Exit()>> bodies{
      too_much, []() -> core::Exit { throw std::bad_alloc(); },
      []() -> core::Exit { throw std::runtime_error("could not create a memory object"); }};
  for (const auto& body : bodies) {
    const core::Error error = thrown_by(body, [] { return std::int64_t{3} << 30; });
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_EQ(error.story(), "there is not enough memory for a step; the forecast for it is 3.0 GiB");
    for (const char* const setting : {"trainer.accumulate", "data.batch_size", "data.patch", "trainer.recompute"})
      EXPECT_NE(error.hint().find(setting), std::string::npos) << error.hint();
  }
}

TEST(MemoryAdvice, WithoutAForecastTheMessageIsTheRest) {
  EXPECT_EQ(thrown_by(too_much).story(), "there is not enough memory for a step");
  EXPECT_EQ(thrown_by(too_much, []() -> std::int64_t { throw std::bad_alloc(); }).story(),
            "there is not enough memory for a step");
}

TEST(MemoryAdvice, OtherErrorsPass) {
  const core::Error own = thrown_by([]() -> core::Exit { throw core::Error("out of memory in the story"); });
  EXPECT_EQ(own.story(), "out of memory in the story");
  EXPECT_EQ(own.exit(), core::Exit::kNothingUsable);
  EXPECT_THROW(pipelines::with_memory_advice([]() -> core::Exit { throw std::logic_error("a bug"); }),
               std::logic_error);
  EXPECT_EQ(pipelines::with_memory_advice([] { return core::Exit::kSomeFailed; }), core::Exit::kSomeFailed);
}
