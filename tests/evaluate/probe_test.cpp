#include "evaluate/probe.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "golden.h"

namespace {

at::Tensor rows_of(std::vector<double> values, std::int64_t columns) {
  return at::tensor(values, at::kDouble).reshape({-1, columns});
}

// The data of tests/golden/evaluate.py.
struct Peer {
  at::Tensor train, test, labels, target;
  Peer() {
    Lcg u(23);
    train = rows_of(u.many(240), 6);
    test = rows_of(u.many(54), 6);
    const at::Tensor noise = at::tensor(u.many(40), at::kDouble);
    labels = (train.select(1, 0) * 2 + train.select(1, 1) + noise * 0.5).floor().to(at::kLong);
    target = train.select(1, 2).square() + labels;
  }
};

double largest_difference(const at::Tensor& a, const std::vector<double>& b) {
  EXPECT_EQ(a.numel(), static_cast<std::int64_t>(b.size()));
  return (a.reshape({-1}) - at::tensor(b, at::kDouble)).abs().max().item<double>();
}

}  // namespace

TEST(NearestNeighbours, HandValue) {
  const at::Tensor train = rows_of({1, 0, 0, 1, -1, 0}, 2), labels = at::tensor({0, 1, 2}, at::kLong);
  const at::Tensor p = evaluate::knn_probabilities(train, labels, rows_of({5, 0}, 2), 3, {.k = 2, .temperature = 0.5});
  const double far = std::exp(-2.0);  // cosine 0 against cosine 1
  EXPECT_NEAR(p[0][0].item<double>(), 1 / (1 + far), 1e-12);
  EXPECT_NEAR(p[0][1].item<double>(), far / (1 + far), 1e-12);
  EXPECT_EQ(p[0][2].item<double>(), 0);
}

TEST(NearestNeighbours, VotesOfAllPairsAndTheLengthOfAnEmbeddingDoesNotMatter) {
  const Peer peer;
  const std::int64_t classes = peer.labels.max().item<std::int64_t>() + 1;
  const at::Tensor p = evaluate::knn_probabilities(peer.train, peer.labels, peer.test, classes, {.k = 1000});
  for (std::int64_t i = 0; i < peer.test.size(0); ++i) {
    std::vector<double> votes(static_cast<std::size_t>(classes));
    double sum = 0;
    for (std::int64_t j = 0; j < peer.train.size(0); ++j) {
      const at::Tensor a = peer.test[i], b = peer.train[j];
      const double vote = std::exp((a.dot(b) / a.norm() / b.norm()).item<double>() / 0.07);
      votes[static_cast<std::size_t>(peer.labels[j].item<std::int64_t>())] += vote;
      sum += vote;
    }
    for (std::int64_t k = 0; k < classes; ++k)
      EXPECT_NEAR(p[i][k].item<double>(), votes[static_cast<std::size_t>(k)] / sum, 1e-9);
  }
  EXPECT_TRUE(at::allclose(evaluate::knn_probabilities(peer.train * 7, peer.labels, peer.test, classes, {.k = 5}),
                           evaluate::knn_probabilities(peer.train, peer.labels, peer.test, classes, {.k = 5})));
}

TEST(Logistic, IsThatOfScikitLearn) {
  const Peer peer;
  const std::int64_t classes = peer.labels.max().item<std::int64_t>() + 1;
  for (const auto& [strength, name] : {std::pair{0.1, "logistic.0.1"}, std::pair{10.0, "logistic.10.0"}}) {
    const at::Tensor p =
        evaluate::logistic_probabilities(peer.train, peer.labels, peer.test, classes, {.strength = strength});
    EXPECT_LT(largest_difference(p, golden(name)), 1e-5) << name;
  }
}

TEST(Logistic, DoesNotCareForTheScaleOfEmbeddingsThatAreStandardised) {
  const Peer peer;
  const auto fit = [&](double scale, double shift) {
    return evaluate::logistic_probabilities(peer.train * scale + shift, peer.labels, peer.test * scale + shift, 3);
  };
  EXPECT_LT((fit(1, 0) - fit(300, -9)).abs().max().item<double>(), 1e-6);
  EXPECT_LT((fit(1, 0).sum(1) - 1).abs().max().item<double>(), 1e-12);
}

TEST(Ridge, IsThatOfScikitLearnAlsoWithMoreFeaturesThanCases) {
  const Peer peer;
  const at::Tensor y = evaluate::ridge_predictions(peer.train, peer.target, peer.test, 2.0);
  EXPECT_LT(largest_difference(y, golden("ridge")), 1e-9);
  // Copies of the features: a wide system; alpha twice as large for twice the copies gives the same predictions.
  const auto copies = [](const at::Tensor& t) { return t.repeat({1, 10}); };
  const at::Tensor wide = evaluate::ridge_predictions(copies(peer.train), peer.target, copies(peer.test), 20.0);
  EXPECT_LT((wide - y).abs().max().item<double>(), 1e-9);
}

TEST(Probe, RefusesWhatIsNotFiniteAndATrainingSetOfNobody) {
  const Peer peer;
  at::Tensor broken = peer.train.clone();
  broken[3][2] = std::nan("");
  EXPECT_THROW(evaluate::knn_probabilities(broken, peer.labels, peer.test, 3), core::Error);
  EXPECT_THROW(evaluate::ridge_predictions(peer.train.narrow(0, 0, 0), peer.target.narrow(0, 0, 0), peer.test),
               core::Error);
}
