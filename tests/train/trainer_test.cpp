#include "train/trainer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "core/error.h"
#include "every_hook.h"
#include "linear.h"
#include "small_run.h"
#include "train/checkpoint.h"
#include "train/fault.h"
#include "train/metrics.h"

namespace {

namespace fs = std::filesystem;

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST(Trainer, TheLossFallsAndTheRowsTellIt) {
  const small::Folder folder;
  Linear learner;
  train::TrainerSettings settings = small::settings(202);
  settings.clip_norm = 0;
  const auto result = small::fit(learner, folder, settings);
  EXPECT_EQ(result.step, 202);
  EXPECT_FALSE(result.interrupted);
  EXPECT_TRUE(learner.training());
  const auto rows = train::read_metrics(folder / "metrics.csv");
  const auto& loss = rows.at("loss");
  ASSERT_EQ(loss.size(), 41u);  // every fifth step and the last
  EXPECT_EQ(loss.back().first, 202);
  EXPECT_EQ(loss.back().second, result.loss);
  EXPECT_LT(loss.back().second, 0.1 * loss.front().second);
  EXPECT_DOUBLE_EQ(rows.at("learning_rate")[0].second, 0.01);
  EXPECT_EQ(rows.at("error").size(), loss.size());
  EXPECT_GT(rows.at("gradient_norm")[0].second, 0);
}

TEST(Trainer, TheFirstStepHasTheValueComputedByHand) {
  const small::Folder folder;
  Linear learner;
  const at::Tensor before = learner.weight().detach().clone();
  train::TrainerSettings settings = small::settings(1);
  settings.warmup_steps = 0;
  settings.weight_decay = 0.5;
  settings.clip_norm = 0;
  const auto result = small::fit(learner, folder, settings);
  const data::Batch batch = small::loader().next();
  const at::Tensor x = batch.views[0].images.reshape({3, 64}).to(at::kDouble);
  const at::Tensor error = at::matmul(x, before.t()) - x.mean(1, true);
  EXPECT_NEAR(result.loss, error.square().mean().item<double>(), 1e-12);
  const at::Tensor gradient = 2.0 / 3 * at::matmul(error.t(), x);
  const at::Tensor expected = before * (1 - 0.01 * 0.5) - 0.01 * gradient / (gradient.abs() + 1e-8);
  EXPECT_LT((learner.weight() - expected).abs().max().item<double>(), 1e-8);
}

TEST(Trainer, ARunThatIsCompleteIsLeftAsItIs) {
  const small::Folder folder;
  Linear first, second;
  const auto done = small::fit(first, folder, small::settings(10));
  const std::string metrics = small::bytes_of(folder / "metrics.csv");
  const auto again = small::fit(second, folder, small::settings(10));
  EXPECT_EQ(again.step, 10);
  EXPECT_EQ(again.loss, done.loss);
  EXPECT_EQ(again.checkpoint, done.checkpoint);
  EXPECT_FALSE(again.interrupted);
  EXPECT_TRUE(at::equal(first.weight(), second.weight()));
  EXPECT_EQ(small::bytes_of(folder / "metrics.csv"), metrics);
}

TEST(Trainer, EachSignalInterruptsAfterACheckpoint) {
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1}) {
    const small::Folder folder;
    Linear learner;
    small::SignalAt at(3, signal);
    const auto result = small::fit(learner, folder, small::settings(), {&at});
    EXPECT_TRUE(result.interrupted);
    EXPECT_EQ(result.step, 3);
    EXPECT_EQ(train::read_checkpoint(result.checkpoint).step, 3);
  }
}

// Draws numbers, scores in evaluation mode and notes what it saw.
class Busy : public train::Watcher {
 public:
  std::int64_t every_steps() const override { return 4; }
  std::map<std::string, double> look(train::Learner& learner, const data::Batch& batch,
                                     const train::Moment& moment) override {
    learner.set_training(false);
    steps.push_back(moment.step);
    return {{"probe", at::rand({10}).mean().item<double>() + static_cast<double>(batch.size())}};
  }
  std::vector<std::int64_t> steps;
};

TEST(Trainer, AWatcherDoesNotChangeWhatIsLearned) {
  const small::Folder plain, watched;
  EveryHook a, b;
  Busy busy;
  small::fit(a, plain, small::settings(10));
  small::fit(b, watched, small::settings(10), {&busy});
  EXPECT_EQ(busy.steps, (std::vector<std::int64_t>{4, 8, 10}));
  EXPECT_TRUE(b.training());
  EXPECT_EQ(small::bytes_of(plain / "checkpoint-10.gadolin"), small::bytes_of(watched / "checkpoint-10.gadolin"));
  EXPECT_EQ(train::read_metrics(watched / "metrics.csv").at("probe").size(), 3u);
}

