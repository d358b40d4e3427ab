#include "pipelines/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/files.h"
#include "core/table.h"
#include "pipelines/versions.h"
#include "report/page.h"
#include "report/plot.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

std::string signed_interval(const evaluate::Interval& i, int decimals) {
  if (std::isnan(i.value)) return "-";
  return fmt::format("{:+.{}f} [{:+.{}f}, {:+.{}f}]", i.value, decimals, i.low, decimals, i.high, decimals);
}

// What the difference says, in words nobody can misread.
std::string verdict(const Measure& measure, std::size_t arm, const Comparison& comparison) {
  const evaluate::Interval& d = measure.against_first[arm];
  const std::string words = std::isnan(d.value) ? "cannot be compared with"
                            : d.low > 0 || d.high < 0
                                ? (d.value > 0) == measure.higher_is_better ? "is better than" : "is worse than"
                                : "cannot be told from";
  return fmt::format("{} {} {}: {} {}.", comparison.arms[arm].name, words, comparison.arms.front().name, measure.name,
                     signed_interval(d, measure.decimals));
}

core::Table table_of(const Comparison& comparison) {
  core::Table table{{"number"}, {}};
  for (const ArmOfRuns& arm : comparison.arms) table.columns.push_back(arm.name);
  for (std::size_t a = 1; a < comparison.arms.size(); ++a)
    table.columns.push_back(fmt::format("{} - {}", comparison.arms[a].name, comparison.arms.front().name));
  for (const Measure& measure : comparison.measures) {
    std::vector<std::string> row{measure.name};
    for (const evaluate::Interval& each : measure.arms) row.push_back(interval_text(each, measure.decimals));
    for (std::size_t a = 1; a < comparison.arms.size(); ++a)
      row.push_back(signed_interval(measure.against_first[a], measure.decimals));
    table.add(std::move(row));
  }
  return table;
}

void add_result(report::Page& page, const Comparison& comparison) {
  const Measure& first = comparison.measures.front();
  const std::size_t draws = comparison.arms.front().draws.size();
  page.section(fmt::format("{} with {} labelled cases", comparison.task, comparison.labelled));
  for (std::size_t a = 1; a < comparison.arms.size(); ++a) page.paragraph(verdict(first, a, comparison));
  report::ArmPlot plot{.title = fmt::format("{}, {} test cases", first.name, comparison.cases()),
                       .x_label = first.name};
  for (std::size_t a = 0; a < comparison.arms.size(); ++a) {
    const evaluate::Interval& i = first.arms[a];
    plot.arms.push_back({comparison.arms[a].name, i.value, std::pair{i.low, i.high}, first.draws[a]});
  }
  page.figure_svg(report::interval_plot(plot),
                  "Mean over the test cases with its 95 % interval; pale dots are single draws of the labelled cases.");
  page.table(table_of(comparison),
             fmt::format("{} test cases; each number is the mean over {} draw{} of the labelled cases.",
                         comparison.cases(), draws, draws == 1 ? "" : "s"));
  page.note(
      "Intervals: 95 %, patients drawn again with replacement (2,000 times), all cases of a patient together. They "
      "tell "
      "how far the number depends on the patients tested, not on the choice of the labelled cases: compare the draws "
      "for that. Differences are paired: both arms on the same resampled patients. An interval that holds 0 is no "
      "evidence of a difference. Distances are told of structures that truth and prediction both have; those that only "
      "one of them has are the missed ones.");
  core::Table tried{{"arm", "draw", "learning rate", "tried inside the labelled cases", first.name}, {}};
  for (std::size_t a = 0; a < comparison.arms.size(); ++a) {
    for (std::size_t k = 0; k < comparison.arms[a].draws.size(); ++k) {
      const Run& run = *comparison.arms[a].draws[k];
      std::string candidates;
      for (const auto& [rate, score] : run.candidates)
        candidates += fmt::format("{}{}: {:.3f}", candidates.empty() ? "" : ", ", rate, score);
      tried.add({comparison.arms[a].name, std::to_string(run.draw), core::shortest(run.learning_rate), candidates,
                 core::fixed(first.draws[a][k], first.decimals)});
    }
  }
  page.table(tried, "Every run.");
}

report::Series series_of(const Run& run, const std::string& metric, const std::string& name) {
  report::Series series{.name = name, .x = {}, .y = {}, .low = {}, .high = {}};
  const auto found = run.metrics.find(metric);
  if (found == run.metrics.end()) return series;
  for (const auto& [step, value] : found->second) {
    series.x.push_back(static_cast<double>(step));
    series.y.push_back(value);
  }
  series.smooth = series.y.size() > 40 ? static_cast<int>(series.y.size() / 20) : 0;
  return series;
}

