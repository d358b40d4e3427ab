// gadolin bench: equality first, then time, ours beside the fastest peer at hand.
#include "pipelines/bench.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>
#include <memory>
#include <span>

#include "core/table.h"
#include "pipelines/bench_methods.h"
#include "pipelines/command.h"
#include "pipelines/wings.h"

#define GADOLIN_WORKLOADS(X)   \
  GADOLIN_IMAGING(X(resample)) \
  GADOLIN_IMAGING(X(nifti))    \
  GADOLIN_IMAGING(X(ingest))   \
  X(store)                     \
  GADOLIN_TORCH(X(augment))    \
  GADOLIN_TORCH(X(loader))     \
  GADOLIN_TORCH(X(norm))       \
  GADOLIN_TORCH(X(optimiser))  \
  GADOLIN_TORCH(X(ranks))      \
  GADOLIN_TORCH(X(checkpoint)) \
  GADOLIN_TORCH(X(step))

namespace pipelines {

#define X(name) extern const Workload name##_workload;
GADOLIN_WORKLOADS(X)
#undef X

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown";
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values.at(values.size() / 2);
}

std::vector<double> median_seconds(const std::vector<std::function<void()>>& bodies, int repeats,
                                   const std::function<double()>& now) {
  std::vector<std::vector<double>> seconds(bodies.size());
  for (int turn = 0; turn <= repeats; ++turn) {
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const double start = now();
      bodies[i]();
      const double taken = now() - start;
      if (turn > 0) seconds[i].push_back(taken);  // the first warms up
    }
  }
  std::vector<double> medians;
  for (const auto& each : seconds) medians.push_back(median(each));
  return medians;
}

void require_equal(bool equal, const std::string& what) {
  if (!equal) throw core::Error("bench: " + what + ": ours and the peer's differ; nothing was timed");
}

namespace {

std::span<const Workload* const> workloads() {
#define X(name) &name##_workload,
  static const Workload* const kAll[] = {GADOLIN_WORKLOADS(X)};
#undef X
  return kAll;
}

std::vector<const Workload*> chosen(const std::string& name) {
  std::vector<std::string> known;
  std::vector<const Workload*> all;
  for (const Workload* workload : workloads()) {
    known.emplace_back(workload->name);
    if (name == workload->name || name == "all") all.push_back(workload);
  }
  if (!all.empty()) return all;
  const std::string close = core::nearest(name, known);
  throw core::usage_error("there is no workload '" + name + "'",
                          (close.empty() ? "" : "did you mean " + close + "? ") + std::string("gadolin bench list"));
}

std::string rate(double amount, double seconds) {
  return seconds > 0 ? fmt::format("{:.4g}", amount / seconds) : std::string("-");
}

core::Exit list() {
  for (const Workload* workload : workloads()) std::printf("%-10s %s\n", workload->name, workload->help);
  return core::Exit::kDone;
}

struct BenchRequest {
  std::string name = "all";
  BenchOptions options;
  bool quick = false, json = false;
};

core::Exit bench(BenchRequest request) {
  if (request.name == "list") return list();
  if (request.quick) request.options.size = 32, request.options.repeats = 1;
  core::Table table{{"workload", "ours", "peer", "ratio", "limit", "of limit", "unit a second", "peer is", "limit is"},
                    {}};
  boost::json::array rows;
  std::string notes;
  for (const Workload* workload : chosen(request.name)) {
    for (const BenchResult& r : workload->run(request.options)) {
      const double ratio = r.peer_s / r.ours_s, share = r.limit.empty() ? 0 : r.limit_s / r.ours_s;
      table.add({fmt::format("{} {}", workload->name, r.what), rate(r.amount, r.ours_s), rate(r.amount, r.peer_s),
                 r.peer.empty() ? "-" : fmt::format("{:.2f}", ratio), rate(r.amount, r.limit_s),
                 r.limit.empty() ? "-" : fmt::format("{:.0f} %", 100 * share), r.unit, r.peer, r.limit});
      if (!r.note.empty()) notes += r.note + "\n";
      boost::json::object numbers;
      for (const auto& [name, value] : r.numbers) numbers[name] = value;
      rows.push_back(boost::json::object{{"workload", workload->name},
                                         {"what", r.what},
                                         {"equal", true},
                                         {"amount", r.amount},
                                         {"unit", r.unit},
                                         {"ours_s", r.ours_s},
                                         {"peer_s", r.peer_s},
                                         {"limit_s", r.limit_s},
                                         {"peer", r.peer},
                                         {"limit", r.limit},
                                         {"note", r.note},
                                         {"numbers", numbers},
                                         {"ratio", ratio}});
    }
  }
  if (request.json) {
    const boost::json::object all{{"processor", processor_name()},
                                  {"threads", request.options.threads},
                                  {"repeats", request.options.repeats},
                                  {"size", request.options.size},
                                  {"results", rows}};
    std::printf("%s\n", boost::json::serialize(all).c_str());
    return core::Exit::kDone;
  }
  std::printf("%s\n%s%s; %d thread%s, median of %d, edge %lld voxels; equality was checked first\n",
              core::to_text(table).c_str(), notes.c_str(), processor_name().c_str(), request.options.threads,
              request.options.threads == 1 ? "" : "s", request.options.repeats,
              static_cast<long long>(request.options.size));
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<BenchRequest>();
  app.add_option("NAME", request->name, "a workload, 'all', or 'list'")->capture_default_str();
  app.add_option("--size", request->options.size, "voxels of an edge")
      ->check(CLI::Range(16, 1024))
      ->capture_default_str();
  app.add_option("--repeats", request->options.repeats, "the median of so many counts")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--threads", request->options.threads, "of ours and of the peer")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--peers", request->options.peers,
                 "also peers that are Python packages: tests/bench, once "
                 "tests/bench/peers.sh has made them")
      ->type_name("FOLDER");
  app.add_flag("--quick", request->quick, "small and once: to see that it works");
  app.add_flag("--json", request->json, "one JSON object");
  GADOLIN_TORCH(const auto methods = add_bench_methods(app);)
  return [=] {
    GADOLIN_TORCH(if (const auto run = methods()) return run();)
    return bench(*request);
  };
}

}  // namespace

extern const Command bench_command;
const Command bench_command{
    "bench", "time what is ours beside its fastest peer, after checking that both agree",
    "  gadolin bench list\n  gadolin bench\n  gadolin bench resample --size 256 --threads 2 --json\n"
    "  gadolin bench methods --budget 20min --out modules/ssl/RESULTS.md\n"
    "  tests/bench/peers.sh && gadolin bench store --size 256 --peers tests/bench",
    attach};

}  // namespace pipelines
