#include "losses/clustering.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>

#include "core/error.h"
#include "losses/precision.h"

namespace losses {

// In logarithms: scores far apart, divided by a small epsilon, would leave the range of floats.
at::Tensor sinkhorn(const at::Tensor& scores, double epsilon, std::int64_t iterations, runtime::Comm& comm) {
  GADOLIN_CHECK(scores.dim() == 2 && epsilon > 0);
  const at::NoGradGuard no_gradient;
  const WithoutAutocast exact;
  at::Tensor log_share = at_least_float(scores.detach()) / epsilon;
  for (std::int64_t i = 0; i < iterations; ++i) {
    at::Tensor largest =
        log_share.size(0) > 0 ? log_share.amax(0) : at::full({scores.size(1)}, -1e30, log_share.options());
    if (comm.size() > 1) largest = comm.all_gather(largest.unsqueeze(0)).amax(0);
    at::Tensor sum = (log_share - largest).exp().sum(0);
    if (comm.size() > 1) comm.all_reduce_sum(sum);
    log_share = (log_share - largest - sum.log()).log_softmax(1);
  }
  return log_share.exp();
}

at::Tensor soft_cross_entropy(const at::Tensor& scores, const at::Tensor& target, double temperature) {
  GADOLIN_CHECK(scores.dim() == 2 && scores.sizes() == target.sizes() && temperature > 0);
  const WithoutAutocast exact;
  return -(target * (at_least_float(scores) / temperature).log_softmax(1)).sum(1).mean();
}

at::Tensor swapped_prediction(const std::vector<at::Tensor>& scores, const std::vector<at::Tensor>& codes,
                              double temperature) {
  GADOLIN_CHECK(!codes.empty() && scores.size() >= codes.size() && scores.size() >= 2);
  at::Tensor sum;
  for (std::size_t code = 0; code < codes.size(); ++code) {
    for (std::size_t view = 0; view < scores.size(); ++view) {
      if (view == code) continue;
      const at::Tensor one = soft_cross_entropy(scores[view], codes[code], temperature);
      sum = sum.defined() ? sum + one : one;
    }
  }
  return sum / static_cast<double>(codes.size() * (scores.size() - 1));
}

at::Tensor cluster_cross_entropy(const at::Tensor& scores, const at::Tensor& cluster, double temperature,
                                 double smoothing, const at::Tensor& weight) {
  GADOLIN_CHECK(scores.dim() == 2 && cluster.dim() == 1 && cluster.size(0) == scores.size(0) && temperature > 0);
  GADOLIN_CHECK(!weight.defined() || (weight.dim() == 1 && weight.size(0) == scores.size(1)));
  const WithoutAutocast exact;
  const at::Tensor log_chance = (at_least_float(scores) / temperature).log_softmax(1);
  at::Tensor each = -log_chance.gather(1, cluster.unsqueeze(1)).squeeze(1);
  if (smoothing != 0) each = (1 - smoothing) * each - smoothing * log_chance.mean(1);
  return (weight.defined() ? each * weight.index_select(0, cluster) : each).mean();
}

at::Tensor balancing_weight(const at::Tensor& sizes) {
  GADOLIN_CHECK(sizes.dim() == 1 && sizes.size(0) > 0);
  const at::Tensor counted = sizes.to(at::kDouble);
  return (counted.mean() / counted).to(at::kFloat);
}

double smoothed_entropy(std::int64_t clusters, double smoothing) {
  const double each = smoothing / static_cast<double>(clusters), own = 1 - smoothing + each;
  const auto part = [](double chance) { return chance > 0 ? -chance * std::log(chance) : 0.0; };
  return part(own) + static_cast<double>(clusters - 1) * part(each);
}

}  // namespace losses
