// gadolin bench methods: each method pretrained for a while on made-up patients, probed beside random weights.
#include "pipelines/bench_methods.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "core/duration.h"
#include "core/files.h"
#include "core/log.h"
#include "core/stop_signal.h"
#include "pipelines/bench.h"
#include "pipelines/bench_methods_measure.h"
#include "pipelines/bench_methods_table.h"
#include "pipelines/run_record.h"

namespace pipelines {
namespace {

std::string told(const Cell& cell) {
  std::string text = cell.key.told();
  if (!cell.done()) return text + ": " + cell.outcome + ", " + cell.story;
  if (!cell.improves.empty()) text += fmt::format(": {} {:.4g} -> {:.4g}", cell.improves, cell.first, cell.last);
  if (!cell.scores.empty()) {
    double sum = 0;
    for (const auto& [patient, score] : cell.scores) sum += score;
    text += fmt::format(", {} {:.3f}", cell.key.probe, sum / static_cast<double>(cell.scores.size()));
  }
  return text + fmt::format(" ({:.0f} s)", cell.times.at("seconds"));
}

// Seconds of --budget; "20min" is as good as "20m".
std::optional<double> seconds_of(std::string budget) {
  if (budget.empty()) return std::nullopt;
  if (budget.ends_with("min")) budget.resize(budget.size() - 2);
  return core::duration_seconds(budget);
}

// How many cells were left for another time.
std::size_t measure_all(const MethodBenchRequest& request, const core::StopSignal& stop) {
  const std::optional<double> budget = seconds_of(request.budget);
  const double start = wall_seconds();
  BenchPlace place(request.cohort, request.threads);
  std::size_t left = 0;
  for (const PlannedCell& planned : part_of(plan_cells(request), request.shard)) {
    if (read_cell(request.cells, planned.key)) continue;
    if (left > 0 || stop.asked() || (budget && wall_seconds() - start > *budget)) {
      ++left;
      continue;
    }
    try {
      Cell cell = measure(planned, place);
      cell.made = {{"version", GADOLIN_VERSION},
                   {"processor", processor_name()},
                   {"threads", std::to_string(request.threads)},
                   {"command", command_line()}};
      write_cell(request.cells, cell);
      core::log_info(told(cell));
    } catch (const Interrupted&) {
      ++left;
    }
  }
  return left;
}

core::Exit bench_methods(const MethodBenchRequest& request) {
  const core::StopSignal stop;
  const std::size_t left = request.only_table ? 0 : measure_all(request, stop);
  const std::string page = methods_page(request);
  if (request.out.empty()) {
    std::fputs(page.c_str(), stdout);
  } else {
    core::publish_file(request.out, std::string_view(page));
    std::printf("bench methods: %s\n", request.out.c_str());
  }
  if (left > 0) core::log_info(fmt::format("{} cells are left; the same command goes on", left));
  return stop.asked() ? core::Exit::kInterrupted : core::Exit::kDone;
}

}  // namespace

std::function<std::function<core::Exit()>()> add_bench_methods(CLI::App& bench) {
  auto request = std::make_shared<MethodBenchRequest>();
  CLI::App* const app =
      bench.add_subcommand("methods", "pretrain with every method on made-up patients, beside random weights");
  app->add_option("--method", request->methods, "these methods alone")->type_name("NAME");
  app->add_option("--encoder", request->encoders, "on these encoders, not on that of the recipe")->type_name("NAME");
  app->add_flag("--pairs", request->pairs, "also each method on each encoder, for a few steps");
  app->add_option("--cells", request->cells, "folder of what is measured; what is there is not measured again")
      ->type_name("DIR")
      ->default_str(request->cells.string());
  app->add_option("--out", request->out, "write the page to this file instead of standard output")->type_name("FILE");
  app->add_flag("--table", request->only_table, "measure nothing, only write the page");
  app->add_option("--steps", request->steps, "of pretraining")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))
      ->capture_default_str();
  app->add_option("--seeds", request->seeds, "repetitions: 0, 1, ...")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1000}))
      ->capture_default_str();
  app->add_option("--budget", request->budget, "begin no cell after so long (20min, 2h)")->type_name("TIME");
  app->add_option("--shard", request->shard, "one part of the cells, such as 2/3: several machines, one folder")
      ->capture_default_str();
  app->add_option("--threads", request->threads, "of torch; numbers repeat to the bit with the same")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app->add_option("--patients", request->cohort.patients, "made-up patients, a third of them for testing")
      ->check(CLI::Range(std::int64_t{12}, std::int64_t{100000}))
      ->capture_default_str();
  app->add_option("--size", request->cohort.size, "voxels of the longest axis of a scan")
      ->check(CLI::Range(std::int64_t{32}, std::int64_t{512}))
      ->capture_default_str();
  app->add_option("--recipes", request->recipes, "folder with NAME.yaml of each method")
      ->type_name("DIR")
      ->default_str(request->recipes.string());
  app->add_option("--set", request->set, "one setting of pretraining, key=value, on top of all; may be given again")
      ->type_name("KEY=VALUE");
  return [app, request]() -> std::function<core::Exit()> {
    if (!app->parsed()) return {};
    return [request] { return bench_methods(*request); };
  };
}

}  // namespace pipelines
