#include "train/parts.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "linear.h"
#include "small_run.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace {

// A mean over samples plus a mean over the voxels above 0, of which samples have unlike numbers.
class TwoMeans : public Linear {
 public:
  TwoMeans() : Linear(3) {}
  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override {
    return at::stack({at::scalar_tensor(batch.size(), at::kLong), rows(batch).gt(0).sum()});
  }
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor x = rows(batch), y = at::matmul(x, weight_.t());
    const at::Tensor bright = x.gt(0);
    const at::Tensor of_voxels = (y.sum(1, true).sin() * bright).sum() / bright.sum().clamp_min(1);
    return {at::stack({y.square().mean(), of_voxels}), {{"first", y.detach().mean()}}};
  }
  static at::Tensor rows(const data::Batch& batch) {
    return batch.views[0].images.reshape({batch.size(), 64}).to(at::kDouble);
  }
};

// Two views of a sample shall be alike and unlike the others of the global batch; part of the embedding is dropped.
class Pairs : public Linear {
 public:
  explicit Pairs(double dropout) : Linear(8), dropout_(dropout) {}
  train::Coupling coupling() const override { return train::Coupling::kEmbeddings; }
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment& moment) override {
    return train::Learner::step(phase, batch, moment);
  }
  std::vector<at::Tensor> embed(std::size_t, const data::Batch& part, const train::Moment&) override {
    std::vector<at::Tensor> both;
    for (const data::View& view : part.views) {
      const at::Tensor x = view.images.reshape({part.size(), 64}).to(at::kDouble);
      const at::Tensor y = at::matmul(x, weight_.t()).tanh();
      both.push_back(dropout_ > 0 ? at::dropout(y, dropout_, true) : y);
    }
    seen.push_back(both[0].detach());
    both.push_back(at::ones({part.size(), 1}, at::kDouble));  // a teacher's: no gradient
    return both;
  }
  train::StepResult loss_of(std::size_t, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                            const train::Moment&) override {
    EXPECT_EQ(embedded[0].size(0), batch.size());
    const at::Tensor scores = at::matmul(embedded[0], comm().all_gather(embedded[1]).t());
    const at::Tensor pull = (embedded[0] * embedded[1]).sum(1).mean();
    return {scores.logsumexp(1).mean() - pull * embedded[2].mean(), {{"pull", pull.detach()}}};
  }
  std::vector<at::Tensor> seen;

 private:
  double dropout_;
};

data::Batch batch_of(std::int64_t size) {
  data::Loader loader = small::loader(1, 0, 1, size);
  return loader.next();
}

at::Tensor weight_of(const Linear& learner) { return learner.weight(); }

