// Where the time goes. Nothing here asks how long something takes, only where it is counted.
#include "train/timings.h"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>

#include "linear.h"
#include "small_run.h"
#include "train/metrics.h"

namespace {

using train::Part;

// Returns once so many milliseconds are over by the clock that marks read.
void spend(int milliseconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(milliseconds);
  while (std::chrono::steady_clock::now() < until) {
  }
}

TEST(Timings, AMarkCountsForItsPartAndTheRestIsOther) {
  train::Timings timings(at::kCPU);
  timings.begin(0);
  for (int step = 0; step < 2; ++step) {
    {
      const auto mark = timings.mark(Part::kLoad);
      spend(4);
    }
    {
      const auto mark = timings.mark(Part::kBackward);
      spend(2);
    }
    spend(1);
    timings.end_step(0.25 * (step + 1));
  }
  const auto row = timings.take();
  EXPECT_GE(row.at("time/load_s"), 0.004);  // a mean over the steps
  EXPECT_GE(row.at("time/backward_s"), 0.002);
  EXPECT_GE(row.at("time/other_s"), 0.001);
  for (const char* const none : {"forward", "comm", "optimiser", "watch", "checkpoint"})
    EXPECT_EQ(row.at(std::string("time/") + none + "_s"), 0) << none;
  EXPECT_DOUBLE_EQ(row.at("time/augment_s"), 0.25);
  EXPECT_DOUBLE_EQ(row.at("time/data_share"), row.at("time/load_s") / row.at("time/step_s"));
  EXPECT_EQ(timings.data_share(), row.at("time/data_share"));
}

TEST(Timings, PartsAndOtherAddUpToTheStep) {
  train::Timings timings(at::kCPU);
  timings.begin(7);
  for (int p = 0; p < static_cast<int>(train::kParts); ++p) {
    const auto mark = timings.mark(static_cast<Part>(p));
    spend(1);
  }
  timings.end_step(7.5);
  const auto row = timings.take();
  double sum = 0;
  for (const auto& [name, value] : row) {
    if (name != "time/step_s" && name != "time/augment_s" && name != "time/data_share") sum += value;
  }
  EXPECT_NEAR(sum, row.at("time/step_s"), 1e-9);
  EXPECT_DOUBLE_EQ(row.at("time/augment_s"), 0.5);
}

TEST(Timings, EachRowTellsOfItsOwnStepsAndTheLastLineOfAll) {
  train::Timings timings(at::kCPU);
  EXPECT_EQ(timings.told(), "");
  timings.begin(0);
  EXPECT_TRUE(timings.take().empty());
  {
    const auto mark = timings.mark(Part::kForward);
    spend(8);
  }
  timings.end_step(0);
  timings.take();
  {
    const auto mark = timings.mark(Part::kLoad);
    spend(4);
  }
  timings.end_step(0);
  const auto row = timings.take();
  EXPECT_EQ(row.at("time/forward_s"), 0);
  EXPECT_GE(row.at("time/load_s"), 0.004);
  const std::string told = timings.told();
  EXPECT_NE(told.find("forward "), std::string::npos) << told;
  EXPECT_NE(told.find("waiting for data "), std::string::npos) << told;
  EXPECT_EQ(told.find("optimiser"), std::string::npos) << told;
}

// Batches that are late.
class Late : public data::BatchSource {
 public:
  data::Batch next() override {
    spend(3);
    return source_.next();
  }
  std::uint64_t position() const override { return source_.position(); }
  void seek(std::uint64_t position) override { source_.seek(position); }
  std::int64_t epoch_size() const override { return source_.epoch_size(); }
  std::unique_ptr<data::BatchSource> pass() const override { return source_.pass(); }

 private:
  data::Loader source_ = small::loader();
};

TEST(Timings, ARunWritesThemApartFromTheRowsThatRepeatToTheByte) {
  const small::Folder folder;
  Linear learner;
  Late source;
  const auto comm = runtime::alone();
  const auto result = train::fit(learner, source, small::settings(12), small::run_folder(folder), at::kCPU, *comm, {});
  for (const auto& [name, rows] : train::read_metrics(folder / "metrics.csv")) EXPECT_FALSE(name.starts_with("time/"));
  const auto times = train::read_metrics(folder / "timings.csv");
  for (const char* const name : {"load_s", "forward_s", "backward_s", "comm_s", "optimiser_s", "watch_s",
                                 "checkpoint_s", "other_s", "step_s", "augment_s", "data_share"}) {
    const auto& rows = times.at(std::string("time/") + name);
    ASSERT_EQ(rows.size(), 3u) << name;  // after 5, 10 and the last
    EXPECT_EQ(rows.back().first, 12) << name;
  }
  for (const auto& [step, seconds] : times.at("time/load_s")) EXPECT_GE(seconds, 0.003);
  for (const char* const name : {"forward_s", "backward_s", "optimiser_s"})
    EXPECT_GT(times.at(std::string("time/") + name).front().second, 0) << name;
  EXPECT_GT(times.at("time/checkpoint_s")[1].second, 0);  // after step 7
  EXPECT_EQ(times.at("time/checkpoint_s")[0].second, 0);
  EXPECT_NE(result.time_told.find("waiting for data"), std::string::npos) << result.time_told;
}

TEST(Timings, ARunThatGoesOnHasOneRowForEachStepThatIsDue) {
  const small::Folder folder;
  Linear first, second;
  small::SignalAt at(9);
  small::fit(first, folder, small::settings(20), {&at});
  small::fit(second, folder, small::settings(20));
  std::vector<std::int64_t> steps;
  const auto times = train::read_metrics(folder / "timings.csv");
  for (const auto& [step, value] : times.at("time/step_s")) steps.push_back(step);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{5, 10, 15, 20}));
}

}  // namespace
