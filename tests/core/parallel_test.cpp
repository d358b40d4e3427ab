#include "core/parallel.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/error.h"
#include "core/progress.h"

TEST(ParallelFor, DoesEachIndexOnceWhateverTheNumberOfThreads) {
  for (const int threads : {1, 2, 7, 100}) {
    std::vector<int> done(50, 0);
    core::parallel_for(50, threads, [&](std::int64_t i) { ++done[static_cast<std::size_t>(i)]; });
    EXPECT_EQ(done, std::vector<int>(50, 1));
  }
  core::parallel_for(0, 4, [](std::int64_t) { FAIL(); });
}

TEST(ParallelFor, HandsAnErrorToItsCaller) {
  EXPECT_THROW(core::parallel_for(100, 3,
                                  [](std::int64_t i) {
                                    if (i == 17) throw core::Error("case 17");
                                  }),
               core::Error);
}

TEST(Progress, TellsRateAndTimeLeft) {
  core::Progress progress("pretrain", "steps", 100, core::Progress::Style::kSilent);
  progress.advance(40, "loss 1.23");
  EXPECT_EQ(progress.line(5), "pretrain 40/100 steps, 8.0 steps/s, 8 s left, loss 1.23");
  EXPECT_EQ(progress.line(8000), "pretrain 40/100 steps, 200.0 s each, 3:20:00 left, loss 1.23");
}
