#include "train/spike.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "linear.h"
#include "small_run.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace {

namespace fs = std::filesystem;

train::TrainerSettings settings_of(const std::string& spike, double factor = 3, std::int64_t window = 8) {
  train::TrainerSettings settings = small::settings(40);
  settings.spike = spike;
  settings.spike_factor = factor;
  settings.spike_window = window;
  settings.keep = 99;
  return settings;
}

TEST(SpikeDetector, JudgesByMedianAndSpreadAsComputedByHand) {
  // Median 4.5, median distance 2: the limit is 4.5 + 3 * 1.4826 * 2 = 13.3956.
  for (const auto& [loss, spike] : {std::pair{13.39, false}, std::pair{13.40, true}}) {
    train::SpikeDetector detector(settings_of("warn"));
    for (const double before : {5, 1, 8, 2, 4, 3, 7}) EXPECT_FALSE(detector.judge(before));
    EXPECT_FALSE(detector.judge(1e9)) << "before the window is full";
    EXPECT_FALSE(detector.judge(6)) << "drops the 5";
    for (const double before : {5, 1, 8, 2, 4, 3, 7, 6}) detector.judge(before);
    EXPECT_FALSE(detector.judge(NAN));
    EXPECT_EQ(detector.judge(loss), spike);
    EXPECT_EQ(detector.spikes, spike ? 1 : 0);
    EXPECT_FALSE(detector.judge(-100)) << "low is no spike";
  }
  EXPECT_FALSE([] {
    train::SpikeDetector off(settings_of("off"));
    for (int i = 0; i < 20; ++i) off.judge(1);
    return off.judge(1e9);
  }());
}

TEST(SpikeDetector, LossesThatHardlyMoveNeedOnePercentAFactorAndAMissIsForgottenByTheWindow) {
  train::SpikeDetector detector(settings_of("warn"));
  for (int i = 0; i < 8; ++i) detector.judge(-2);
  EXPECT_FALSE(detector.judge(-1.95));  // limit: -2 + 3 * 0.02
  EXPECT_TRUE(detector.judge(-1.93));
  // A new level is a spike at first and then what is usual.
  int spikes = 0;
  for (int i = 0; i < 20; ++i) spikes += detector.judge(50) ? 1 : 0;
  EXPECT_GT(spikes, 0);
  EXPECT_LT(spikes, 8);
}

TEST(SpikeDetector, SavedAndLoadedItJudgesOnAsIfNothingHadHappened) {
  train::SpikeDetector one(settings_of("warn"));
  for (const double loss : {5, 1, 8, 2, 4, 3, 7, 6, 900}) one.judge(loss);
  train::SpikeDetector two(settings_of("warn"));
  two.load(one.state());
  EXPECT_EQ(two.spikes, 1);
  for (const double loss : {14.0, 18.0, 19.0, 800.0, 3.0, 21.0}) EXPECT_EQ(one.judge(loss), two.judge(loss)) << loss;
  EXPECT_EQ(one.spikes, two.spikes);
}

// The loss of batches with one of these samples is a million times as high, and so is what it does to the weights.
class Spiking : public Linear {
 public:
  explicit Spiking(std::set<std::int64_t> samples) : samples_(std::move(samples)) {}
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    train::StepResult result = Linear::step(phase, batch, moment);
    for (std::int64_t i = 0; i < batch.size(); ++i) {
      if (samples_.contains(batch.sample[i].item<std::int64_t>())) result.loss = result.loss * 1e6;
    }
    return result;
  }

 private:
  std::set<std::int64_t> samples_;
};

// The loader without the samples from `begin` to `end`: what a run that went back sees, known beforehand.
class Without : public data::BatchSource {
 public:
  Without(std::uint64_t begin, std::uint64_t end) : begin_(begin), end_(end) {}
  data::Batch next() override {
    if (loader_.position() == begin_) loader_.seek(end_);
    return loader_.next();
  }
  std::uint64_t position() const override { return loader_.position(); }
  void seek(std::uint64_t position) override { loader_.seek(position); }
  std::int64_t epoch_size() const override { return loader_.epoch_size(); }
  std::unique_ptr<data::BatchSource> pass() const override { return loader_.pass(); }

 private:
  data::Loader loader_ = small::loader();
  std::uint64_t begin_, end_;
};

