#include "train/best.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "every_hook.h"
#include "small_run.h"
#include "train/checkpoint.h"

namespace {

namespace fs = std::filesystem;

// After which steps 1, 2, ... a number with these values is the best so far.
std::vector<std::int64_t> best_steps(const std::string& best_by, const std::string& name,
                                     const std::vector<double>& values) {
  train::BestStep best(best_by);
  std::vector<std::int64_t> steps;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto step = static_cast<std::int64_t>(i + 1);
    if (best.better(step, {{name, values[i]}, {"else", 1}})) steps.push_back(step);
  }
  return steps;
}

TEST(BestStep, IsTheHighestButOfALossOrWithAMinusTheLowest) {
  using Steps = std::vector<std::int64_t>;
  const std::vector<double> values{NAN, 2, 1, 3, 3, NAN, 0.5, 4};
  EXPECT_EQ(best_steps("auc", "auc", values), (Steps{2, 4, 8}));
  EXPECT_EQ(best_steps("loss", "loss", values), (Steps{2, 3, 7}));
  EXPECT_EQ(best_steps("student.loss", "student.loss", values), (Steps{2, 3, 7}));
  EXPECT_EQ(best_steps("-error", "error", values), (Steps{2, 3, 7}));
  EXPECT_EQ(best_steps("", "auc", values), Steps{});
  EXPECT_EQ(best_steps("auc", "other", values), Steps{});
}

TEST(BestStep, GoesOnFromWhatWasBestUnlessItWasByAnotherName) {
  train::BestStep best("auc");
  best.load({"auc", 5, 2});
  EXPECT_FALSE(best.better(6, {{"auc", 1.5}}));
  EXPECT_TRUE(best.better(7, {{"auc", 2.5}}));
  EXPECT_EQ(best.so_far().step, 7);
  best.load({"loss", 5, 9});
  EXPECT_TRUE(best.better(8, {{"auc", 0.1}}));
}

// A score that is told for some steps, of rank 0 alone.
class Scores : public train::Watcher {
 public:
  explicit Scores(std::map<std::int64_t, double> scores) : scores_(std::move(scores)) {}
  std::int64_t every_steps() const override { return 2; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment& moment) override {
    const auto found = scores_.find(moment.step);
    if (found == scores_.end()) return {};
    return {{"score", found->second}};
  }

 private:
  std::map<std::int64_t, double> scores_;
};

const std::map<std::int64_t, double> kScores{{2, 1}, {10, 3}, {14, 2}, {20, 2.5}};

train::TrainerSettings by_score() {
  train::TrainerSettings settings = small::settings();
  settings.best_by = "score";
  settings.keep = 1;
  return settings;
}

TEST(BestStep, ItsStateStaysBesideTheLastCheckpointsAndAResumeKnowsIt) {
  const small::Folder whole;
  EveryHook learner;
  Scores scores(kScores);
  small::fit(learner, whole, by_score(), {&scores});
  EXPECT_EQ(train::best_checkpoints(whole), (std::vector<fs::path>{whole / "best-10.gadolin"}));
  EXPECT_EQ(train::checkpoints(whole), (std::vector<fs::path>{whole / "checkpoint-24.gadolin"}));
  const train::Checkpoint last = train::read_checkpoint(whole / "checkpoint-24.gadolin");
  EXPECT_EQ(std::tuple(last.best.name, last.best.step, last.best.value), std::tuple("score", 10, 3.0));

  // It is the state after step 10, whole: a run of ten steps of the same schedule ends there.
  const small::Folder ten;
  EveryHook again;
  small::fit(again, ten, by_score(), {&scores}, 1, {.updates = 10});
  EXPECT_EQ(small::bytes_of(ten / "checkpoint-10.gadolin"), small::bytes_of(whole / "best-10.gadolin"));

  // Gone on with by another process, from before and from after the best step.
  for (const std::int64_t stop : {9, 13, 21}) {
    SCOPED_TRACE(stop);
    const small::Folder broken;
    EveryHook first, second(99);
    small::fit(first, broken, by_score(), {&scores}, 1, {.updates = stop});
    small::fit(second, broken, by_score(), {&scores});
    EXPECT_EQ(train::best_checkpoints(broken), (std::vector<fs::path>{broken / "best-10.gadolin"}));
    for (const char* const name : {"best-10.gadolin", "checkpoint-24.gadolin", "metrics.csv"})
      EXPECT_EQ(small::bytes_of(broken / name), small::bytes_of(whole / name)) << name;
  }
}

TEST(BestStep, OfTwoRanksTheFirstOnesScoreDecides) {
  const small::Folder folder;
  runtime::run_ranks(2, [&](runtime::Comm& comm) {
    EveryHook learner;
    data::Loader source = small::loader(1, comm.rank(), 2);
    Scores scores(comm.rank() == 0 ? kScores : std::map<std::int64_t, double>{{2, 9}, {10, 0}, {14, 0}, {20, 99}});
    std::vector<train::Watcher*> watchers{&scores};
    train::fit(learner, source, by_score(), small::run_folder(folder), at::kCPU, comm, watchers);
  });
  EXPECT_EQ(train::best_checkpoints(folder), (std::vector<fs::path>{folder / "best-10.gadolin"}));
}

}  // namespace
