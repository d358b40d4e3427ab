#include "losses/image_text.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "finite_difference.h"
#include "over_ranks.h"

namespace {

using losses::ImageText;

at::Tensor number(double value) { return at::full({}, value, at::kDouble); }
at::Tensor numbers(const std::vector<std::int64_t>& values) { return at::tensor(values, at::kLong); }

double softmax_alone(const ImageText& rows, double scale) {
  return losses::found_by_softmax(rows, number(std::log(scale)), *runtime::alone()).item<double>();
}

double sigmoid_alone(const ImageText& rows, double scale, double bias) {
  return losses::found_by_sigmoid(rows, number(std::log(scale)), number(bias), *runtime::alone()).item<double>();
}

double cosine(const at::Tensor& a, const at::Tensor& b) { return (a.dot(b) / (a.norm() * b.norm())).item<double>(); }

// What two samples are to each other, in words.
bool may_be_compared(const std::vector<std::int64_t>& which, std::size_t i, std::size_t k) {
  return which[k] >= 0 && (i == k || which[i] != which[k]);
}

// Samples 1 and 4 have the same report, 2 has none.
const std::vector<std::int64_t> kWhich{7, 3, -1, 9, 3};

TEST(FoundBySoftmax, OfOrthogonalRowsPairedWithThemselvesIsKnown) {
  const at::Tensor corners = at::eye(4, at::kDouble) * 3;
  EXPECT_NEAR(softmax_alone({corners, corners * 7, numbers({0, 1, 2, 3})}, 2),
              -std::log(std::exp(2) / (std::exp(2) + 3)), 1e-12);
  // Without a scale worth the name nobody is told from the others.
  EXPECT_NEAR(softmax_alone({corners, corners, numbers({0, 1, 2, 3})}, 1e-12), std::log(4), 1e-9);
}

TEST(FoundBySoftmax, IsTheClosedFormInPlainLoops) {
  const at::Tensor image = wave({5, 3}), text = wave({5, 3}, 0.4);
  constexpr double kScale = 4;
  double sum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    if (kWhich[i] < 0) continue;
    double texts = 0, images = 0;
    const auto row = static_cast<std::int64_t>(i);
    for (std::size_t k = 0; k < 5; ++k) {
      if (!may_be_compared(kWhich, i, k)) continue;
      const auto other = static_cast<std::int64_t>(k);
      texts += std::exp(kScale * cosine(image[row], text[other]));
      images += std::exp(kScale * cosine(text[row], image[other]));
    }
    const double own = kScale * cosine(image[row], text[row]);
    sum += (std::log(texts) - own + std::log(images) - own) / 2;
  }
  EXPECT_NEAR(softmax_alone({image, text, numbers(kWhich)}, kScale), sum / 4, 1e-10);
}

TEST(FoundBySigmoid, OfOrthogonalRowsPairedWithThemselvesIsKnown) {
  const at::Tensor corners = at::eye(3, at::kDouble);
  const auto cost = [](double logit) { return std::log1p(std::exp(-logit)); };
  EXPECT_NEAR(sigmoid_alone({corners, corners * 2, numbers({0, 1, 2})}, 10, -10), cost(0) + 2 * cost(10), 1e-12);
  EXPECT_NEAR(sigmoid_alone({corners, corners, numbers({0, 1, 2})}, 2, -1), cost(1) + 2 * cost(1), 1e-12);
}

TEST(FoundBySigmoid, IsTheClosedFormInPlainLoops) {
  const at::Tensor image = wave({5, 3}), text = wave({5, 3}, 0.4);
  double sum = 0;
  for (std::size_t i = 0; i < 5; ++i) {
    if (kWhich[i] < 0) continue;
    for (std::size_t k = 0; k < 5; ++k) {
      if (!may_be_compared(kWhich, i, k)) continue;
      const double logit = 4 * cosine(image[static_cast<std::int64_t>(i)], text[static_cast<std::int64_t>(k)]) - 2;
      sum += std::log1p(std::exp(i == k ? -logit : logit));
    }
  }
  EXPECT_NEAR(sigmoid_alone({image, text, numbers(kWhich)}, 4, -2), sum / 4, 1e-10);
}

