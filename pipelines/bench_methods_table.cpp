#include "pipelines/bench_methods_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/table.h"
#include "evaluate/crossed_bootstrap.h"
#include "pipelines/network.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Facts = std::map<std::string, std::set<std::string>>;  // what "made" says in the cells that were read

// Cells of one method on one encoder.
struct Arm {
  std::string encoder;
  std::vector<Cell> cells, controls;  // of the same seeds, done
  std::vector<Cell> failed;
};

struct Seen {
  const MethodBenchRequest& request;
  Facts facts;

  std::optional<Cell> read(const CellKey& key) {
    std::optional<Cell> cell = read_cell(request.cells, key);
    if (!cell) return cell;
    for (const auto& [name, text] : cell->made) facts[name].insert(text);
    return cell;
  }
};

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

double mean_time(const std::vector<Cell>& cells, const std::string& name) {
  std::vector<double> values;
  for (const Cell& cell : cells) {
    if (const auto found = cell.times.find(name); found != cell.times.end()) values.push_back(found->second);
  }
  return mean_of(values);
}

// The suite of its own where there is one, the one that walks over all methods otherwise.
std::string test_of(const fs::path& folder, const std::string& method) {
  const std::string all = "contract_test.cpp", own = method + "_test.cpp";
  if (fs::exists(folder / own)) return own;
  std::set<std::string> naming;
  std::error_code absent;
  for (const auto& file : fs::directory_iterator(folder, absent)) {
    const std::string name = file.path().filename().string();
    if (!name.ends_with("_test.cpp") || name == all || name.ends_with("_slow_test.cpp")) continue;
    if (core::read_text(file.path()).find('"' + method + '"') != std::string::npos) naming.insert(name);
  }
  const auto special =
      std::ranges::find_if(naming, [](const std::string& name) { return name != "equivalence_test.cpp"; });
  return special != naming.end() ? *special : all;
}

struct Compared {
  double random = 0, pretrained = 0;
  evaluate::Interval difference;
};

Compared compared(const Arm& arm) {
  std::vector<double> random, pretrained, differences;
  for (std::size_t i = 0; i < arm.cells.size(); ++i) {
    for (const auto& [patient, score] : arm.cells[i].scores) {
      const double before = arm.controls[i].scores.at(patient);
      random.push_back(before);
      pretrained.push_back(score);
      differences.push_back(score - before);
    }
  }
  return {mean_of(random), mean_of(pretrained), evaluate::bootstrap_crossed(differences, arm.cells.size())};
}

std::string verdict(const evaluate::Interval& difference) {
  if (difference.low > 0) return "yes";
  return difference.high < 0 ? "no, it is worse" : "not shown";
}

std::string three(double value) { return core::fixed(value, 3); }
std::string signed_three(double value) { return (value >= 0 ? "+" : "") + three(value); }

std::string failures(const Arm& arm) {
  std::set<std::string> told;
  for (const Cell& cell : arm.failed) told.insert(cell.outcome + ": " + cell.story);
  return fmt::format("{}", fmt::join(told, "; "));
}

std::vector<std::string> row_of(const ssl::MethodEntry& entry, const Arm& arm, const fs::path& tests) {
  const std::string name(entry.name);
  std::vector<std::string> row{name, std::string(entry.family), arm.encoder, std::string(entry.probe)};
  const auto rest = [&](std::vector<std::string> cells) {
    row.insert(row.end(), cells.begin(), cells.end());
    return row;
  };
  const std::string test = test_of(tests, name), declared = fmt::format("{:g}", entry.cost);
  const std::string none = "-";
  if (arm.cells.empty()) {
    const std::string why = arm.failed.empty() ? "not run" : failures(arm);
    return rest({none, none, none, why, none, none, none, declared, none, test});
  }
  const Compared all = compared(arm);
  std::vector<double> first, last;
  for (const Cell& cell : arm.cells) first.push_back(cell.first), last.push_back(cell.last);
  const std::string fell =
      fmt::format("{} {:.3g} -> {:.3g}", arm.cells.front().improves, mean_of(first), mean_of(last));
  const double step = mean_time(arm.cells, "step_ms"), pass = mean_time(arm.cells, "encoder_ms");
  return rest({three(all.random), three(all.pretrained),
               fmt::format("{} [{}, {}]", signed_three(all.difference.value), signed_three(all.difference.low),
                           signed_three(all.difference.high)),
               verdict(all.difference) + (arm.failed.empty() ? "" : "; of other seeds: " + failures(arm)), fell,
               fmt::format("{:.0f}", step), pass > 0 ? fmt::format("{:.1f}", step / pass) : none, declared,
               fmt::format("{:.0f}", mean_time(arm.cells, "peak_mb")), test});
}

