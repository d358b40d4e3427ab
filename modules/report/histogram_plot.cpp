#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "report/axis.h"
#include "report/plot.h"
#include "report/svg.h"

namespace report {
namespace {

constexpr double kLeft = 48, kRight = 18, kBottom = 40;

// 1, 2 or 5 times a power of ten, at least `width`.
double round_width(double width) {
  const double decade = std::pow(10, std::floor(std::log10(width)));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (step * decade >= width * (1 - 1e-9)) return step * decade;
  }
  return 10 * decade;
}

}  // namespace

std::string histogram_plot(const HistogramPlot& plot) {
  GADOLIN_CHECK(plot.edges.size() == plot.counts.size() + 1 && !plot.counts.empty());
  const double top = plot.title.empty() ? 10 : 28, bottom = plot.height - kBottom, right = plot.width - kRight;
  Axis x, y;
  x.include(plot.edges.front());
  x.include(plot.edges.back());
  x.fit(0);
  y.include(0);
  for (const double count : plot.counts) y.include(count);
  y.fit(0);
  const auto across = [&](double value) { return kLeft + x.place(value) * (right - kLeft); };
  const auto up = [&](double count) { return bottom - y.place(count) * (bottom - top); };
  double total = 0;
  for (const double count : plot.counts) total += count;
  Svg svg(plot.width, plot.height,
          fmt::format("{}: {:g} {} between {:.4g} and {:.4g}", plot.title.empty() ? plot.x_label : plot.title, total,
                      plot.y_label, plot.edges.front(), plot.edges.back()));
  if (!plot.title.empty()) svg.text(0, 16, shortened(plot.title, plot.width), Anchor::kStart, "title");
  for (const Tick& tick : y.ticks(4)) {
    if (tick.value != std::floor(tick.value)) continue;  // counts are whole
    svg.line(kLeft, up(tick.value), right, up(tick.value), "rule");
    svg.text(kLeft - 6, up(tick.value) + 4, tick.text, Anchor::kEnd, "dim");
  }
  std::string bars = "<g class=\"series-0\">";
  for (std::size_t i = 0; i < plot.counts.size(); ++i) {
    if (!(plot.counts[i] > 0)) continue;
    const double begin = across(plot.edges[i]), end = across(plot.edges[i + 1]);
    const double high = std::max(1.0, bottom - up(plot.counts[i]));  // one case among thousands can be seen
    bars += fmt::format("<rect class=\"bar\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>", coordinate(begin + 0.5),
                        coordinate(bottom - high), coordinate(std::max(0.5, end - begin - 1)), coordinate(high));
  }
  svg.raw(bars + "</g>\n");
  svg.line(kLeft, bottom, right, bottom, "axis");
  for (const Tick& tick : x.ticks(std::max(2, static_cast<int>((right - kLeft) / 60))))
    svg.text(across(tick.value), bottom + 15, tick.text, Anchor::kMiddle, "dim");
  svg.text((kLeft + right) / 2, plot.height - 6, shortened(plot.x_label, right - kLeft), Anchor::kMiddle, "dim");
  svg.upright_text(12, (top + bottom) / 2, plot.y_label);
  return svg.finish();
}

Bins round_bins(std::vector<double> values, int wanted) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.empty()) return {{0, 1}, {0}};
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  const double spread = *high - *low, size = std::max(std::abs(*low), std::abs(*high));
  const double width = round_width(spread > 1e-9 * size ? spread / wanted : std::max(1e-3, size / 10));
  const double first = std::floor(*low / width + 1e-9);
  const auto count = static_cast<std::size_t>(std::floor(*high / width + 1e-9) - first) + 1;
  Bins bins{{}, std::vector<double>(count, 0)};
  for (std::size_t i = 0; i <= count; ++i) bins.edges.push_back((first + static_cast<double>(i)) * width);
  for (const double value : values) ++bins.counts[static_cast<std::size_t>(std::floor(value / width + 1e-9) - first)];
  return bins;
}

}  // namespace report