TEST(Trainer, AnotherRunsFolderIsRefusedWithTheDifference) {
  const small::Folder folder;
  Linear learner, other;
  const auto comm = runtime::alone();
  const auto fit_as = [&](train::Learner& one, const std::string& config) {
    data::Loader source = small::loader();
    train::fit(one, source, small::settings(3), small::run_folder(folder, {{"config", config}}), at::kCPU, *comm);
  };
  fit_as(learner, "a: 1\nrate: 0.1\n");
  fit_as(other, "a: 1\nrate: 0.1\n");
  const core::Error refused = small::error_of([&] { fit_as(other, "a: 1\nrate: 0.2\n"); });
  EXPECT_EQ(refused.exit(), core::Exit::kUsage);
  EXPECT_TRUE(has(refused.story(), "other settings: rate is 0.1 there, 0.2 here")) << refused.what();
  EXPECT_TRUE(has(refused.hint(), "another folder"));
  Linear wider(2);
  const core::Error misfit = small::error_of([&] { fit_as(wider, "a: 1\nrate: 0.1\n"); });
  EXPECT_EQ(misfit.exit(), core::Exit::kUsage);
  EXPECT_TRUE(has(misfit.story(), "weight weight has another shape")) << misfit.what();
  EveryHook another;
  EXPECT_TRUE(
      has(small::error_of([&] { fit_as(another, "a: 1\nrate: 0.1\n"); }).story(), "student.weight is not in it"));
}

TEST(Trainer, ARunThatBeganWithOtherWeightsIsRefused) {
  const small::Folder old, begun;
  const auto comm = runtime::alone();
  const auto fit_in = [&](const small::Folder& folder, const std::map<std::string, std::string>& facts) {
    Linear learner;
    data::Loader source = small::loader();
    train::fit(learner, source, small::settings(3), small::run_folder(folder, facts), at::kCPU, *comm);
  };
  fit_in(old, {});  // by a version that did not say it
  fit_in(old, {{"init", "scratch"}});
  EXPECT_TRUE(has(small::error_of([&] { fit_in(old, {{"init", "abc"}}); }).story(), "there scratch, here abc"));
  fit_in(begun, {{"init", "abc"}});
  fit_in(begun, {{"init", "abc"}});
  EXPECT_EQ(small::error_of([&] { fit_in(begun, {{"init", "scratch"}}); }).exit(), core::Exit::kUsage);
}

TEST(Trainer, SettingsAreComparedByValueAndNewOnesHaveTheirDefault) {
  const small::Folder folder;
  const auto comm = runtime::alone();
  const auto fit_as = [&](const std::string& config, const std::string& defaults = "") {
    Linear learner;
    data::Loader source = small::loader();
    train::RunFolder run = small::run_folder(folder, {{"config", config}});
    run.defaults = defaults;
    train::fit(learner, source, small::settings(3), run, at::kCPU, *comm);
  };
  fit_as("rate: 0.1  # how fast\nold: 3  # was taken out since\n");
  fit_as("rate: 1.0e-1  # said otherwise\n");
  fit_as("rate: 0.1\nspike: warn\n", "rate: 5\nspike: warn\n");
  const core::Error refused =
      small::error_of([&] { fit_as("rate: 0.1\nspike: rewind\nmore: [1]\n", "rate: 5\nspike: warn\n"); });
  EXPECT_EQ(refused.exit(), core::Exit::kUsage);
  EXPECT_TRUE(has(refused.story(), "more is not set there, [1] here; spike is warn there, rewind here"))
      << refused.what();
}

TEST(Trainer, TheNumberOfThreadsComesBackWithTheRun) {
  const small::Folder folder;
  Linear first, second;
  small::SignalAt at(2);
  small::fit(first, folder, small::settings(4), {&at});
  at::set_num_threads(2);
  small::fit(second, folder, small::settings(4));
  EXPECT_EQ(at::get_num_threads(), 1);
  at::set_num_threads(1);
}

