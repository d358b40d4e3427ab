#include "train/teacher.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/batchnorm.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>

#include <cmath>

#include "core/error.h"
#include "train/networks.h"

namespace {

// A layer, and a norm that has buffers: two statistics and a counter of int64.
std::shared_ptr<torch::nn::SequentialImpl> network(std::int64_t width = 3) {
  return std::make_shared<torch::nn::SequentialImpl>(torch::nn::Linear(2, width), torch::nn::BatchNorm1d(width));
}

void change(torch::nn::Module& module) {
  const at::NoGradGuard no_gradient;
  for (at::Tensor& each : module.parameters()) each.add_(at::randn_like(each));
  for (at::Tensor& each : module.buffers()) each.add_(2);
}

TEST(TeacherMomentum, RisesFromTheFirstToOneAlongHalfACosine) {
  EXPECT_DOUBLE_EQ(train::teacher_momentum(0.996, 0), 0.996);
  EXPECT_DOUBLE_EQ(train::teacher_momentum(0.996, 1), 1);
  EXPECT_NEAR(train::teacher_momentum(0.996, 0.5), 0.998, 1e-12);
  EXPECT_NEAR(train::teacher_momentum(0.9, 0.25), 1 - 0.1 * (1 + std::sqrt(0.5)) / 2, 1e-12);
  for (int i = 1; i <= 100; ++i)
    EXPECT_GT(train::teacher_momentum(0.5, i / 100.0), train::teacher_momentum(0.5, (i - 1) / 100.0));
}

TEST(Teacher, BeginsAsTheStudentAndTakesNoGradient) {
  at::manual_seed(1);
  const auto student = network(), teacher = network();
  const train::Teacher follower(*student, *teacher);
  for (const auto& item : teacher->named_parameters()) {
    EXPECT_FALSE(item.value().requires_grad()) << item.key();
    EXPECT_TRUE(at::equal(item.value(), student->named_parameters()[item.key()])) << item.key();
  }
  EXPECT_TRUE(student->parameters().front().requires_grad());
}

TEST(Teacher, FollowsWithTheValueComputedByHandAndCopiesBuffers) {
  at::manual_seed(1);
  const auto student = network(), teacher = network();
  train::Teacher follower(*student, *teacher);
  std::vector<at::Tensor> before;
  for (const at::Tensor& each : teacher->parameters()) before.push_back(each.clone());
  change(*student);
  follower.follow(0.75);
  for (std::size_t i = 0; i < before.size(); ++i) {
    const at::Tensor wanted = 0.75 * before[i] + 0.25 * student->parameters()[i].detach();
    EXPECT_TRUE(at::allclose(teacher->parameters()[i], wanted, 1e-6, 1e-7));
    EXPECT_FALSE(at::equal(teacher->parameters()[i], before[i]));
  }
  for (const auto& item : student->named_buffers())
    EXPECT_TRUE(at::equal(teacher->named_buffers()[item.key()], item.value())) << item.key();
}

TEST(Teacher, MomentumOneLeavesItAndZeroMakesItTheStudent) {
  at::manual_seed(1);
  const auto student = network(), teacher = network();
  train::Teacher follower(*student, *teacher);
  const at::Tensor kept = teacher->parameters().front().clone();
  change(*student);
  follower.follow(1);
  EXPECT_TRUE(at::equal(teacher->parameters().front(), kept));
  follower.follow(0);
  EXPECT_TRUE(at::equal(teacher->parameters().front(), student->parameters().front()));
  change(*student);
  follower.copy();
  EXPECT_TRUE(at::equal(teacher->parameters().front(), student->parameters().front()));
}

// All of its state is in the tensors that weights() has: put back, it goes on to the same bits.
TEST(Teacher, GoesOnFromItsWeightsToTheSameBits) {
  const auto run = [](int stop_after) {
    at::manual_seed(2);
    auto student = network(), teacher = network();
    auto follower = std::make_unique<train::Teacher>(*student, *teacher);
    for (int step = 0; step < 6; ++step) {
      at::manual_seed(static_cast<std::uint64_t>(10 + step));
      change(*student);
      follower->follow(train::teacher_momentum(0.9, step / 6.0));
      if (step != stop_after) continue;
      train::Networks kept;
      kept.add("student", student);
      kept.add("teacher", teacher, false);
      const auto others = std::pair(network(), network());
      follower = std::make_unique<train::Teacher>(*others.first, *others.second);
      train::Networks again;
      again.add("student", others.first);
      again.add("teacher", others.second, false);
      const at::NoGradGuard no_gradient;
      const train::NamedTensors from = kept.all(), to = again.all();
      for (std::size_t i = 0; i < from.size(); ++i) at::Tensor(to[i].second).copy_(from[i].second);
      std::tie(student, teacher) = others;
    }
    return teacher;
  };
  const auto whole = run(-1), resumed = run(2);
  for (const auto& item : whole->named_parameters())
    EXPECT_TRUE(at::equal(resumed->named_parameters()[item.key()], item.value())) << item.key();
  for (const auto& item : whole->named_buffers())
    EXPECT_TRUE(at::equal(resumed->named_buffers()[item.key()], item.value())) << item.key();
}

TEST(Teacher, FollowsAlsoAfterBothWereMoved) {
  at::manual_seed(1);
  const auto student = network(), teacher = network();
  train::Teacher follower(*student, *teacher);
  student->to(at::kDouble);
  teacher->to(at::kDouble);
  change(*student);
  follower.follow(0);
  EXPECT_TRUE(at::equal(teacher->parameters().front(), student->parameters().front()));
}

TEST(Teacher, AnotherNetworkIsRefused) {
  const auto student = network();
  EXPECT_THROW(train::Teacher(*student, *network(4)), core::Error);
  EXPECT_THROW(train::Teacher(*student, torch::nn::LinearImpl(2, 3)), core::Error);
}

}  // namespace
