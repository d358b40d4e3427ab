// What a study found, in words, rows and curves.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "pipelines/report_page.h"
#include "pipelines/study_table.h"
#include "report/plot.h"

namespace pipelines {
namespace {

std::string signed_text(const evaluate::Interval& i) {
  const auto number = [](double value) { return (value >= 0 ? "+" : "") + core::fixed(value, 4); };
  return fmt::format("{} [{}, {}]", number(i.value), number(i.low), number(i.high));
}

bool told_apart(const evaluate::Interval& difference) { return difference.low > 0 || difference.high < 0; }

std::string bound_text(double factor, double highest) {
  return std::isinf(factor) ? "> " + core::shortest(highest) : core::fixed(factor, 2);
}

std::string labels_text(double factor, const StudyPoint& point) {
  const double labels = factor * static_cast<double>(point.budget);
  return std::isinf(factor)
             ? fmt::format("> {:.0f}", point.curve.saved.highest_told * static_cast<double>(point.budget))
             : fmt::format("{:.0f}", std::ceil(labels - 1e-9));
}

std::string sentence(const StudyTable& table, const StudyCurve& curve, std::size_t at, bool claimed) {
  const StudyPoint &point = curve.points[at], &scratch = table.curves.front().points[at];
  const evaluate::CurvePoint& found = point.curve;
  std::string text = fmt::format("With {} labelled cases {} reaches a {} of {}, from scratch {}: {}", point.budget,
                                 curve.arm, table.score, core::fixed(found.score.value, 4),
                                 core::fixed(scratch.curve.score.value, 4), signed_text(found.difference));
  if (std::isnan(found.difference.low)) return text + "; one patient tells nothing of others.";
  text += told_apart(found.difference) ? "" : ", no difference that these data show";
  if (found.difference.low > 0) {
    const evaluate::Interval& factor = found.saved.factor;
    text += fmt::format("; from scratch that takes {} [{}, {}] labelled cases", labels_text(factor.value, point),
                        labels_text(factor.low, point), labels_text(factor.high, point));
  }
  return text + (claimed ? "." : " (exploratory).");
}

}  // namespace

std::string factor_text(const evaluate::LabelsSaved& saved) {
  const evaluate::Interval& i = saved.factor;
  if (std::isnan(i.value)) return "-";
  return fmt::format("{} [{}, {}]", bound_text(i.value, saved.highest_told),
                     std::isnan(i.low) ? "-" : bound_text(i.low, saved.highest_told),
                     std::isnan(i.high) ? "-" : bound_text(i.high, saved.highest_told));
}

std::vector<std::string> findings_of(const StudyHead& head, const StudyTable& table) {
  std::vector<std::string> findings;
  for (const bool claimed : {true, false}) {
    for (std::size_t arm = 1; arm < table.curves.size(); ++arm) {
      const StudyCurve& curve = table.curves[arm];
      if ((curve.arm == head.claimed) != claimed) continue;
      for (std::size_t at = 0; at < curve.points.size(); ++at) findings.push_back(sentence(table, curve, at, claimed));
    }
  }
  return findings;
}

core::Table rows_of(const StudyHead& head, const StudyTable& table) {
  core::Table rows{{"labels", "arm", "draws", table.score, "minus scratch", "p (Holm)", "labels saved, times",
                    "mean rank", "s to fine-tune", "s to pretrain"},
                   {}};
  if (head.minutes_per_case > 0) rows.columns.push_back("expert hours");
  for (std::size_t at = 0; at < table.curves.front().points.size(); ++at) {
    for (const StudyCurve& curve : table.curves) {
      const StudyPoint& point = curve.points[at];
      const bool scratch = curve.arm == kScratch;
      std::vector<std::string> row{std::to_string(point.budget),
                                   curve.arm + (curve.arm == head.claimed ? " (claimed)" : ""),
                                   std::to_string(point.draws.size()),
                                   interval_text(point.curve.score, 4),
                                   scratch ? "-" : signed_text(point.curve.difference),
                                   scratch ? "-" : core::fixed(point.corrected, 3),
                                   scratch ? "-" : factor_text(point.curve.saved),
                                   core::fixed(curve.mean_rank, 2),
                                   core::fixed(point.seconds, 0),
                                   scratch ? "-" : core::fixed(point.pretraining_seconds, 0)};
      if (head.minutes_per_case > 0)
        row.push_back(core::fixed(head.minutes_per_case * static_cast<double>(point.budget) / 60, 1));
      rows.add(std::move(row));
    }
  }
  return rows;
}

std::string curves_svg(const StudyTable& table, const std::string& title) {
  report::LinePlot plot;
  plot.title = title;
  plot.x_label = "labelled cases";
  plot.y_label = table.score;
  plot.log_x = true;
  for (const StudyCurve& curve : table.curves) {
    report::Series series;
    series.name = curve.arm;
    series.markers = true;
    for (const StudyPoint& point : curve.points) {
      series.x.push_back(static_cast<double>(point.budget));
      series.y.push_back(point.curve.score.value);
      series.low.push_back(point.curve.score.low);
      series.high.push_back(point.curve.score.high);
    }
    plot.series.push_back(std::move(series));
  }
  return report::line_plot(plot);
}

}  // namespace pipelines
