#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "report/axis.h"
#include "report/escape.h"
#include "report/plot.h"
#include "report/svg.h"

namespace report {
namespace {

struct Point {
  double x, y;
};
using Run = std::vector<Point>;

struct Field {
  double left, top, width, height;
  Axis x, y;
  Point place(double vx, double vy) const { return {left + x.place(vx) * width, top + (1 - y.place(vy)) * height}; }
};

// Within each pixel column only the first, lowest, highest and last point can be told apart.
Run thinned(const Run& run) {
  if (run.size() <= 1000) return run;
  Run kept;
  for (std::size_t begin = 0, end = 0; begin < run.size(); begin = end) {
    const double column = std::floor(run[begin].x);
    while (end < run.size() && std::floor(run[end].x) == column) ++end;
    const auto [low, high] = std::minmax_element(run.begin() + static_cast<std::ptrdiff_t>(begin),
                                                 run.begin() + static_cast<std::ptrdiff_t>(end),
                                                 [](const Point& a, const Point& b) { return a.y < b.y; });
    std::vector<std::size_t> at{begin, static_cast<std::size_t>(low - run.begin()),
                                static_cast<std::size_t>(high - run.begin()), end - 1};
    std::sort(at.begin(), at.end());
    at.erase(std::unique(at.begin(), at.end()), at.end());
    for (const std::size_t i : at) kept.push_back(run[i]);
  }
  return kept;
}

// The drawable stretches of a series.
std::vector<Run> runs_of(const Series& series, const std::vector<double>& values, const Field& field) {
  std::vector<Run> runs(1);
  for (std::size_t i = 0; i < series.x.size(); ++i) {
    if (!field.x.drawable(series.x[i]) || !field.y.drawable(values[i])) {
      if (!runs.back().empty()) runs.emplace_back();
      continue;
    }
    runs.back().push_back(field.place(series.x[i], values[i]));
  }
  if (runs.back().empty()) runs.pop_back();
  for (Run& run : runs) run = thinned(run);
  return runs;
}

std::string path_of(const Run& run) {
  std::string path;
  for (const Point& p : run) {
    path += fmt::format("{}{} {}", path.empty() ? "M" : "L", coordinate(p.x), coordinate(p.y));
  }
  return path;
}

std::string band_of(const Series& series, const Field& field) {
  std::string elements;
  Run low, high;
  const auto close = [&] {
    if (low.size() > 1) {
      Run outline = thinned(low), back = thinned(high);
      outline.insert(outline.end(), back.rbegin(), back.rend());
      elements += fmt::format("<path class=\"band\" d=\"{}Z\"/>", path_of(outline));
    }
    low.clear();
    high.clear();
  };
  for (std::size_t i = 0; i < series.low.size(); ++i) {
    const bool seen =
        field.x.drawable(series.x[i]) && field.y.drawable(series.low[i]) && field.y.drawable(series.high[i]);
    if (!seen) {
      close();
      continue;
    }
    low.push_back(field.place(series.x[i], series.low[i]));
    high.push_back(field.place(series.x[i], series.high[i]));
  }
  close();
  return elements;
}

// The mean of the drawable values among the last `count`; a gap stays a gap.
std::vector<double> running_mean(const Series& series, const Axis& axis) {
  std::vector<double> mean(series.y.size(), std::nan(""));
  const auto count = static_cast<std::size_t>(series.smooth);
  double sum = 0, held = 0;
  for (std::size_t i = 0; i < series.y.size(); ++i) {
    if (axis.drawable(series.y[i])) sum += series.y[i], ++held;
    if (i >= count && axis.drawable(series.y[i - count])) sum -= series.y[i - count], --held;
    if (axis.drawable(series.y[i])) mean[i] = sum / held;
  }
  return mean;
}

void draw_series(Svg& svg, const Series& series, std::size_t position, const Field& field) {
  // After all colours were used once, dashes tell the lines apart.
  const std::string dash = position < Svg::kSeriesColours ? "" : " stroke-dasharray=\"6 4\"";
  std::string group = fmt::format("<g class=\"series-{}\" data-series=\"{}\">{}", position % Svg::kSeriesColours,
                                  escaped(series.name), band_of(series, field));
  const bool smooth = series.smooth > 1;
  if (smooth) {
    for (const Run& run : runs_of(series, series.y, field)) {
      group += fmt::format("<path class=\"curve pale\" d=\"{}\"/>", path_of(run));
    }
  }
  for (const Run& run : runs_of(series, smooth ? running_mean(series, field.y) : series.y, field)) {
    if (run.size() > 1) group += fmt::format("<path class=\"curve\"{} d=\"{}\"/>", dash, path_of(run));
    if (run.size() > 1 && !series.markers) continue;
    for (const Point& p : run) {
      group += fmt::format("<circle class=\"dot\" cx=\"{}\" cy=\"{}\" r=\"3\"/>", coordinate(p.x), coordinate(p.y));
    }
  }
  svg.raw(group + "</g>\n");
}

// Rows of coloured strokes with names; returns the height they took.
double draw_legend(Svg& svg, const LinePlot& plot, double left, double top) {
  if (plot.series.size() < 2) return 0;
  double x = left, y = top + 12;
  for (std::size_t i = 0; i < plot.series.size(); ++i) {
    const std::string words = shortened(plot.series[i].name, plot.width - left - 40.0);
    const double needed = 26 + estimated_width(words) + 14;
    if (x > left && x + needed > plot.width) {
      x = left;
      y += 18;
    }
    svg.raw(fmt::format("<g class=\"series-{}\"><path class=\"curve\"{} d=\"M{} {}h18\"/></g>\n",
                        i % Svg::kSeriesColours, i < Svg::kSeriesColours ? "" : " stroke-dasharray=\"6 4\"",
                        coordinate(x + 1), coordinate(y - 4)));
    svg.text(x + 25, y, words);
    x += needed;
  }
  return y + 8 - top;
}

void draw_axes(Svg& svg, const LinePlot& plot, const Field& field) {
  const double bottom = field.top + field.height, right = field.left + field.width;
  for (const Tick& tick : field.y.ticks(std::max(2, static_cast<int>(field.height / 45)))) {
    const double y = bottom - field.y.place(tick.value) * field.height;
    svg.line(field.left, y, right, y, "rule");
    svg.text(field.left - 7, y + 4, tick.text, Anchor::kEnd, "dim");
  }
  for (const Tick& tick : field.x.ticks(std::max(2, static_cast<int>(field.width / 90)))) {
    const double x = field.left + field.x.place(tick.value) * field.width;
    svg.line(x, bottom, x, bottom + 4, "axis");
    svg.text(x, bottom + 18, tick.text, Anchor::kMiddle, "dim");
  }
  svg.line(field.left, bottom, right, bottom, "axis");
  svg.text(field.left + field.width / 2, bottom + 36, plot.x_label, Anchor::kMiddle, "dim");
  if (!plot.y_label.empty()) svg.upright_text(13, field.top + field.height / 2, plot.y_label);
}

void gather(const LinePlot& plot, Field& field) {
  for (const Series& series : plot.series) {
    GADOLIN_CHECK(series.x.size() == series.y.size() && series.low.size() == series.high.size());
    GADOLIN_CHECK(series.low.empty() || series.low.size() == series.y.size());
    for (std::size_t i = 0; i < series.x.size(); ++i) {
      if (!field.x.drawable(series.x[i])) continue;
      if (field.y.drawable(series.y[i])) field.x.include(series.x[i]);
      if (plot.y_range) continue;
      field.y.include(series.y[i]);
      if (!series.low.empty()) field.y.include(series.low[i]);
      if (!series.high.empty()) field.y.include(series.high[i]);
    }
  }
  if (plot.y_range) {
    field.y.include(plot.y_range->first);
    field.y.include(plot.y_range->second);
  }
  field.x.fit(0);
  field.y.fit(plot.y_range ? 0 : 0.04);
}

std::string description_of(const LinePlot& plot) {
  std::string text = plot.title.empty() ? "Line plot" : plot.title;
  text += fmt::format(": {} against {}", plot.y_label, plot.x_label);
  for (std::size_t i = 0; i < plot.series.size(); ++i) text += (i == 0 ? " for " : ", ") + plot.series[i].name;
  return text;
}

}  // namespace

std::string line_plot(const LinePlot& plot) {
  Field field{0, 0, 0, 0, Axis(plot.log_x), Axis(plot.log_y)};
  gather(plot, field);
  Svg svg(plot.width, plot.height, description_of(plot));
  double widest = 0;
  for (const Tick& tick : field.y.ticks(7)) widest = std::max(widest, estimated_width(tick.text));
  field.left = widest + 12 + (plot.y_label.empty() ? 0 : 20);
  field.top = 10;
  if (!plot.title.empty()) {
    svg.text(field.left, 16, shortened(plot.title, plot.width - field.left), Anchor::kStart, "title");
    field.top = 30;
  }
  field.top += draw_legend(svg, plot, field.left, field.top - 4);
  field.width = plot.width - field.left - 26;
  field.height = plot.height - field.top - (plot.x_label.empty() ? 26 : 44);
  draw_axes(svg, plot, field);
  if (field.x.empty()) {
    svg.text(field.left + field.width / 2, field.top + field.height / 2, "no values", Anchor::kMiddle, "dim");
  }
  double lane = 0;
  for (const auto& [at, word] : plot.marks) {
    if (!field.x.drawable(at) || field.x.place(at) < 0 || field.x.place(at) > 1) continue;
    const double x = field.left + field.x.place(at) * field.width;
    const bool near_end = x + estimated_width(word) + 6 > plot.width;
    svg.line(x, field.top, x, field.top + field.height, "mark");
    svg.text(x + (near_end ? -4 : 4), field.top + 11 + 15 * lane, word, near_end ? Anchor::kEnd : Anchor::kStart,
             "dim");
    lane = lane < 2 ? lane + 1 : 0;
  }
  // A nested picture cuts off what lies beyond a range that was given.
  svg.raw(fmt::format("<svg x=\"{0}\" y=\"{1}\" width=\"{2}\" height=\"{3}\" viewBox=\"{0} {1} {2} {3}\">\n",
                      coordinate(field.left - 4), coordinate(field.top - 4), coordinate(field.width + 8),
                      coordinate(field.height + 8)));
  for (std::size_t i = 0; i < plot.series.size(); ++i) draw_series(svg, plot.series[i], i, field);
  svg.raw("</svg>\n");
  return svg.finish();
}

}  // namespace report