// By method, then by encoder, as far as there are cells.
std::map<std::string, std::map<std::string, Arm>> arms_of(const std::vector<PlannedCell>& planned, Seen& seen) {
  std::map<std::string, std::map<std::string, Arm>> arms;
  for (const PlannedCell& each : planned) {
    if (each.key.kind != "method") continue;
    Arm& arm = arms[each.key.method][each.key.encoder];
    arm.encoder = each.key.encoder;
    std::optional<Cell> cell = seen.read(each.key);
    if (!cell) continue;
    if (!cell->done()) {
      arm.failed.push_back(std::move(*cell));
      continue;
    }
    std::optional<Cell> control = seen.read(control_of(each));
    if (!control) continue;
    if (!control->done()) {
      arm.failed.push_back(std::move(*control));
      continue;
    }
    arm.cells.push_back(std::move(*cell));
    arm.controls.push_back(std::move(*control));
  }
  return arms;
}

core::Table probes_table(const MethodBenchRequest& request, const std::vector<PlannedCell>& planned, Seen& seen) {
  core::Table table{{"method", "family", "encoder", "probe", "random", "pretrained", "difference [95 %]",
                     "beats random", "on one batch", "ms a step", "passes", "declared", "MB", "test"},
                    {}};
  auto arms = arms_of(planned, seen);
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    auto& own = arms[std::string(entry->name)];
    if (own.empty()) own["-"].encoder = "-";
    for (const auto& [encoder, arm] : own) table.add(row_of(*entry, arm, request.tests));
  }
  return table;
}

core::Table pairs_table(const std::vector<PlannedCell>& planned, Seen& seen) {
  std::map<std::pair<std::string, std::string>, std::string> told;
  for (const PlannedCell& each : planned) {
    if (each.key.kind != "pair") continue;
    const std::optional<Cell> cell = seen.read(each.key);
    if (!cell) continue;
    const double pass = cell->times.contains("encoder_ms") ? cell->times.at("encoder_ms") : 0;
    told[{each.key.method, each.key.encoder}] =
        cell->done() ? fmt::format("{:.3g} -> {:.3g}, {:.1f} passes", cell->first, cell->last,
                                   pass > 0 ? cell->times.at("step_ms") / pass : 0)
                     : cell->outcome + ": " + cell->story;
  }
  core::Table table{{"method", "falls"}, {}};
  for (const std::string& encoder : encoder_names()) table.columns.push_back(encoder);
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    std::vector<std::string> row{std::string(entry->name), std::string(entry->improves)};
    for (const std::string& encoder : encoder_names()) {
      const auto found = told.find({row.front(), encoder});
      row.push_back(!ssl::runs_with(*entry, encoder) ? "does not suit"
                    : found == told.end()            ? "not run"
                                                     : found->second);
    }
    table.add(std::move(row));
  }
  return table;
}

std::string list_of(const std::set<std::string>& texts, const std::string& quote) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "" : ", ") + quote + text + quote;
  return list.empty() ? "-" : list;
}

std::string explained(const MethodBenchRequest& request) {
  return fmt::format(
      "Made-up patients: {}. Each method pretrains a small encoder with its recipe of `{}` for {} steps of 32^3 "
      "patches; "
      "{} seeds. Then, the same for all methods, by what each promises:\n\n"
      "* `kNN`, `linear`: which of {} organs lies at the centre of a patch, share told right. No grey value tells an "
      "organ, since contrast is drawn anew for each scan; what surrounds the patch tells a part, which random weights "
      "find too. Left and right of a pair count as one organ: views may be mirrored.\n"
      "* `finetune`: the organs segmented after {} steps on {} labelled scans, mean Dice.\n\n"
      "`random`: the same encoder with its first weights, seeds, patches and labelled scans. `difference`: paired, "
      "with "
      "the 95 % interval of a bootstrap over patients and seeds (`evaluate/crossed_bootstrap.h`); \"yes\" is an "
      "interval "
      "above 0. `on one batch`: what the method says must fall, before the first and the last of {} steps on one batch "
      "that stays. `ms a step`: median of those, of one thread in processor time, of the batch of its recipe; "
      "`passes`: the same over the time of one "
      "forward and backward pass of the encoder over whole patches of the batch, beside what the method declares; "
      "`MB`: "
      "the most that tensors took. So short a pretraining of so small an encoder tells that a method learns something, "
      "not which one is best.\n",
      told(request.cohort), request.recipes.string(), request.steps, request.seeds, organ_count(), kTuneSteps,
      kTuneLabels, kFixedBatchSteps);
}

}  // namespace

std::string methods_page(const MethodBenchRequest& request) {
  Seen seen{request, {}};
  const std::vector<PlannedCell> planned = plan_cells(request);
  const std::string probes = core::to_markdown(probes_table(request, planned, seen));
  std::string pairs;
  if (request.pairs) {
    pairs = fmt::format(
        "\n## Every method on every encoder\n\nWhat must fall, before the first and the last of {} steps on one "
        "batch.\n\n{}",
        kPairSteps, core::to_markdown(pairs_table(planned, seen)));
  }
  return fmt::format(
      "# Each method against random weights\n\nGenerated by `gadolin bench methods` from the cells in `{}`; do not "
      "edit. "
      "gadolin {}, on {}, torch threads: {}. Commands: {}.\n\n{}\n{}{}",
      request.cells.string(), list_of(seen.facts["version"], ""), list_of(seen.facts["processor"], ""),
      list_of(seen.facts["threads"], ""), list_of(seen.facts["command"], "`"), explained(request), probes, pairs);
}

}  // namespace pipelines
