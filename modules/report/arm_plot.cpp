#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/table.h"
#include "report/axis.h"
#include "report/escape.h"
#include "report/plot.h"
#include "report/svg.h"

namespace report {
namespace {

constexpr double kRow = 34;

struct Frame {
  Axis axis;
  double left, width, top, bottom;
  double place(double value) const { return left + std::clamp(axis.place(value), 0.0, 1.0) * width; }
  double row(std::size_t arm) const { return top + kRow * (static_cast<double>(arm) + 0.5); }
};

std::string number_of(const Arm& arm, int decimals) {
  std::string text = core::fixed(arm.value, decimals);
  if (arm.interval) {
    text += fmt::format(" [{}, {}]", core::fixed(arm.interval->first, decimals),
                        core::fixed(arm.interval->second, decimals));
  }
  return text;
}

Frame frame_of(const ArmPlot& plot, bool from_zero) {
  Frame frame{Axis(), 0, 0, 8, 0};
  if (from_zero) frame.axis.include(0);
  double names = 0, numbers = 0;
  for (const Arm& arm : plot.arms) {
    names = std::max(names, estimated_width(arm.name));
    numbers = std::max(numbers, estimated_width(number_of(arm, plot.decimals)));
    if (plot.range) continue;
    frame.axis.include(arm.value);
    for (const double point : arm.points) frame.axis.include(point);
    if (arm.interval) frame.axis.include(arm.interval->first);
    if (arm.interval) frame.axis.include(arm.interval->second);
  }
  if (plot.reference && !plot.range) frame.axis.include(*plot.reference);
  if (plot.range) {
    frame.axis.include(plot.range->first);
    frame.axis.include(plot.range->second);
  }
  frame.axis.fit(plot.range || from_zero ? 0 : 0.05);
  frame.left = std::min(names, 0.35 * plot.width) + 20;  // capitals are wider than estimated
  frame.width = std::max(60.0, plot.width - frame.left - numbers - 22);
  if (!plot.title.empty()) frame.top = 28;
  frame.bottom = frame.top + kRow * static_cast<double>(std::max<std::size_t>(1, plot.arms.size()));
  return frame;
}

void draw_scale(Svg& svg, const ArmPlot& plot, const Frame& frame) {
  for (const Tick& tick : frame.axis.ticks(std::max(2, static_cast<int>(frame.width / 80)))) {
    const double x = frame.left + frame.axis.place(tick.value) * frame.width;
    svg.line(x, frame.top, x, frame.bottom, "rule");
    svg.text(x, frame.bottom + 16, tick.text, Anchor::kMiddle, "dim");
  }
  svg.line(frame.left, frame.bottom, frame.left + frame.width, frame.bottom, "axis");
  svg.text(frame.left + frame.width / 2, frame.bottom + 34, plot.x_label, Anchor::kMiddle, "dim");
  if (plot.reference && frame.axis.drawable(*plot.reference)) {
    svg.line(frame.place(*plot.reference), frame.top, frame.place(*plot.reference), frame.bottom, "mark");
  }
}

std::string dot(double x, double y, double radius, const char* style) {
  return fmt::format("<circle class=\"{}\" cx=\"{}\" cy=\"{}\" r=\"{}\"/>", style, coordinate(x), coordinate(y),
                     radius);
}

std::string span(double x1, double x2, double y, const char* style) {
  return fmt::format("<line class=\"{}\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>", style, coordinate(x1),
                     coordinate(x2), coordinate(y), coordinate(y));
}

// Single results lie in three lanes below their mean, so that equal ones do not hide each other.
std::string points_of(const Arm& arm, const Frame& frame, double y) {
  std::string elements;
  for (std::size_t i = 0; i < arm.points.size(); ++i) {
    if (!frame.axis.drawable(arm.points[i])) continue;
    elements += dot(frame.place(arm.points[i]), y + 6 + 3.0 * static_cast<double>(i % 3), 2, "faint");
  }
  return elements;
}

std::string interval_mark(const Arm& arm, const Frame& frame, double y) {
  std::string elements;
  if (!arm.points.empty()) y -= 5;
  if (arm.interval && frame.axis.drawable(arm.interval->first) && frame.axis.drawable(arm.interval->second)) {
    elements += span(frame.place(arm.interval->first), frame.place(arm.interval->second), y, "span");
  }
  return elements + dot(frame.place(arm.value), y, 5, "dot") + points_of(arm, frame, y);
}

std::string bar_mark(const Arm& arm, const Frame& frame, double y) {
  const double zero = frame.place(0), end = frame.place(arm.value);
  std::string elements =
      fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"16\" rx=\"2\"/>",
                  coordinate(std::min(zero, end)), coordinate(y - 8), coordinate(std::abs(end - zero)));
  if (arm.interval && frame.axis.drawable(arm.interval->first) && frame.axis.drawable(arm.interval->second)) {
    elements += span(frame.place(arm.interval->first), frame.place(arm.interval->second), y, "whisker");
  }
  return elements;
}

std::string draw(const ArmPlot& plot, bool bars) {
  const Frame frame = frame_of(plot, bars);
  std::string description = plot.title.empty() ? plot.x_label : plot.title;
  for (std::size_t i = 0; i < plot.arms.size(); ++i) {
    description += (i == 0 ? ": " : "; ") + plot.arms[i].name + " " + number_of(plot.arms[i], plot.decimals);
  }
  Svg svg(plot.width, frame.bottom + (plot.x_label.empty() ? 24 : 42), description);
  if (!plot.title.empty()) svg.text(0, 16, shortened(plot.title, plot.width), Anchor::kStart, "title");
  draw_scale(svg, plot, frame);
  for (std::size_t i = 0; i < plot.arms.size(); ++i) {
    const Arm& arm = plot.arms[i];
    const double y = frame.row(i);
    svg.text(frame.left - 12, y + 4, shortened(arm.name, frame.left - 14), Anchor::kEnd);
    if (!frame.axis.drawable(arm.value)) {
      svg.text(frame.left + frame.width + 12, y + 4, "no value", Anchor::kStart, "dim");
      continue;
    }
    svg.raw(fmt::format("<g class=\"series-{}\" data-series=\"{}\">{}</g>\n", i % Svg::kSeriesColours,
                        escaped(arm.name), bars ? bar_mark(arm, frame, y) : interval_mark(arm, frame, y)));
    svg.text(frame.left + frame.width + 12, y + 4, number_of(arm, plot.decimals));
  }
  if (plot.arms.empty()) svg.text(frame.left + frame.width / 2, frame.top + 20, "no values", Anchor::kMiddle, "dim");
  return svg.finish();
}

}  // namespace

std::string interval_plot(const ArmPlot& plot) { return draw(plot, false); }
std::string bar_plot(const ArmPlot& plot) { return draw(plot, true); }

}  // namespace report
