// Clip, AdamW and average of the weights in one update, beside torch's own and, with --peers, PyTorch's as people call
// it.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <functional>
#include <optional>

#include "core/files.h"
#include "pipelines/bench.h"
#include "pipelines/bench_npy.h"
#include "pipelines/bench_peer_session.h"
#include "train/optimiser.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr double kRate = 1e-3, kClip = 1.0, kShare = 0.001, kDecay = 0.05;
constexpr int kSteps = 3;  // before the results are compared

// Of a residual U-Net of six stages: convolutions with their norms, then the way up.
std::vector<std::vector<std::int64_t>> shapes(std::int64_t size) {
  const auto channels = [&](std::size_t stage) {
    constexpr std::int64_t kFull[] = {32, 64, 128, 256, 320, 320};
    return std::max<std::int64_t>(kFull[stage] * size / 128, 2);
  };
  std::vector<std::vector<std::int64_t>> all;
  std::int64_t in = 1;
  for (std::size_t stage = 0; stage < 6; ++stage) {
    const std::int64_t out = channels(stage);
    for (int block = 0; block < (stage < 4 ? 2 : 3); ++block) {
      all.insert(all.end(), {{out, in, 3, 3, 3}, {out}, {out}});
      in = out;
    }
  }
  for (std::size_t stage = 5; stage-- > 0;) {
    const std::int64_t out = channels(stage);
    all.insert(all.end(), {{in, out, 2, 2, 2}, {out}});
    in = out;
  }
  return all;
}

// Everything that one update touches.
struct Weights {
  explicit Weights(const std::vector<std::vector<std::int64_t>>& sizes) {
    at::manual_seed(1);
    for (const auto& each : sizes) {
      parameters.push_back(0.1 * at::randn(each));
      gradients.push_back(at::randn(each));
    }
    for (const at::Tensor& each : parameters) {
      means.push_back(at::zeros_like(each));
      squares.push_back(at::zeros_like(each));
      steps.push_back(at::zeros({}));
      averages.push_back(each.clone());
    }
  }
  std::vector<at::Tensor> parameters, gradients, means, squares, steps, averages;
};

// As torch does it, list by list.
void by_torch(Weights& w, bool averaged) {
  const at::Tensor norm = at::stack(at::_foreach_norm(w.gradients)).norm();
  at::_foreach_mul_(w.gradients, at::clamp_max(kClip / (norm + 1e-6), 1.0));
  at::_foreach_add_(w.steps, 1);
  for (const bool decayed : {true, false}) {
    std::vector<at::Tensor> p, g, m, s, t;
    for (std::size_t i = 0; i < w.parameters.size(); ++i) {
      if ((w.parameters[i].dim() > 1) != decayed) continue;
      p.push_back(w.parameters[i]), g.push_back(w.gradients[i]), m.push_back(w.means[i]);
      s.push_back(w.squares[i]), t.push_back(w.steps[i]);
    }
    at::_fused_adamw_(p, g, m, s, {}, t, kRate, 0.9, 0.999, decayed ? kDecay : 0.0, 1e-8, false, false);
  }
  if (averaged) at::_foreach_lerp_(w.averages, w.parameters, kShare);
}

// Ours, on parameters of its own.
class Ours {
 public:
  Ours(const Weights& weights, bool averaged)
      : phase_{"all", {}},
        optimiser_([&] {
          for (std::size_t i = 0; i < weights.parameters.size(); ++i) {
            const at::Tensor leaf = weights.parameters[i].clone().requires_grad_(true);
            leaf.mutable_grad() = weights.gradients[i].clone();
            phase_.parameters.push_back({fmt::format("{:03}", i), leaf});
          }
          train::TrainerSettings settings;
          settings.weight_decay = kDecay;
          return train::Optimiser(phase_, settings);
        }()),
        average_({phase_}, averaged ? 0.999 : 0) {
    optimiser_.keep(average_);
  }
  void step() {
    optimiser_.clip(kClip);
    optimiser_.update({.learning_rate = kRate, .average_share = kShare});
  }
  std::vector<at::Tensor> parameters() const {
    std::vector<at::Tensor> all;
    for (const train::Parameter& each : phase_.parameters) all.push_back(each.tensor.detach());
    return all;
  }
  std::vector<at::Tensor> averages() const {
    std::vector<at::Tensor> all;
    for (const auto& [name, tensor] : average_.state()) all.push_back(tensor);
    return all;
  }

 private:
  train::Phase phase_;
  train::Optimiser optimiser_;
  train::Average average_;
};

bool alike(const std::vector<at::Tensor>& ours, const std::vector<at::Tensor>& theirs) {
  for (std::size_t i = 0; i < ours.size(); ++i) {
    if ((ours[i] - theirs[i]).abs().max().item<double>() > 1e-6) return false;
  }
  return true;
}