double away(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST(Parts, MeansOverUnlikeThingsAddUpToThoseOfTheWholeBatch) {
  const data::Batch batch = batch_of(6);
  const auto comm = runtime::alone();
  TwoMeans whole;
  const train::Computed expected = train::backward_in_parts(whole, 0, batch, {}, 1, *comm, {});
  EXPECT_NEAR(expected.loss.item<double>(), whole.step(0, batch, {}).loss.sum().item<double>(), 1e-14);
  for (const int parts : {2, 3, 6}) {
    TwoMeans learner;
    const train::Computed computed = train::backward_in_parts(learner, 0, batch, {}, parts, *comm, {});
    EXPECT_NEAR(computed.loss.item<double>(), expected.loss.item<double>(), 1e-12);
    EXPECT_NEAR(computed.watch.at("first").item<double>(), expected.watch.at("first").item<double>(), 1e-12);
    EXPECT_LT(away(weight_of(learner).grad(), weight_of(whole).grad()), 1e-12);
  }
}

// What was dropped in the first pass is dropped in the second: the gradient is that of one graph with the same draws.
TEST(Parts, EmbeddingsAreComputedTwiceWithTheSameDraws) {
  const data::Batch batch = batch_of(4);
  const auto comm = runtime::alone();
  Pairs whole(0.3), learner(0.3);
  at::manual_seed(11);
  std::vector<std::vector<at::Tensor>> embedded;
  for (int part = 0; part < 2; ++part) embedded.push_back(whole.embed(0, batch.part(2 * part, 2), {}));
  std::vector<at::Tensor> together;
  for (std::size_t i = 0; i < 3; ++i) together.push_back(at::cat({embedded[0][i], embedded[1][i]}));
  const at::Tensor loss = whole.loss_of(0, together, batch, {}).loss;
  loss.backward();
  const at::Tensor after = at::rand({3});

  at::manual_seed(11);
  const train::Computed computed = train::backward_in_parts(learner, 0, batch, {}, 2, *comm, {});
  EXPECT_TRUE(at::equal(after, at::rand({3}))) << "what follows draws other numbers";
  ASSERT_EQ(learner.seen.size(), 4u);
  EXPECT_TRUE(at::equal(learner.seen[0], learner.seen[2]));
  EXPECT_TRUE(at::equal(learner.seen[1], learner.seen[3]));
  EXPECT_FALSE(at::equal(learner.seen[0], learner.seen[1]));
  EXPECT_NEAR(computed.loss.item<double>(), loss.item<double>(), 1e-14);
  EXPECT_LT(away(weight_of(learner).grad(), weight_of(whole).grad()), 1e-12);
}

TEST(Parts, AScaledLossScalesTheGradientAlone) {
  const data::Batch batch = batch_of(4);
  const auto comm = runtime::alone();
  for (const int parts : {1, 2}) {
    TwoMeans plain, scaled;
    Pairs plain_pairs(0), scaled_pairs(0);
    train::Computation how;
    how.loss_scale = at::full({}, 1024.0F);
    const auto one = train::backward_in_parts(plain, 0, batch, {}, parts, *comm, {});
    const auto other = train::backward_in_parts(scaled, 0, batch, {}, parts, *comm, how);
    EXPECT_EQ(one.loss.item<double>(), other.loss.item<double>());
    EXPECT_LT(away(1024 * weight_of(plain).grad(), weight_of(scaled).grad()), 1e-9);
    train::backward_in_parts(plain_pairs, 0, batch, {}, parts, *comm, {});
    train::backward_in_parts(scaled_pairs, 0, batch, {}, parts, *comm, how);
    EXPECT_LT(away(1024 * weight_of(plain_pairs).grad(), weight_of(scaled_pairs).grad()), 1e-9);
  }
}

TEST(Parts, ALossOfAWholeBatchAndABatchThatCannotBeCutAreRefused) {
  const data::Batch batch = batch_of(4);
  const auto comm = runtime::alone();
  Linear whole;
  const core::Error refused = small::error_of([&] { train::backward_in_parts(whole, 0, batch, {}, 2, *comm, {}); });
  EXPECT_EQ(refused.exit(), core::Exit::kUsage);
  EXPECT_NE(std::string(refused.what()).find("the loss of all is made of a whole batch"), std::string::npos)
      << refused.what();
  TwoMeans learner;
  const core::Error uneven = small::error_of([&] { train::backward_in_parts(learner, 0, batch, {}, 3, *comm, {}); });
  EXPECT_EQ(uneven.exit(), core::Exit::kUsage);
  EXPECT_NE(std::string(uneven.what()).find("a batch of 4 samples cannot be computed in 3 equal parts"),
            std::string::npos)
      << uneven.what();
  const small::Folder folder;
  train::TrainerSettings settings = small::settings();
  settings.accumulate = 2;
  EXPECT_EQ(small::error_of([&] { small::fit(whole, folder, settings); }).exit(), core::Exit::kUsage);
  EXPECT_FALSE(std::filesystem::exists(folder / "metrics.csv"));
}

namespace {

// A run of 10 steps with batches of 4 over all ranks; the weights of rank 0 and the losses logged.
template <class Learner>
std::pair<at::Tensor, std::vector<double>> trained(int ranks, std::int64_t parts) {
  const small::Folder folder;
  train::TrainerSettings settings = small::settings(10);
  settings.accumulate = parts;
  std::vector<std::unique_ptr<Linear>> learners;
  for (int rank = 0; rank < ranks; ++rank) learners.push_back(std::make_unique<Learner>());
  runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
    data::Loader source = small::loader(1, comm.rank(), ranks, 4 / ranks);
    train::fit(*learners[static_cast<std::size_t>(comm.rank())], source, settings, small::run_folder(folder), at::kCPU,
               comm);
  });
  std::vector<double> losses;
  const auto rows = train::read_metrics(folder / "metrics.csv");
  for (const auto& [step, loss] : rows.at("loss")) losses.push_back(loss);
  return {weight_of(*learners[0]).detach(), losses};
}

struct PlainPairs : Pairs {
  PlainPairs() : Pairs(0) {}
};

template <class Learner>
void expect_the_same_run() {
  const auto [weight, losses] = trained<Learner>(1, 1);
  for (const auto& [ranks, parts] : {std::pair{1, 2}, std::pair{1, 4}, std::pair{2, 1}, std::pair{2, 2}}) {
    const auto [other, other_losses] = trained<Learner>(ranks, parts);
    EXPECT_LT(away(weight, other), 1e-9) << ranks << " ranks, " << parts << " parts";
    ASSERT_EQ(losses.size(), other_losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) EXPECT_NEAR(losses[i], other_losses[i], 1e-9);
  }
}

}  // namespace

TEST(Parts, ARunIsTheSameInPartsAndOnRanks) {
  expect_the_same_run<TwoMeans>();
  expect_the_same_run<PlainPairs>();
}

TEST(Parts, ARunInPartsGoesOnByteForByte) {
  const small::Folder unbroken, broken;
  train::TrainerSettings settings = small::settings(12);
  settings.accumulate = 3;
  Pairs first(0.3), begun(0.3), again(0.3);
  small::fit(first, unbroken, settings);
  small::SignalAt at(5);
  EXPECT_TRUE(small::fit(begun, broken, settings, {&at}).interrupted);
  small::fit(again, broken, settings);
  EXPECT_EQ(small::bytes_of(unbroken / "checkpoint-12.gadolin"), small::bytes_of(broken / "checkpoint-12.gadolin"));
  EXPECT_EQ(small::bytes_of(unbroken / "metrics.csv"), small::bytes_of(broken / "metrics.csv"));
}
