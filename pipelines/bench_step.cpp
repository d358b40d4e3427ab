// A whole training step: forward, backward, clip, AdamW, of a masked autoencoder; with --peers beside the same network
// in PyTorch. And what the encoder of a ViT spares by seeing the visible tokens alone.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/record_function.h>
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <fstream>
#include <optional>
#include <string_view>

#include "core/error.h"
#include "models/vit.h"
#include "pipelines/bench.h"
#include "pipelines/bench_peer_session.h"
#include "pipelines/bench_step_subject.h"
#include "runtime/device.h"
#include "runtime/freed_memory.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

// Of one thread the processor's time, which other programs do not disturb; of several the clock's.
using Clock = double (*)();
Clock clock_of(int threads) { return threads == 1 ? processor_seconds : wall_seconds; }

// Seconds inside convolutions and products of matrices, on the thread that runs them.
class Products {
 public:
  explicit Products(Clock clock) {
    now = clock;
    inside = 0;
    seconds = 0;
    handle_ = at::addThreadLocalCallback(at::RecordFunctionCallback(begin, end).scopes({at::RecordScope::FUNCTION}));
  }
  ~Products() { at::removeCallback(handle_); }
  double taken() const { return seconds; }

 private:
  static bool counts(std::string_view name) {
    constexpr std::string_view kNames[] = {"aten::mkldnn_convolution",
                                           "aten::convolution_backward",
                                           "aten::slow_conv3d_forward",
                                           "aten::mm",
                                           "aten::addmm",
                                           "aten::bmm",
                                           "aten::_scaled_dot_product_flash_attention_for_cpu",
                                           "aten::_scaled_dot_product_flash_attention_for_cpu_backward"};
    return std::ranges::find(kNames, name) != std::end(kNames);
  }
  static std::unique_ptr<at::ObserverContext> begin(const at::RecordFunction& function) {
    if (counts(function.name()) && inside++ == 0) since = now();
    return nullptr;
  }
  static void end(const at::RecordFunction& function, at::ObserverContext*) {
    if (counts(function.name()) && --inside == 0) seconds += now() - since;
  }
  static inline thread_local Clock now = nullptr;
  static inline thread_local int inside = 0;
  static inline thread_local double since = 0, seconds = 0;
  at::CallbackHandle handle_;
};

// The most memory of this process during `body`; what is free goes back to the system before.
double peak_mb(const std::function<void()>& body) {
  ::malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
  body();
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stod(line.substr(6)) / 1024;
  }
  return 0;
}

struct Case {
  std::string encoder, precision;
  std::int64_t edge;
  std::string name() const { return encoder + " mae " + precision; }
};

struct Variant {
  std::string name;
  double peak_mb = 0, seconds = 0;
};

// Of the first three steps: gradients and optimiser are in it. Sums run in another order; bfloat16 is rounded
// elsewhere.
void require_same_losses(const Case& each, const std::vector<double>& ours, const boost::json::object& peer) {
  const boost::json::array& theirs = peer.at("losses").as_array();
  for (std::size_t i = 0; i < ours.size(); ++i) {
    const double limit = each.precision == "fp32" ? (i == 0 ? 1e-4 : 1e-3) : 2e-2;
    require_equal(
        std::abs(theirs.at(i).to_number<double>() - ours[i]) <= limit * std::abs(ours[i]),
        each.name() + ": loss of step " + std::to_string(i) + ", " + std::string(peer.at("name").as_string()));
  }
}

std::vector<Variant> opened(PeerSession& session, const Case& each, const std::vector<double>& losses, bool compile) {
  std::vector<Variant> variants;
  const boost::json::object answer =
      session.ask("open " + each.encoder + " " + each.precision + (compile ? " 1" : " 0"));
  for (const auto& one : answer.at("variants").as_array()) {
    const boost::json::object& variant = one.as_object();
    require_same_losses(each, losses, variant);
    variants.push_back({std::string(variant.at("name").as_string()), variant.at("peak_mb").to_number<double>()});
  }
  return variants;
}

