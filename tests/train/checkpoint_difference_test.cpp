#include "train/checkpoint_difference.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN(), kInfinite = std::numeric_limits<double>::infinity();

train::TensorDifference of(const at::Tensor& a, const at::Tensor& b) {
  const auto all = train::difference_of({{{"a", a}}, {}}, {{{"a", b}}, {}});
  return all.tensors.empty() ? train::TensorDifference{} : all.tensors.at(0);
}

at::Tensor numbers(std::vector<double> values) { return at::tensor(values, at::kDouble); }

TEST(CheckpointDifference, OfTheSameIsNone) {
  const runtime::Archive one{{{"w", numbers({1, kNan})}, {"empty", at::empty({0})}}, {{"step", "3"}}};
  const auto all = train::difference_of(one, one);
  EXPECT_TRUE(all.equal());
  EXPECT_EQ(all.equal_tensors, 2);
}

TEST(CheckpointDifference, NumbersAreThoseComputedByHand) {
  const auto one = of(numbers({1, -8, 3}), numbers({1.5, -8, 1}));
  EXPECT_DOUBLE_EQ(one.absolute, 2);
  EXPECT_DOUBLE_EQ(one.relative, 0.25);
  const auto whole = of(at::tensor({5, 7}, at::kLong), at::tensor({5, 10}, at::kLong));
  EXPECT_DOUBLE_EQ(whole.absolute, 3);
  EXPECT_DOUBLE_EQ(whole.relative, 0.3);
  // The last number of a tensor of several pieces.
  const at::Tensor large = at::zeros({(1 << 22) + 5});
  at::Tensor other = large.clone();
  other[-1] = 4;
  EXPECT_DOUBLE_EQ(of(large, other).absolute, 4);
  EXPECT_DOUBLE_EQ(of(large, other).relative, 1);
}

TEST(CheckpointDifference, WhatIsNoNumberOnOneSideAloneIsInfinitelyFar) {
  EXPECT_EQ(of(numbers({1, kNan}), numbers({1, 2})).absolute, kInfinite);
  EXPECT_EQ(of(numbers({kInfinite}), numbers({-kInfinite})).relative, kInfinite);
  const auto same = of(numbers({kNan, kInfinite, 2}), numbers({kNan, kInfinite, 1}));
  EXPECT_DOUBLE_EQ(same.absolute, 1);
  EXPECT_DOUBLE_EQ(same.relative, 0.5);
  // Other bytes, equal numbers.
  const auto zeros = of(numbers({0.0}), numbers({-0.0}));
  EXPECT_EQ(zeros.name, "a");
  EXPECT_EQ(zeros.absolute, 0);
}

TEST(CheckpointDifference, WhatCannotBeComparedComesFirstThenTheLargestRelativeDifference) {
  const runtime::Archive a{{{"gone", numbers({1})},
                            {"little", numbers({1000, 1})},
                            {"much", numbers({1e-6})},
                            {"shape", at::zeros({2, 3})},
                            {"type", at::zeros({2})},
                            {"same", at::ones({4})}},
                           {}};
  const runtime::Archive b{{{"little", numbers({1001, 1})},
                            {"much", numbers({2e-6})},
                            {"new", at::ones({2})},
                            {"shape", at::zeros({3, 2})},
                            {"type", at::zeros({2}, at::kDouble)},
                            {"same", at::ones({4})}},
                           {}};
  const auto all = train::difference_of(a, b);
  std::vector<std::string> names;
  for (const auto& each : all.tensors) names.push_back(each.name);
  EXPECT_EQ(names, (std::vector<std::string>{"gone", "new", "shape", "type", "much", "little"}));
  EXPECT_EQ(all.equal_tensors, 1);
  EXPECT_EQ(all.tensors[0].second, "");
  EXPECT_EQ(all.tensors[1].second, "Float [2]");
  EXPECT_EQ(all.tensors[2].first, "Float [2, 3]");
  EXPECT_EQ(all.tensors[2].second, "Float [3, 2]");
  EXPECT_EQ(all.tensors[3].second, "Double [2]");
}

TEST(CheckpointDifference, SettingsAreComparedKeyByKeyAndOtherTextsLineByLine) {
  const runtime::Archive a{{},
                           {{"run.config", "trainer:\n  steps: 10  # of all\n  keep: 2\nsizes: [1, 2]\n"},
                            {"run.seed", "1"},
                            {"run.story", "one\n- two: {\n"},
                            {"step", "7"}}};
  const runtime::Archive b{{},
                           {{"run.config", "trainer:\n  steps: 20  # of all\n  keep: 2\nsizes: [1, 3]\nnew: yes\n"},
                            {"run.story", "one\n- three: {\n"},
                            {"step", "7"}}};
  const auto all = train::difference_of(a, b);
  std::vector<std::string> lines;
  for (const auto& each : all.facts) lines.push_back(each.name + " | " + each.first + " | " + each.second);
  EXPECT_EQ(lines, (std::vector<std::string>{"config: new |  | yes", "config: sizes | [1, 2] | [1, 3]",
                                             "config: trainer.steps | 10 | 20", "seed | 1 | ",
                                             "story: line 2 | - two: { | - three: {"}));
  const auto comment = train::difference_of({{}, {{"config", "a: 1\n"}}}, {{}, {{"config", "a: 1  # one\n"}}});
  ASSERT_EQ(comment.facts.size(), 1u);
  EXPECT_EQ(comment.facts[0].name, "config");
}

}  // namespace