TEST(Spike, RewindGoesBackToTheLastCheckpointAndPassesOverTheBatchesSinceThen) {
  const small::Folder folder, foreseen;
  Spiking learner({55}), spared({55});
  const auto result = small::fit(learner, folder, settings_of("rewind", 50));
  EXPECT_EQ(result.step, 40);
  EXPECT_EQ(result.updates, 40 + 5);  // sample 55 is in step 19 of 3; the checkpoint before has 14 updates
  Without source(42, 57);
  const auto comm = runtime::alone();
  train::fit(spared, source, settings_of("off"), small::run_folder(foreseen), at::kCPU, *comm);
  EXPECT_TRUE(at::equal(learner.weight(), spared.weight()));
  const auto rows = train::read_metrics(folder / "metrics.csv"), wanted = train::read_metrics(foreseen / "metrics.csv");
  EXPECT_EQ(rows.at("loss"), wanted.at("loss"));
  EXPECT_EQ(rows.at("rewinds").front(), std::pair(std::int64_t{15}, 1.0));
  EXPECT_FALSE(rows.contains("spikes"));
  const train::Checkpoint last = train::read_checkpoint(folder / "checkpoint-40.gadolin");
  EXPECT_EQ(last.setbacks.rewinds, 1);
  EXPECT_EQ(last.position, 120u + 15u);
}

TEST(Spike, WhereverTheCallsOfARunThatWentBackEndItEndsAtTheSameBytes) {
  const small::Folder whole;
  Spiking learner({55, 80});
  small::fit(learner, whole, settings_of("rewind", 50));
  EXPECT_EQ(train::read_checkpoint(whole / "checkpoint-40.gadolin").setbacks.rewinds, 2);
  for (const std::int64_t stop : {13, 16, 18, 19, 20, 23, 31}) {
    SCOPED_TRACE(stop);
    const small::Folder broken;
    Spiking first({55, 80}), second({55, 80});
    small::fit(first, broken, settings_of("rewind", 50), {}, 1, {.updates = stop});
    small::fit(second, broken, settings_of("rewind", 50));
    EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
    EXPECT_EQ(small::bytes_of(broken / "checkpoint-40.gadolin"), small::bytes_of(whole / "checkpoint-40.gadolin"));
  }
}

TEST(Spike, WarnCountsItAndChangesNothing) {
  const small::Folder watched, unwatched;
  Spiking a({55}), b({55});
  small::fit(a, watched, settings_of("warn", 50));
  small::fit(b, unwatched, settings_of("off"));
  EXPECT_TRUE(at::equal(a.weight(), b.weight()));
  const auto rows = train::read_metrics(watched / "metrics.csv");
  EXPECT_EQ(rows.at("spikes").front().first, 20);
  EXPECT_GE(rows.at("spikes").front().second, 1);
  EXPECT_FALSE(rows.contains("rewinds"));
}

// At the twentieth step whatever is in the batch.
class AlwaysSpiking : public Linear {
 public:
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    train::StepResult result = Linear::step(phase, batch, moment);
    if (moment.step == 19) result.loss = result.loss * 1e6;
    return result;
  }
};

TEST(Spike, GoingBackIsBoundedAndThenItIsWarnedOf) {
  const small::Folder folder;
  AlwaysSpiking learner;
  train::TrainerSettings settings = settings_of("rewind", 50);
  settings.max_rewinds = 3;
  const auto result = small::fit(learner, folder, settings);
  EXPECT_EQ(result.step, 40);
  EXPECT_EQ(result.updates, 40 + 3 * 6);
  EXPECT_EQ(train::read_checkpoint(result.checkpoint).setbacks.rewinds, 3);
  EXPECT_GE(train::read_metrics(folder / "metrics.csv").at("spikes").back().second, 1);
}

TEST(Spike, TwoRanksGoBackTogetherThoughOneAloneSawIt) {
  const small::Folder folder;
  std::array<at::Tensor, 2> weights;
  runtime::run_ranks(2, [&](runtime::Comm& comm) {
    Spiking learner({75});
    data::Loader source = small::loader(1, comm.rank(), 2, 2);
    const auto result =
        train::fit(learner, source, settings_of("rewind", 50), small::run_folder(folder), at::kCPU, comm);
    EXPECT_EQ(result.updates, 40 + 5);  // step 19 of 2 x 2
    weights[static_cast<std::size_t>(comm.rank())] = learner.weight().detach();
  });
  EXPECT_TRUE(at::equal(weights[0], weights[1]));
  EXPECT_EQ(train::read_checkpoint(train::checkpoints(folder)[0]).setbacks.rewinds, 1);
}

}  // namespace
