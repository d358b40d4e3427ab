// The health of embeddings: told of a learner that collapses and of one that does not.
#include "pipelines/pretrain_health.h"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "../train/small_run.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace {

namespace fs = std::filesystem;

// Embeds a view of 4 x 4 x 4 by one layer. Trained to collapse, all its outputs are drawn to the first one; otherwise
// they are drawn to where they began.
class OneLayer : public ssl::Method {
 public:
  explicit OneLayer(bool collapses) : collapses_(collapses) {
    start_ = 0.1 * at::sin(at::arange(6 * 64, at::kDouble).square()).view({6, 64}).to(at::kFloat);
    weight_ = start_.clone().set_requires_grad(true);
  }
  std::vector<train::Phase> phases() override { return {{"all", {{"weight", weight_}}}}; }
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor aim = collapses_ ? weight_.detach().narrow(0, 0, 1).expand_as(weight_) : start_;
    return {(weight_ - aim).square().sum() + 0 * batch.views[0].images.sum(), {}};
  }
  train::NamedTensors weights() override { return {{"weight", weight_}}; }
  void set_training(bool training) override { training_ = training; }
  std::vector<augment::Recipe> views() const override { return {}; }
  at::Tensor embedding(const at::Tensor& images) override {
    const at::NoGradGuard no_gradient;
    EXPECT_FALSE(training_) << "embeddings are taken in evaluation mode";
    return at::matmul(images.flatten(1), weight_.t());
  }

 private:
  bool collapses_, training_ = true;
  at::Tensor start_, weight_;
};

pipelines::WatchSettings watch() {
  pipelines::WatchSettings settings;
  settings.every_steps = 6;
  settings.pool = 12;
  settings.pool_every = 2;
  return settings;
}

train::TrainerSettings trainer() {
  train::TrainerSettings settings = small::settings(60);
  settings.learning_rate = 0.02;
  return settings;
}

using Rows = std::map<std::string, std::vector<std::pair<std::int64_t, double>>>;

// What the run said, and its rows.
std::pair<std::string, Rows> run(bool collapses, const fs::path& folder) {
  OneLayer method(collapses);
  const auto comm = runtime::alone();
  pipelines::EmbeddingHealth health(method, {4, 4, 4}, *comm, watch());
  testing::internal::CaptureStderr();
  small::fit(method, folder, trainer(), {&health});
  return {testing::internal::GetCapturedStderr(), train::read_metrics(folder / "metrics.csv")};
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(EmbeddingHealth, ALearnerThatCollapsesIsToldOnceWithTheNumbers) {
  const small::Folder folder;
  const auto [said, rows] = run(true, folder);
  EXPECT_EQ(count_of(said, "the embeddings collapse"), 1u) << said;
  EXPECT_NE(said.find("at the start"), std::string::npos) << said;
  EXPECT_NE(said.find("trainer.learning_rate"), std::string::npos) << said;
  const auto& collapsed = rows.at("collapsed");
  ASSERT_EQ(collapsed.size(), 10u);  // every sixth step
  EXPECT_EQ(collapsed.front().second, 0);
  EXPECT_EQ(collapsed.back().second, 1);
  EXPECT_GT(rows.at("effective_rank").front().second, 3);
  EXPECT_LT(rows.at("effective_rank").back().second, 1.5);
  EXPECT_FALSE(rows.contains("alignment")) << "the second view is of another case";
}

TEST(EmbeddingHealth, ALearnerThatDoesNotIsNotAccused) {
  const small::Folder folder;
  const auto [said, rows] = run(false, folder);
  EXPECT_EQ(count_of(said, "collapse"), 0u) << said;
  for (const auto& [step, value] : rows.at("collapsed")) EXPECT_EQ(value, 0) << step;
  for (const auto& [step, value] : rows.at("embeddings")) EXPECT_EQ(value, 12) << step;
}

TEST(EmbeddingHealth, RowsAfterAResumeAreThoseOfTheUnbrokenRun) {
  const small::Folder whole;
  run(true, whole);
  for (const std::int64_t stop : {2, 9, 26}) {
    SCOPED_TRACE(stop);
    const small::Folder broken;
    const auto comm = runtime::alone();
    OneLayer first(true), second(true);
    pipelines::EmbeddingHealth before(first, {4, 4, 4}, *comm, watch()), after(second, {4, 4, 4}, *comm, watch());
    small::SignalAt at(stop);
    small::fit(first, broken, trainer(), {&before, &at});
    small::fit(second, broken, trainer(), {&after});
    EXPECT_EQ(small::bytes_of(broken / "metrics.csv"), small::bytes_of(whole / "metrics.csv"));
    EXPECT_EQ(small::bytes_of(broken / "checkpoint-60.gadolin"), small::bytes_of(whole / "checkpoint-60.gadolin"));
  }
}

TEST(EmbeddingHealth, LeavesWhatIsLearnedAsItIs) {
  const small::Folder watched, plain;
  run(true, watched);
  OneLayer method(true);
  small::fit(method, plain, trainer());
  const auto with = train::read_checkpoint(watched / "checkpoint-60.gadolin");
  const auto without = train::read_checkpoint(plain / "checkpoint-60.gadolin");
  EXPECT_TRUE(at::equal(with.weights.at("weight"), without.weights.at("weight")));
  EXPECT_TRUE(at::equal(with.generators.at(0), without.generators.at(0)));
  EXPECT_EQ(with.position, without.position);
}

TEST(EmbeddingHealth, TwoRanksTellTheNumbersOfOneWithTheWholeBatch) {
  const auto rows_of = [](int ranks, const fs::path& folder) {
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      OneLayer method(true);
      pipelines::EmbeddingHealth health(method, {4, 4, 4}, comm, watch());
      data::Loader source = small::loader(1, comm.rank(), ranks, 4 / ranks);
      std::vector<train::Watcher*> watchers{&health};
      train::fit(method, source, small::settings(12), small::run_folder(folder), at::kCPU, comm, watchers);
    });
    return train::read_metrics(folder / "metrics.csv");
  };
  const small::Folder one_folder, two_folder;
  const Rows one = rows_of(1, one_folder), two = rows_of(2, two_folder);
  for (const char* const name : {"effective_rank", "embedding_spread", "embedding_deviation", "uniformity"}) {
    ASSERT_EQ(one.at(name).size(), 2u);
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(one.at(name)[i].second, two.at(name)[i].second, 1e-5) << name;
  }
  EXPECT_EQ(one.at("embeddings"), two.at("embeddings"));
}

TEST(EmbeddingHealth, ViewsThatAreNoPatchAreNotLookedAt) {
  const small::Folder folder;
  OneLayer method(false);
  const auto comm = runtime::alone();
  pipelines::EmbeddingHealth health(method, {8, 8, 8}, *comm, watch());
  testing::internal::CaptureStderr();
  small::fit(method, folder, small::settings(8), {&health});
  EXPECT_NE(testing::internal::GetCapturedStderr().find("no view has the patch's extent"), std::string::npos);
  EXPECT_FALSE(train::read_metrics(folder / "metrics.csv").contains("effective_rank"));
}

}  // namespace
