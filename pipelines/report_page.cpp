#include "pipelines/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/table.h"
#include "pipelines/report_training.h"
#include "pipelines/versions.h"
#include "report/page.h"
#include "report/plot.h"

namespace pipelines {
namespace {

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