void write_flat(const fs::path& path, const std::vector<at::Tensor>& tensors) {
  std::vector<at::Tensor> flat;
  for (const at::Tensor& each : tensors) flat.push_back(each.reshape({-1}));
  const at::Tensor all = at::cat(flat);
  write_npy(path, {all.numel()}, "<f4",
            {static_cast<const std::byte*>(all.const_data_ptr()), static_cast<std::size_t>(all.nbytes())});
}

// What the Python peer needs to begin where we begin, and where our first steps led.
void write_begin(const fs::path& folder, const BenchOptions& options,
                 const std::vector<std::vector<std::int64_t>>& sizes) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  const Weights begin(sizes);
  Ours ours(begin, /*averaged=*/true);
  for (int step = 0; step < kSteps; ++step) ours.step();
  write_flat(folder / "parameters.npy", begin.parameters);
  write_flat(folder / "gradients.npy", begin.gradients);
  write_flat(folder / "ours.npy", ours.parameters());
  write_flat(folder / "ours_averages.npy", ours.averages());
  boost::json::array shapes;
  for (const auto& each : sizes) shapes.push_back(boost::json::array(each.begin(), each.end()));
  core::publish_file(folder / "update.json", boost::json::serialize(boost::json::object{{"shapes", shapes},
                                                                                        {"threads", options.threads},
                                                                                        {"steps", kSteps},
                                                                                        {"rate", kRate},
                                                                                        {"decay", kDecay},
                                                                                        {"clip", kClip},
                                                                                        {"share", kShare}}));
}

std::vector<BenchResult> rows_of(const BenchOptions& options, const std::vector<std::vector<std::int64_t>>& sizes,
                                 bool averaged, PeerSession* session) {
  Weights theirs(sizes);
  Ours ours(theirs, averaged);
  for (int step = 0; step < kSteps; ++step) ours.step(), by_torch(theirs, averaged);
  require_equal(alike(ours.parameters(), theirs.parameters) && (!averaged || alike(ours.averages(), theirs.averages)),
                "optimiser");
  std::int64_t numbers = 0;
  for (const at::Tensor& each : theirs.parameters) numbers += each.numel();
  // The bytes that clip and update must move: the gradient is read twice, all else is read and written once.
  const at::Tensor read = at::ones({numbers});
  at::Tensor changed = at::ones({numbers});
  const int passes = averaged ? 4 : 3;
  std::vector<double> peer;
  std::vector<std::function<void()>> bodies{[&] { ours.step(); }, [&] { by_torch(theirs, averaged); },
                                            [&] {
                                              for (int i = 0; i < 2; ++i) read.sum();
                                              for (int i = 0; i < passes; ++i) changed.neg_();
                                            }};
  if (session) {
    bodies.push_back([&] {
      const boost::json::object taken = session->ask(averaged ? "averaged" : "plain");
      peer.push_back(taken.at("wall_s").to_number<double>());
    });
  }
  const std::vector<double> s = median_seconds(bodies, options.repeats);
  const std::string what = averaged ? "clip, AdamW, average" : "clip, AdamW";
  const double amount = static_cast<double>(numbers) / 1e6;
  const std::string limit = fmt::format("2 sums, {} passes in place", passes);
  std::vector<BenchResult> rows{{what, amount, "Mweight", "torch foreach, _fused_adamw_", limit, s[0], s[1], s[2]}};
  if (session) {
    peer.erase(peer.begin());  // the first warms up
    rows.push_back({what, amount, "Mweight", "PyTorch AdamW(fused), clip_grad_norm_", limit, s[0], median(peer), s[2]});
  }
  return rows;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  const at::NoGradGuard no_gradient;
  const auto sizes = shapes(options.size);
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-optimiser-" + std::to_string(::getpid()));
  std::optional<PeerSession> session;
  if (!options.peers.empty()) {
    write_begin(folder, options, sizes);
    session.emplace(options.peers, "optimiser_peers.py", std::vector<std::string>{folder.string()});
    require_equal(session->ask("compare").at("equal").as_bool(), "optimiser, PyTorch");
  }
  std::vector<BenchResult> rows;
  for (const bool averaged : {true, false}) {
    for (BenchResult& row : rows_of(options, sizes, averaged, session ? &*session : nullptr))
      rows.push_back(std::move(row));
  }
  rows.back().note = fmt::format("optimiser: {} tensors", sizes.size());
  session.reset();
  fs::remove_all(folder);
  at::set_num_threads(before);
  return rows;
}

}  // namespace

extern const Workload optimiser_workload;
const Workload optimiser_workload{"optimiser", "gradient clip, AdamW and average of the weights, beside torch", run};

}  // namespace pipelines