// The loss or its gradient is no number whenever case-3 is in the batch.
class Poisoned : public Linear {
 public:
  enum class Where { kLoss, kGradient };
  explicit Poisoned(Where where) : where_(where) {}
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    train::StepResult result = Linear::step(phase, batch, moment);
    if (std::find(batch.ids.begin(), batch.ids.end(), "case-3") == batch.ids.end()) return result;
    if (where_ == Where::kLoss) {
      result.loss = result.loss * std::numeric_limits<double>::infinity();
    } else {
      result.loss = result.loss + (weight_ * 0).sum().sqrt();  // 0, with the gradient 0 * inf
    }
    return result;
  }
  void after_update(const train::Moment&) override { ++updates; }
  int updates = 0;

 private:
  Where where_;
};

// The weights after each step, and whether case-3 was in it.
class Diary : public train::Watcher {
 public:
  std::int64_t every_steps() const override { return 1; }
  std::map<std::string, double> look(train::Learner& learner, const data::Batch& batch, const train::Moment&) override {
    weights.push_back(learner.weights()[0].second.detach().clone());
    poisoned.push_back(std::find(batch.ids.begin(), batch.ids.end(), "case-3") != batch.ids.end());
    return {};
  }
  std::vector<at::Tensor> weights;
  std::vector<bool> poisoned;
};

TEST(Trainer, AStepWithoutAFiniteLossOrGradientChangesNothing) {
  for (const auto where : {Poisoned::Where::kLoss, Poisoned::Where::kGradient}) {
    const small::Folder folder;
    Poisoned learner(where);
    Diary diary;
    const auto result = small::fit(learner, folder, small::settings(24), {&diary});
    EXPECT_EQ(result.step, 24);
    int good = 0;
    for (std::size_t i = 0; i < diary.weights.size(); ++i) {
      good += !diary.poisoned[i];
      if (i == 0) continue;
      EXPECT_EQ(at::equal(diary.weights[i], diary.weights[i - 1]), diary.poisoned[i]) << i;
    }
    EXPECT_GT(good, 10);
    EXPECT_LT(good, 20);
    EXPECT_EQ(learner.updates, good);
    const auto checkpoint = train::read_checkpoint(result.checkpoint);
    EXPECT_EQ(checkpoint.optimiser.at("all/weight/steps").item<float>(), static_cast<float>(good));
    for (const auto& [name, rows] : train::read_metrics(folder / "metrics.csv")) {
      for (const auto& [step, value] : rows) EXPECT_TRUE(std::isfinite(value)) << name << " at " << step;
    }
  }
}

TEST(Trainer, AfterTheBoundTheErrorNamesStepAndCases) {
  const small::Folder folder;
  Poisoned learner(Poisoned::Where::kLoss);
  train::TrainerSettings settings = small::settings(24);
  settings.max_skips = 0;
  const core::Error error = small::error_of([&] { small::fit(learner, folder, settings); });
  EXPECT_TRUE(has(error.story(), "the loss is inf, cases ")) << error.what();
  EXPECT_TRUE(has(error.story(), "case-3"));
  EXPECT_TRUE(error.story().starts_with("step "));
  EXPECT_TRUE(has(error.hint(), "learning_rate"));
  small::Folder another;
  Poisoned gradient(Poisoned::Where::kGradient);
  EXPECT_TRUE(
      has(small::error_of([&] { small::fit(gradient, another, settings); }).story(), "norm of the gradient is nan"));
}

// Of two weights one gets a gradient that is no number, from the tenth step on.
class HalfPoisoned : public Linear {
 public:
  HalfPoisoned() { odd_ = at::ones({2, 3}, at::kDouble).set_requires_grad(true); }
  std::vector<train::Phase> phases() override { return {{"all", {{"weight", weight_}, {"odd", odd_}}}}; }
  train::NamedTensors weights() override { return {{"weight", weight_}, {"odd", odd_}}; }
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    train::StepResult result = Linear::step(phase, batch, moment);
    if (moment.step >= 9) result.loss = result.loss + (odd_[0] * 0).sqrt().sum();
    return result;
  }

 private:
  at::Tensor odd_;
};