bool is_pretraining(const Run& run) { return run.record.kind == "pretrain"; }

void add_curve(report::Page& page, const std::vector<const Run*>& runs, const std::string& metric,
               const std::string& title, const std::string& caption, bool log_y) {
  report::LinePlot plot{.title = title, .x_label = "step", .y_label = metric, .log_y = log_y};
  for (const Run* run : runs) {
    report::Series series = series_of(*run, metric, run->folder.filename().string());
    if (!series.x.empty()) plot.series.push_back(std::move(series));
  }
  if (!plot.series.empty()) page.figure_svg(report::line_plot(plot), caption);
}

void add_pictures(report::Page& page, const Run& run, const std::string& folder, const std::string& heading,
                  const std::string& what) {
  std::vector<fs::path> files;
  std::error_code failed;
  for (const auto& file : fs::directory_iterator(run.folder / folder, failed)) {
    if (file.path().extension() == ".png") files.push_back(file.path());
  }
  if (files.empty()) return;
  std::sort(files.begin(), files.end());
  page.subsection(heading);
  std::vector<report::Page::Item> items;
  for (const fs::path& file : files) {
    const std::string bytes = core::read_text(file);
    const auto begin = reinterpret_cast<const std::byte*>(bytes.data());
    items.push_back({{begin, begin + bytes.size()}, file.stem().string(), what + ", " + file.stem().string()});
  }
  page.gallery(items);
}

void add_training(report::Page& page, const std::vector<Run>& runs) {
  std::vector<const Run*> pretraining, finetuning;
  for (const Run& run : runs) (is_pretraining(run) ? pretraining : finetuning).push_back(&run);
  if (!pretraining.empty()) {
    page.section("Pretraining");
    add_curve(page, pretraining, "loss", "Loss of pretraining",
              "The loss of each step's batch; the line is a running mean.", false);
    add_curve(page, pretraining, "effective_rank", "Effective rank of the embeddings",
              "How many directions the embeddings of fixed views fill; a fall to 1 would be collapse.", false);
    for (const Run* run : pretraining)
      add_pictures(page, *run, "views", "What the network was shown: " + run->folder.filename().string(),
                   "augmented views");
  }
  if (!finetuning.empty()) {
    page.section("Fine-tuning");
    add_curve(page, finetuning, "loss", "Loss of fine-tuning",
              "The loss of each step's batch; the line is a running mean.", false);
    // One draw of each arm is enough to look at.
    std::set<std::string> shown;
    for (const Run* run : finetuning) {
      if (!shown.insert(run->task + run->arm).second) continue;
      add_pictures(page, *run, "pictures",
                   fmt::format("Truth above, prediction below: {}", run->folder.filename().string()),
                   "slices with truth and prediction");
    }
  }
}

void add_how(report::Page& page, const std::vector<Run>& runs) {
  page.section("How it was made");
  std::vector<std::pair<std::string, std::string>> facts;
  for (const auto& [name, version] : library_versions()) facts.emplace_back(name, version);
  page.facts(facts);
  for (const Run& run : runs) {
    page.subsection(run.folder.filename().string());
    page.code(run.record.command + "\n");
    page.facts({{"seed", std::to_string(run.record.seed)},
                {"data (SHA-256)", run.record.data_hash.substr(0, 16)},
                {"patch", fmt::format("{}", fmt::join(run.record.patch, " x "))},
                {"spacing, mm", fmt::format("{:.4g}", fmt::join(run.record.spacing_mm, " x "))}});
    page.folded("resolved.yaml", run.record.config);
    page.folded("plan.yaml", run.record.plan);
  }
}

}  // namespace

std::string interval_text(const evaluate::Interval& i, int decimals) {
  if (std::isnan(i.value)) return "-";
  return fmt::format("{} [{}, {}]", core::fixed(i.value, decimals), core::fixed(i.low, decimals),
                     core::fixed(i.high, decimals));
}

std::string report_page(const std::vector<Run>& runs, const std::vector<Comparison>& comparisons,
                        const std::string& title) {
  std::string subtitle = fmt::format("{} run{}", runs.size(), runs.size() == 1 ? "" : "s");
  report::Page page(title, subtitle);
  for (const Comparison& comparison : comparisons) add_result(page, comparison);
  add_training(page, runs);
  add_how(page, runs);
  return page.html();
}

}  // namespace pipelines
