// Normalisation, activation and residual sum between convolutions, forward and backward, beside torch's own.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>

#include "models/norm.h"
#include "pipelines/bench.h"

namespace pipelines {
namespace {

constexpr std::int64_t kChannels = 32;

at::Tensor picture(std::int64_t edge, at::ScalarType type) {
  return at::randn({2, kChannels, edge, edge, edge}).to(type).contiguous(at::MemoryFormat::ChannelsLast3d);
}

// The gradient of a weighted sum, so that every part of backward works.
at::Tensor gradient(const at::Tensor& x, const at::Tensor& around, const at::Tensor& weights, bool ours) {
  const at::Tensor leaf = x.detach().requires_grad_(true);
  const at::Tensor scale = at::full({kChannels}, 1.5), shift = at::full({kChannels}, 0.25);
  const at::Tensor y = ours ? models::norm_leaky(leaf, scale, shift, kChannels, 0.01, around)
                            : models::norm_leaky_plain(leaf, scale, shift, kChannels, 0.01, around);
  y.backward(weights);
  return leaf.grad();
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  at::manual_seed(1);
  std::vector<BenchResult> results;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    const at::Tensor x = picture(options.size / 4, type), around = picture(options.size / 4, type);
    const at::Tensor weights = picture(options.size / 4, type);
    const std::string name = type == at::kFloat ? "float32" : "bfloat16";
    // Of the mean: where rounding turns the sign before leaky ReLU, single gradients differ by the slope.
    const double tolerance = type == at::kFloat ? 1e-4 : 2e-2;
    const at::Tensor a = gradient(x, around, weights, true).to(at::kFloat),
                     b = gradient(x, around, weights, false).to(at::kFloat);
    require_equal((a - b).abs().mean().item<double>() <= tolerance * b.abs().mean().item<double>(), "norm " + name);
    at::Tensor copy = at::empty_like(x);
    const std::vector<double> seconds =
        median_seconds({[&] { gradient(x, around, weights, true); }, [&] { gradient(x, around, weights, false); },
                        [&] {
                          for (int pass = 0; pass < 8; ++pass) copy.copy_(x);
                        }},
                       options.repeats);
    results.push_back({"forward + backward " + name, static_cast<double>(x.numel()) / 1e6, "Mvoxel-channel",
                       "torch instance_norm, add, leaky_relu", "8 copies of the tensor", seconds[0], seconds[1],
                       seconds[2]});
  }
  at::set_num_threads(before);
  return results;
}

}  // namespace

extern const Workload norm_workload;
const Workload norm_workload{"norm", "instance norm + residual + leaky ReLU, forward and backward, beside torch", run};

}  // namespace pipelines
