// Normalisation, activation and residual sum between convolutions, forward and backward, beside torch's own.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include <algorithm>

#include "models/norm.h"
#include "pipelines/bench.h"

namespace pipelines {
namespace {

constexpr std::int64_t kChannels = 32;

using Layout = at::MemoryFormat;

struct Inputs {
  Inputs(std::int64_t edge, at::ScalarType type, Layout layout) {
    at::manual_seed(1);
    for (at::Tensor* each : {&x, &around, &weights})
      *each = at::randn({2, kChannels, edge, edge, edge}).to(type).contiguous(layout);
  }
  at::Tensor x, around, weights;  // the gradient is that of a weighted sum, so that every part of backward works
};

enum class Who { kOurs, kInstanceNorm, kGroupNorm };

// Of torch's two ways to normalise each channel; sum and activation in place, as networks have them.
at::Tensor by_torch(Who who, const at::Tensor& x, const at::Tensor& scale, const at::Tensor& shift,
                    const at::Tensor& around) {
  at::Tensor y = who == Who::kInstanceNorm
                     ? at::instance_norm(x, scale, shift, {}, {}, /*use_input_stats=*/true, /*momentum=*/0, 1e-5, true)
                     : at::group_norm(x, kChannels, scale, shift, 1e-5, true);
  return at::leaky_relu_(y.add_(around), 0.01);
}

at::Tensor gradient(Who who, const Inputs& inputs) {
  const at::Tensor leaf = inputs.x.detach().requires_grad_(true);
  const at::Tensor scale = at::full({kChannels}, 1.5), shift = at::full({kChannels}, 0.25);
  const at::Tensor y = who == Who::kOurs ? models::norm_leaky(leaf, scale, shift, kChannels, 0.01, inputs.around)
                                         : by_torch(who, leaf, scale, shift, inputs.around);
  y.backward(inputs.weights);
  return leaf.grad();
}

// Of the mean: where rounding turns the sign before leaky ReLU, single gradients differ by the slope.
void require_same(const at::Tensor& ours, const at::Tensor& theirs, at::ScalarType type, const std::string& what) {
  const double tolerance = type == at::kFloat ? 1e-4 : 2e-2;
  const at::Tensor a = ours.to(at::kFloat), b = theirs.to(at::kFloat);
  require_equal((a - b).abs().mean().item<double>() <= tolerance * b.abs().mean().item<double>(), "norm " + what);
}

// Ours beside either way of torch in the layout that is faster for it.
void add_rows(std::vector<BenchResult>& results, at::ScalarType type, const BenchOptions& options) {
  const Inputs last(options.size / 4, type, Layout::ChannelsLast3d), first(options.size / 4, type, Layout::Contiguous);
  const std::string name = type == at::kFloat ? "float32" : "bfloat16";
  const at::Tensor ours = gradient(Who::kOurs, last);
  std::vector<std::function<void()>> bodies{[&] { gradient(Who::kOurs, last); }};
  for (const Who who : {Who::kInstanceNorm, Who::kGroupNorm}) {
    for (const Inputs* inputs : {&first, &last}) {
      require_same(ours, gradient(who, *inputs), type, name);
      bodies.emplace_back([who, inputs] { gradient(who, *inputs); });
    }
  }
  at::Tensor copy = at::empty_like(last.x);
  bodies.emplace_back([&] {
    for (int pass = 0; pass < 8; ++pass) copy.copy_(last.x);
  });
  const std::vector<double> seconds = median_seconds(bodies, options.repeats);
  const std::string norms[] = {"instance_norm", "group_norm of a group a channel"};
  for (std::size_t i = 0; i < 2; ++i) {
    const double contiguous = seconds[1 + 2 * i], channels_last = seconds[2 + 2 * i];
    results.push_back({"forward + backward " + name, static_cast<double>(last.x.numel()) / 1e6, "Mvoxel-channel",
                       "torch " + norms[i] + ", add_, leaky_relu_; " +
                           (contiguous < channels_last ? "contiguous" : "channels_last_3d"),
                       "8 copies of the tensor", seconds[0], std::min(contiguous, channels_last), seconds.back()});
  }
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  std::vector<BenchResult> results;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) add_rows(results, type, options);
  at::set_num_threads(before);
  return results;
}

}  // namespace

extern const Workload norm_workload;
const Workload norm_workload{"norm", "instance norm + residual + leaky ReLU, forward and backward, beside torch", run};

}  // namespace pipelines