TEST(Trainer, WhereARunEndsAtAFaultTheBatchAndWhatIsWrongInItAreKept) {
  const small::Folder folder;
  HalfPoisoned learner;
  train::TrainerSettings settings = small::settings(24);
  settings.max_skips = 2;
  settings.clip_norm = 1e-3;
  const core::Error error = small::error_of([&] { small::fit(learner, folder, settings); });
  const fs::path kept = folder / "fault-11/batch.safetensors";
  EXPECT_TRUE(has(error.story(), "the 2 steps before it went the same way")) << error.what();
  EXPECT_TRUE(has(error.story(), kept.string())) << error.what();
  const runtime::Archive archive = runtime::read_archive(kept, train::kFaultFormat);
  EXPECT_EQ(archive.facts.at("step"), "11");
  EXPECT_EQ(archive.facts.at("skips"), "3");
  EXPECT_EQ(archive.facts.at("fault"), "the norm of the gradient is nan");
  EXPECT_EQ(archive.facts.at("gradients_not_finite"), "1 of 2: odd (3 of 6 numbers)");
  EXPECT_TRUE(std::isnan(std::stod(archive.facts.at("seen.gradient_norm"))));
  EXPECT_TRUE(std::isfinite(std::stod(archive.facts.at("seen.loss"))));
  EXPECT_EQ(archive.facts.at("checkpoint_before"), "checkpoint-7.gadolin");
  // The batch is made again from the numbers of its samples.
  data::Loader again = small::loader();
  again.seek(33);
  const data::Batch batch = again.next();
  EXPECT_EQ(archive.facts.at("samples"), "33, 34, 35");
  EXPECT_TRUE(at::equal(archive.tensors.at("sample"), batch.sample));
  EXPECT_TRUE(at::equal(archive.tensors.at("view1.images"), batch.views[1].images));
  std::string cases;
  for (const std::string& id : batch.ids) cases += (cases.empty() ? "" : ", ") + id;
  EXPECT_EQ(archive.facts.at("cases"), cases);
}

TEST(Trainer, AFaultOfTwoRanksKeepsTheBatchOfEach) {
  const small::Folder folder;
  train::TrainerSettings settings = small::settings(24);
  settings.max_skips = 0;
  const core::Error error = small::error_of([&] {
    runtime::run_ranks(2, [&](runtime::Comm& comm) {
      HalfPoisoned learner;
      data::Loader mine = small::loader(1, comm.rank(), 2, 2);
      train::fit(learner, mine, settings, small::run_folder(folder), at::kCPU, comm);
    });
  });
  EXPECT_TRUE(has(error.story(), "norm of the gradient is nan")) << error.what();
  const auto samples = [&](const std::string& name) {
    return runtime::read_archive(folder / ("fault-9/" + name), train::kFaultFormat).facts.at("samples");
  };
  EXPECT_EQ(samples("batch-rank0.safetensors"), "36, 37");
  EXPECT_EQ(samples("batch-rank1.safetensors"), "38, 39");
}

TEST(Trainer, TwoRanksWithHalfTheBatchLearnWhatOneRankLearns) {
  const small::Folder one_folder, two_folder;
  Linear one;
  const auto alone = runtime::alone();
  data::Loader source = small::loader(1, 0, 1, 4);
  train::fit(one, source, small::settings(30), small::run_folder(one_folder), at::kCPU, *alone);
  std::array<at::Tensor, 2> weights;
  runtime::run_ranks(2, [&](runtime::Comm& comm) {
    Linear learner;
    if (comm.rank() == 1) learner.weight().detach().fill_(7);  // rank 0's weights are taken
    data::Loader mine = small::loader(1, comm.rank(), 2, 2);
    train::fit(learner, mine, small::settings(30), small::run_folder(two_folder), at::kCPU, comm);
    weights[static_cast<std::size_t>(comm.rank())] = learner.weight().detach();
  });
  EXPECT_TRUE(at::equal(weights[0], weights[1]));
  EXPECT_TRUE(at::allclose(weights[0], one.weight(), 1e-9, 1e-9));
  const auto rows_one = train::read_metrics(one_folder / "metrics.csv");
  const auto rows_two = train::read_metrics(two_folder / "metrics.csv");
  for (const char* const name : {"loss", "error", "gradient_norm"}) {
    for (std::size_t i = 0; i < rows_one.at(name).size(); ++i) {
      EXPECT_NEAR(rows_one.at(name)[i].second, rows_two.at(name)[i].second, 1e-9) << name;
    }
  }
}

TEST(Trainer, BFloat16IsRecordedAndAutoGoesOnAsTheRunWasBegun) {
  const small::Folder folder;
  EveryHook first, second;
  train::TrainerSettings settings = small::settings(6);
  settings.precision = "bf16";
  small::SignalAt at(3);
  const auto broken = small::fit(first, folder, settings, {&at});
  EXPECT_EQ(train::read_checkpoint(broken.checkpoint).facts.at("precision"), "bf16");
  settings.precision = "auto";
  const auto rest = small::fit(second, folder, settings);
  EXPECT_EQ(train::read_checkpoint(rest.checkpoint).facts.at("precision"), "bf16");
  EXPECT_TRUE(std::isfinite(rest.loss));
}

}  // namespace
