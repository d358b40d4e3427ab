// Losses beside those of lightly and torch: tests/golden/ssl_losses.py made the numbers.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <string>

#include "core/table.h"
#include "finite_difference.h"
#include "losses/agreement.h"
#include "losses/clustering.h"
#include "losses/contrastive.h"
#include "losses/distillation.h"
#include "losses/gaussian.h"
#include "losses/image_text.h"
#include "over_ranks.h"

namespace {

at::Tensor golden(const std::string& name) {
  static const core::Table table = core::read_csv(std::string(GADOLIN_GOLDEN) + "/ssl_losses.csv");
  std::vector<double> values;
  for (const auto& row : table.rows) {
    if (row[0] == name) values.push_back(std::stod(row[2]));
  }
  EXPECT_FALSE(values.empty()) << name;
  return at::tensor(values, at::kDouble);
}

// To 1e-5 of the larger of 1 and the value.
void expect_golden(const at::Tensor& value, const std::string& name) {
  const at::Tensor expected = golden(name);
  ASSERT_EQ(value.numel(), expected.numel()) << name;
  const at::Tensor off = (value.detach().to(at::kDouble).flatten() - expected).abs() / expected.abs().clamp_min(1);
  EXPECT_LE(off.max().item<double>(), 1e-5) << name << ": " << value << " is not " << expected;
}

at::Tensor of(at::IntArrayRef shape, double phase = 0) { return wave(shape, phase).to(at::kFloat); }

TEST(Golden, LossesWithNegativesAreThoseOfLightlyAndTorch) {
  const at::Tensor first = of({6, 5}), second = of({6, 5}, 0.4);
  expect_golden(losses::nt_xent(first, second, 0.3, *kAlone), "nt_xent");
  expect_golden(losses::info_nce(first, second, 0.2, *kAlone), "info_nce");
  expect_golden(losses::info_nce_with_queue(first, second, of({4, 5}, 1.3), 0.2), "info_nce_with_queue");
  const at::Tensor counted = at::remainder(at::arange(24).view({6, 4}), 3) > 0;
  expect_golden(losses::info_nce_with_queue(first, second, of({4, 5}, 1.3), 0.2, counted), "info_nce_counted");
  expect_golden(losses::triplet(first, second, 0.5, *kAlone), "triplet");
}

TEST(Golden, LossesWithoutNegativesAreThoseOfLightly) {
  const at::Tensor first = of({6, 5}), second = of({6, 5}, 0.4);
  expect_golden(losses::negative_cosine(first, second), "negative_cosine");
  expect_golden(losses::barlow_twins(first, second, 0.02, *kAlone), "barlow_twins");
  expect_golden(losses::vicreg(first, second, *kAlone).sum(25, 25, 1), "vicreg");
  at::Tensor directions = of({5, 7}, 2.5);
  directions = directions / directions.norm(2, {0}, true);
  expect_golden(losses::sigreg(first, directions, 17, 3.0, *kAlone), "sigreg");
}

TEST(Golden, LossesOfClustersAreThoseOfLightlyAndTorch) {
  const std::vector<at::Tensor> scores{of({6, 5}), of({6, 5}, 0.4), of({6, 5}, 0.9)};
  expect_golden(losses::sinkhorn(scores[0], 0.05, 3, *kAlone), "sinkhorn");
  const std::vector<at::Tensor> codes{losses::sinkhorn(scores[0], 0.05, 3, *kAlone),
                                      losses::sinkhorn(scores[1], 0.05, 3, *kAlone)};
  expect_golden(losses::swapped_prediction(scores, codes, 0.1), "swav");
  expect_golden(losses::cluster_cross_entropy(scores[0], at::tensor({0, 4, 2, 2, 1, 3}, at::kLong), 0.5, 0.8),
                "smoothed");
  expect_golden(
      losses::cluster_cross_entropy(scores[0], at::tensor({0, 4, 2, 2, 1, 3}, at::kLong), 1, 0, of({5}, 0.4).square()) *
          6 / of({5}, 0.4).square().index_select(0, at::tensor({0, 4, 2, 2, 1, 3}, at::kLong)).sum(),
      "weighted");
}

TEST(Golden, LossesOfSelfDistillationAreThoseOfLightly) {
  const at::Tensor centre = of({5}, 3.1) * 0.2, teacher = at::stack({of({6, 5}, 1.7), of({6, 5}, 2.1)});
  const at::Tensor student = at::stack({of({6, 5}), of({6, 5}, 0.4), of({6, 5}, 0.9)});
  expect_golden(losses::self_distillation(losses::centred_answer(teacher, centre, 0.07), student, 0.1), "dino");
  expect_golden(0.9 * centre + 0.1 * losses::mean_of_all(teacher.flatten(0, 1), *kAlone), "dino_centre");
  const at::Tensor picture = at::tensor({0, 0, 0, 1, 2, 2}, at::kLong);
  expect_golden(
      losses::token_distillation(losses::centred_answer(of({6, 5}, 1.7), centre, 0.07), of({6, 5}), picture, 3, 0.1),
      "ibot");
  expect_golden(losses::koleo(of({6, 5}), *kAlone), "koleo");
  expect_golden(losses::gram_distance(of({2, 5, 3}), of({2, 5, 4}, 0.9)), "gram");
}

TEST(Golden, LossesOfPicturesAndTextsAreThoseOfTorch) {
  const losses::ImageText rows{of({6, 5}), of({6, 5}, 0.4), at::arange(6, at::kLong)};
  expect_golden(losses::found_by_softmax(rows, at::full({}, 9.0).log(), *kAlone), "clip");
  expect_golden(losses::found_by_sigmoid(rows, at::full({}, 10.0).log(), at::full({}, -10.0), *kAlone), "siglip");
}

}  // namespace
