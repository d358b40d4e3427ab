#include "evaluate/probe.h"

#include <ATen/ATen.h>
#include <torch/optim/lbfgs.h>

#include <algorithm>

#include "core/error.h"

namespace evaluate {
namespace {

at::Tensor embeddings(const at::Tensor& given, const char* what) {
  GADOLIN_CHECK(given.dim() == 2);
  const at::Tensor numbers = given.detach().to(at::kCPU, at::kDouble);
  if (!at::isfinite(numbers).all().item<bool>()) {
    throw core::Error(std::string("the ") + what + " embeddings hold a value that is not finite",
                      "the encoder diverged or a case holds NaN; look at its loss and at the case");
  }
  return numbers;
}

void check_training_set(const at::Tensor& train, const at::Tensor& target, const at::Tensor& test) {
  GADOLIN_CHECK(target.dim() == 1 && target.size(0) == train.size(0) && test.size(1) == train.size(1));
  if (train.size(0) == 0) throw core::Error("a probe needs labelled embeddings", "the training set is empty");
}

at::Tensor class_labels(const at::Tensor& labels, std::int64_t classes) {
  const at::Tensor result = labels.to(at::kCPU, at::kLong);
  GADOLIN_CHECK(result.min().item<std::int64_t>() >= 0 && result.max().item<std::int64_t>() < classes);
  return result;
}

// Mean 0 and deviation 1 over the training set; a constant coordinate becomes 0.
struct Standardised {
  at::Tensor train, test;
  Standardised(const at::Tensor& from, const at::Tensor& other) {
    const at::Tensor mean = from.mean(0), deviation = (from - mean).square().mean(0).sqrt();
    const at::Tensor scale = at::where(deviation > 1e-12, 1 / deviation, at::zeros_like(deviation));
    train = (from - mean) * scale;
    test = (other - mean) * scale;
  }
};

}  // namespace

at::Tensor knn_probabilities(const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test,
                             std::int64_t classes, const NeighbourOptions& options) {
  GADOLIN_CHECK(options.k > 0 && options.temperature > 0);
  const at::NoGradGuard no_gradients;
  const auto unit = [](const at::Tensor& x) { return x / x.norm(2, 1, true).clamp_min(1e-12); };
  const at::Tensor from = embeddings(train, "training"), to = embeddings(test, "test");
  check_training_set(from, labels, to);
  const at::Tensor of_class = class_labels(labels, classes);
  const at::Tensor likeness = unit(to).mm(unit(from).t());
  const auto [sorted, order] = likeness.sort(/*stable=*/true, /*dim=*/1, /*descending=*/true);
  const std::int64_t k = std::min(options.k, from.size(0));
  const at::Tensor near = sorted.narrow(1, 0, k), who = order.narrow(1, 0, k);
  const at::Tensor weight = ((near - sorted.narrow(1, 0, 1)) / options.temperature).exp();
  at::Tensor votes = at::zeros({to.size(0), classes}, at::kDouble);
  votes.scatter_add_(1, of_class.index_select(0, who.reshape({-1})).reshape(who.sizes()), weight);
  return votes / votes.sum(1, true);
}

at::Tensor logistic_probabilities(const at::Tensor& train, const at::Tensor& labels, const at::Tensor& test,
                                  std::int64_t classes, const LogisticOptions& options) {
  GADOLIN_CHECK(options.strength > 0 && options.iterations > 0);
  const at::AutoGradMode gradients(true);
  at::Tensor from = embeddings(train, "training"), to = embeddings(test, "test");
  check_training_set(from, labels, to);
  if (options.standardise) {
    const Standardised standardised(from, to);
    from = standardised.train;
    to = standardised.test;
  }
  const at::Tensor target = class_labels(labels, classes);
  at::Tensor weight = at::zeros({from.size(1), classes}, at::kDouble).requires_grad_();
  at::Tensor bias = at::zeros({classes}, at::kDouble).requires_grad_();
  torch::optim::LBFGS optimiser({weight, bias}, torch::optim::LBFGSOptions(1)
                                                    .max_iter(options.iterations)
                                                    .tolerance_grad(1e-8)
                                                    .tolerance_change(1e-12)
                                                    .history_size(20)
                                                    .line_search_fn("strong_wolfe"));
  optimiser.step([&] {
    optimiser.zero_grad();
    const at::Tensor logits = from.mm(weight) + bias;
    const at::Tensor miss = at::nll_loss(at::log_softmax(logits, 1), target, {}, at::Reduction::Sum);
    at::Tensor loss = miss + weight.square().sum() / (2 * options.strength);
    loss.backward();
    return loss;
  });
  const at::NoGradGuard no_gradients;
  return at::softmax(to.mm(weight) + bias, 1).detach();
}

at::Tensor ridge_predictions(const at::Tensor& train, const at::Tensor& targets, const at::Tensor& test, double alpha) {
  GADOLIN_CHECK(alpha > 0);
  const at::NoGradGuard no_gradients;
  const at::Tensor from = embeddings(train, "training"), to = embeddings(test, "test");
  check_training_set(from, targets, to);
  const Standardised standardised(from, to);
  const at::Tensor y = targets.to(at::kCPU, at::kDouble), mean = y.mean();
  const at::Tensor x = standardised.train;  // centred, so that the intercept is the mean of the targets
  // The smaller of the two equivalent systems.
  const bool wide = x.size(1) > x.size(0);
  const at::Tensor gram = wide ? x.mm(x.t()) : x.t().mm(x);
  const at::Tensor system = gram + alpha * at::eye(gram.size(0), at::kDouble);
  const at::Tensor right = (wide ? y - mean : x.t().mv(y - mean)).unsqueeze(1);
  const at::Tensor solved = at::linalg_solve(system, right);
  const at::Tensor weight = wide ? x.t().mm(solved) : solved;
  return standardised.test.mm(weight).squeeze(1) + mean;
}

}  // namespace evaluate