BenchResult row_of(const Case& each, const BenchOptions& options, const fs::path& folder,
                   std::optional<PeerSession>& session) {
  const Clock now = clock_of(options.threads);
  StepSubject subject(each.encoder, each.edge, each.precision);
  if (session) subject.write(folder / (each.encoder + ".safetensors"));
  const std::vector<double> losses{subject.step(), subject.step(), subject.step()};
  const double own_peak_mb = peak_mb([&] { subject.step(); });
  std::vector<Variant> variants;
  if (session) variants = opened(*session, each, losses, options.repeats > 1);
  std::vector<double> ours, limit;
  std::vector<std::vector<double>> theirs(variants.size());
  for (int turn = 0; turn < options.repeats; ++turn) {
    const double start = now();
    subject.step();
    ours.push_back(now() - start);
    const Products products(now);
    subject.step();
    limit.push_back(products.taken());
    for (std::size_t i = 0; i < variants.size(); ++i) {
      const boost::json::object taken = session->ask("step " + std::to_string(i));
      theirs[i].push_back(taken.at(options.threads == 1 ? "processor_s" : "wall_s").to_number<double>());
    }
  }
  if (session) session->ask("close");
  BenchResult row{each.name() + (options.threads == 1 ? ", CPU time" : ""),
                  1,
                  "step",
                  "",
                  "its convolutions and products alone",
                  median(ours),
                  0,
                  median(limit)};
  row.note = fmt::format("step {}: {} voxels an edge; {:.0f} ms, at most {:.0f} MB in memory", each.name(), each.edge,
                         1e3 * row.ours_s, own_peak_mb);
  for (std::size_t i = 0; i < variants.size(); ++i) {
    variants[i].seconds = median(theirs[i]);
    row.note += fmt::format("; PyTorch {}: {:.0f} ms, {:.0f} MB", variants[i].name, 1e3 * variants[i].seconds,
                            variants[i].peak_mb);
  }
  if (const auto best = std::ranges::min_element(variants, {}, &Variant::seconds); best != variants.end()) {
    row.peer = "PyTorch " + best->name;
    row.peer_s = best->seconds;
  }
  return row;
}

// Forward and backward of the ViT's encoder over a quarter of the tokens and over all of them.
BenchResult masked_row(const BenchOptions& options, std::int64_t edge) {
  StepSubject subject("vit", edge, "fp32");
  auto& vit = dynamic_cast<models::Vit&>(subject.encoder());
  const at::Tensor& images = subject.batch().views[0].images;
  const auto run = [&](std::int64_t part) {
    const at::Tensor tokens = vit.tokens(images);
    vit.encode(tokens.slice(1, 0, tokens.size(1) / part)).square().mean().backward();
  };
  const at::Tensor tokens = vit.tokens(images);
  require_equal(vit.encode(tokens.slice(1, 0, tokens.size(1) / 4)).size(1) * 4 == tokens.size(1),
                "step: visible tokens");
  const std::vector<double> seconds =
      median_seconds({[&] { run(4); }, [&] { run(1); }}, options.repeats, clock_of(options.threads));
  return {"vit encoder, 75 % hidden" + std::string(options.threads == 1 ? ", CPU time" : ""),
          2,
          "picture",
          "the same encoder over all tokens",
          "",
          seconds[0],
          seconds[1],
          0};
}

std::vector<BenchResult> run(const BenchOptions& options) {
  const int before = at::get_num_threads();
  at::set_num_threads(options.threads);
  runtime::keep_freed_memory();
  const std::int64_t convolved = std::max<std::int64_t>(options.size * 3 / 64 * 8, 16), cut = options.size / 16 * 8;
  std::vector<std::string> precisions{"fp32"};
  if (runtime::has_bf16_units(c10::kCPU)) precisions.emplace_back("bf16");
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-step-" + std::to_string(::getpid()));
  std::optional<PeerSession> session;
  if (!options.peers.empty()) {
    fs::create_directories(folder);
    session.emplace(options.peers, "step_peers.py",
                    std::vector<std::string>{folder.string(), std::to_string(options.threads)});
  }
  std::vector<BenchResult> rows;
  for (const std::string& precision : precisions) {
    rows.push_back(row_of({"resenc", precision, convolved}, options, folder, session));
    rows.push_back(row_of({"vit", precision, cut}, options, folder, session));
  }
  rows.push_back(masked_row(options, cut));
  session.reset();
  fs::remove_all(folder);
  at::set_num_threads(before);
  return rows;
}

}  // namespace

extern const Workload step_workload;
const Workload step_workload{"step", "a training step of resenc and vit, beside the same networks in PyTorch", run};

}  // namespace pipelines
