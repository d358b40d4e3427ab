#include "pipelines/study_page.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "core/table.h"
#include "report/page.h"
#include "report/plot.h"

namespace pipelines {
namespace {

std::string what_was_done(const StudyHead& head, const StudyTable& table) {
  return fmt::format(
      "{} test cases of {} patients, the same for all. Each arm has the same steps and chooses its learning rate "
      "inside "
      "its labelled cases. Intervals: 95 %, patients and draws of the labelled cases drawn again; differences are "
      "paired "
      "by both. {}",
      table.cases, table.patients,
      head.claimed.empty()
          ? std::string("No arm was claimed beforehand: all are exploratory.")
          : fmt::format("Claimed before a test case was scored: {}; the other arms are exploratory.", head.claimed));
}

// What stands behind "labels saved, times".
constexpr const char* kFactorMeans =
    "Labels saved, times: how many times as many labelled cases training from scratch needs for the same score, "
    "on "
    "its curve in the logarithm of their number, made so that it never falls. \"> x\": it never got there.";

core::Table parts_table(const StudyTable& table) {
  core::Table parts{{"labels", "arm"}, {}};
  for (const auto& [name, dice] : table.curves.front().points.front().parts) parts.columns.push_back(name);
  for (std::size_t at = 0; at < table.curves.front().points.size(); ++at) {
    for (const StudyCurve& curve : table.curves) {
      std::vector<std::string> row{std::to_string(curve.points[at].budget), curve.arm};
      for (std::size_t i = 2; i < parts.columns.size(); ++i) {
        const auto& own = curve.points[at].parts;
        row.push_back(i - 2 < own.size() ? core::fixed(own[i - 2].second, 4) : "-");
      }
      parts.add(std::move(row));
    }
  }
  return parts;
}

// Those columns alone, so that a page need not be scrolled sideways.
core::Table columns_of(const core::Table& all, const std::vector<std::size_t>& wanted) {
  core::Table part;
  for (const std::size_t column : wanted) part.columns.push_back(all.columns[column]);
  for (const auto& row : all.rows) {
    std::vector<std::string> cells;
    for (const std::size_t column : wanted) cells.push_back(row[column]);
    part.add(std::move(cells));
  }
  return part;
}

std::vector<std::string> differences_svg(const StudyTable& table) {
  std::vector<std::string> plots;
  for (std::size_t at = 0; at < table.curves.front().points.size(); ++at) {
    report::ArmPlot plot;
    plot.title =
        fmt::format("{} labelled cases: {} minus scratch", table.curves.front().points[at].budget, table.score);
    plot.decimals = 4;
    plot.reference = 0;
    for (std::size_t arm = 1; arm < table.curves.size(); ++arm) {
      const evaluate::Interval& own = table.curves[arm].points[at].curve.difference;
      plot.arms.push_back({table.curves[arm].arm, own.value, std::pair{own.low, own.high}, {}});
    }
    plots.push_back(report::interval_plot(plot));
  }
  return plots;
}

}  // namespace

std::string study_page(const StudyHead& head, const StudyTable& table, const core::Table& cells,
                       const std::string& title) {
  report::Page page(title, fmt::format("{} arms, {} cells", table.curves.size(), head.cells.size()));
  page.section("Findings");
  for (const std::string& finding : findings_of(head, table)) page.paragraph(finding);
  page.note(what_was_done(head, table));
  if (!table.missing.empty())
    page.warning(
        fmt::format("{} cells are not finished; draws that not every arm has are left out.", table.missing.size()));
  for (const std::string& failed : table.failed) page.warning("A training failed, its draw is left out: " + failed);
  page.section("Curves");
  page.figure_svg(curves_svg(table, title), "Bands: 95 % over patients and draws.");
  for (const std::string& plot : differences_svg(table)) page.figure_svg(plot, "");
  page.section("Numbers");
  const core::Table rows = rows_of(head, table);
  page.table(columns_of(rows, {0, 1, 3, 4, 5, 6}), "one row an arm and number of labelled cases");
  page.paragraph(kFactorMeans);
  std::vector<std::size_t> cost{0, 1, 2, 7, 8, 9};
  if (rows.columns.size() > 10) cost.push_back(10);
  page.subsection("What it took");
  page.table(columns_of(rows, cost), "seconds are means over draws");
  if (!table.curves.front().points.front().parts.empty()) {
    page.subsection("Mean Dice by structure");
    page.table(parts_table(table), "mean over test cases and draws");
  }
  page.section("How it was made");
  page.table(cells, "one row a fine-tuning");
  page.folded("settings of the study", head.settings);
  return page.html();
}

std::string study_markdown(const StudyHead& head, const StudyTable& table, const std::string& title,
                           const std::string& figure) {
  std::string text = fmt::format("## {}\n\n", title);
  for (const std::string& finding : findings_of(head, table)) text += "* " + finding + "\n";
  text += fmt::format("\n{}\n\n![{}]({})\n\n{}\n{}\n", what_was_done(head, table), title, figure,
                      core::to_markdown(rows_of(head, table)), kFactorMeans);
  if (!table.missing.empty()) text += fmt::format("\n{} cells are not finished.\n", table.missing.size());
  for (const std::string& failed : table.failed) text += "\nFailed: " + failed + "\n";
  return text;
}

}  // namespace pipelines
