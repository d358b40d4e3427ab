#include "train/loss_scale.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "small_run.h"
#include "train/checkpoint.h"

namespace {

// One weight in fp16, whose gradient is `steep` times the scale of the loss.
class Half : public train::Learner {
 public:
  explicit Half(double steep) : steep_(steep) {}
  std::vector<train::Phase> phases() override { return {{"half", {{"weight", weight_}}}}; }
  train::StepResult step(std::size_t, const data::Batch&, const train::Moment&) override {
    return {weight_.to(at::kHalf).to(at::kFloat).sum() * steep_, {}};
  }
  void after_update(const train::Moment& moment) override { updated.push_back(moment.step); }
  train::NamedTensors weights() override { return {{"weight", weight_}}; }
  void set_training(bool) override {}
  const at::Tensor& weight() const { return weight_; }
  std::vector<std::int64_t> updated;

 private:
  double steep_;
  at::Tensor weight_ = at::ones({2}).requires_grad_();
};

train::TrainerSettings settings(std::int64_t steps) {
  train::TrainerSettings s = small::settings(steps);
  s.precision = "fp16";
  s.max_skips = 0;
  return s;
}

}  // namespace

TEST(LossScale, IsHalvedWhereAStepWasLeftOutAndDoubledAfterManyOthers) {
  train::LossScale scale(at::kCPU);
  EXPECT_TRUE(scale.state().empty());
  EXPECT_EQ(scale.factor().item<float>(), 65536);
  scale.update(at::ones({}));
  EXPECT_EQ(scale.factor().item<float>(), 32768);
  for (int i = 0; i < 1999; ++i) scale.update(at::zeros({}));
  EXPECT_EQ(scale.factor().item<float>(), 32768);
  train::LossScale other(at::kCPU);
  other.load(scale.state());
  other.update(at::zeros({}));
  EXPECT_EQ(other.factor().item<float>(), 65536);
}

TEST(LossScale, DividesGradientsByTheFactor) {
  train::LossScale scale(at::kCPU);
  at::Tensor one = at::zeros({3}).requires_grad_(), other = at::zeros({2}).requires_grad_();
  one.mutable_grad() = at::full({3}, 65536.0F);
  scale.divide({{"one", one}, {"other", other}});
  EXPECT_TRUE(at::equal(one.grad(), at::ones({3})));
  EXPECT_FALSE(other.grad().defined());
}

// 65536 is more than fp16 holds, 32768 is not: the first step is left out without counting as a fault.
TEST(LossScale, AGradientTooLargeForFp16HalvesTheScaleAndIsNoFault) {
  const small::Folder folder;
  Half learner(1);
  small::fit(learner, folder, settings(4));
  EXPECT_EQ(learner.updated, (std::vector<std::int64_t>{1, 2, 3}));
  const train::Checkpoint last = train::read_checkpoint(folder / "checkpoint-4.gadolin");
  EXPECT_EQ(last.optimiser.at("loss_scale/factor").item<float>(), 32768);
  EXPECT_EQ(last.facts.at("precision"), "fp16");
  EXPECT_LT(learner.weight()[0].item<double>(), 1);
}

TEST(LossScale, WhatIsTooLargeWithoutAScaleIsAFault) {
  const small::Folder folder;
  Half learner(1e6);
  EXPECT_THROW(small::fit(learner, folder, settings(40)), core::Error);
  EXPECT_TRUE(learner.updated.empty());
}

TEST(LossScale, ARunGoesOnByteForByte) {
  const small::Folder unbroken, broken;
  Half first(8), begun(8), again(8);
  small::fit(first, unbroken, settings(12));
  small::SignalAt at(3);
  EXPECT_TRUE(small::fit(begun, broken, settings(12), {&at}).interrupted);
  small::fit(again, broken, settings(12));
  EXPECT_EQ(small::bytes_of(unbroken / "checkpoint-12.gadolin"), small::bytes_of(broken / "checkpoint-12.gadolin"));
}