TEST(ImageTextLosses, GradientIsTheDifferenceInPicturesTextsScaleAndBias) {
  const at::Tensor image = wave({5, 4}), text = wave({5, 4}, 1.1), which = numbers(kWhich);
  const auto comm = runtime::alone();
  const std::vector<std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>> all{
      [&](const at::Tensor& i, const at::Tensor& t, const at::Tensor& s) {
        return losses::found_by_softmax({i, t, which}, s, *comm);
      },
      [&](const at::Tensor& i, const at::Tensor& t, const at::Tensor& s) {
        return losses::found_by_sigmoid({i, t, which}, s, number(-1), *comm);
      }};
  for (const auto& loss : all) {
    expect_gradient_is_difference([&](const at::Tensor& x) { return loss(x, text, number(0.9)); }, image);
    expect_gradient_is_difference([&](const at::Tensor& x) { return loss(image, x, number(0.9)); }, text);
    expect_gradient_is_difference([&](const at::Tensor& x) { return loss(image, text, x[0]); },
                                  at::full({1}, 0.9, at::kDouble));
  }
  expect_gradient_is_difference(
      [&](const at::Tensor& x) {
        return losses::found_by_sigmoid({image, text, which}, number(0.9), x[0], *comm);
      },
      at::full({1}, -1.0, at::kDouble));
}

TEST(ImageTextLosses, OverRanksAreOneRankWithTheWholeBatch) {
  // Texts are missing and repeated within ranks and between them.
  const at::Tensor all = numbers({5, -1, 2, 5, 8, 2, -1, 4});
  const auto own = [&](const at::Tensor& rows, const runtime::Comm& comm) {
    return all.narrow(0, comm.rank() * rows.size(0), rows.size(0));
  };
  expect_ranks_are_one(2, [&](const auto& z, runtime::Comm& comm) {
    return losses::found_by_softmax({z[0], z[1], own(z[0], comm)}, number(1.2), comm);
  });
  expect_ranks_are_one(2, [&](const auto& z, runtime::Comm& comm) {
    return losses::found_by_sigmoid({z[0], z[1], own(z[0], comm)}, number(1.2), number(-2), comm);
  });
}

TEST(ImageTextLosses, ASampleWithoutAReportIsAsIfItWereNotThere) {
  const at::Tensor image = wave({5, 4}), text = wave({5, 4}, 0.9), kept = numbers({0, 2, 3});
  const ImageText all{image, text, numbers({0, -1, 1, 2, -1})};
  const ImageText some{image.index_select(0, kept), text.index_select(0, kept), numbers({0, 1, 2})};
  EXPECT_NEAR(softmax_alone(all, 5), softmax_alone(some, 5), 1e-12);
  EXPECT_NEAR(sigmoid_alone(all, 5, -3), sigmoid_alone(some, 5, -3), 1e-12);
}

TEST(ImageTextLosses, EqualReportsAreNotEachOthersNegatives) {
  const at::Tensor image = wave({2, 4}), text = wave({1, 4}, 0.9).expand({2, 4});
  EXPECT_NEAR(softmax_alone({image, text, numbers({4, 4})}, 5), 0, 1e-12) << "there is nothing to confuse them with";
  EXPECT_GT(softmax_alone({image, text, numbers({4, 5})}, 5), 0.1);
}

TEST(ImageTextLosses, WithoutAnyReportAreZeroWithGradientZero) {
  at::Tensor image = wave({3, 4}).requires_grad_(), scale = number(4).requires_grad_(), bias = number(-1);
  bias.requires_grad_();
  const at::Tensor text = wave({3, 4}, 0.3);
  const ImageText rows{image, text, numbers({-1, -1, -1})};
  for (const bool sigmoid : {false, true}) {
    const at::Tensor loss = sigmoid ? losses::found_by_sigmoid(rows, scale, bias, *runtime::alone())
                                    : losses::found_by_softmax(rows, scale, *runtime::alone());
    loss.backward();
    EXPECT_EQ(loss.item<double>(), 0);
    EXPECT_EQ(image.grad().abs().max().item<double>(), 0);
    EXPECT_EQ(scale.grad().item<double>(), 0);
  }
  EXPECT_EQ(bias.grad().item<double>(), 0);
}

TEST(ImageTextLosses, AreComputedInFloatWhateverComesInAndUnderAutocast) {
  const ImageText rough{wave({6, 32}).to(at::kBFloat16), wave({6, 32}, 0.2).to(at::kBFloat16),
                        numbers({0, 1, 2, 3, 4, 5})};
  const ImageText wide{rough.image.to(at::kFloat), rough.text.to(at::kFloat), rough.which};
  const double exact = softmax_alone(wide, 14), exact_sigmoid = sigmoid_alone(wide, 10, -10);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  const double under_autocast = softmax_alone(rough, 14), sigmoid_under_autocast = sigmoid_alone(rough, 10, -10);
  at::autocast::set_autocast_enabled(at::kCPU, false);
  EXPECT_EQ(under_autocast, exact);
  EXPECT_EQ(sigmoid_under_autocast, exact_sigmoid);
}

}  // namespace
