#include "report/svg.h"

#include <fmt/format.h>

#include "core/table.h"
#include "report/escape.h"

namespace report {
namespace {

constexpr std::string_view kLight =
    "--ink:#1f2328;--dim:#59636e;--rule:#d8dee4;--s0:#0068a8;--s1:#cc5500;--s2:#008560;--s3:#a8478a;--s4:#9a7000;"
    "--s5:#2f9fd8;--s6:#6b7280";
constexpr std::string_view kDark =
    "--ink:#e6e8eb;--dim:#9aa4ae;--rule:#353b43;--s0:#58aef0;--s1:#ff9450;--s2:#35cfa3;--s3:#e79ccb;--s4:#e8c34a;"
    "--s5:#9cdcff;--s6:#aab2bb";

std::string style() {
  std::string css = fmt::format(
      ".plot{{{0}}}@media (prefers-color-scheme:dark){{.plot{{{1}}}}}@media print{{.plot{{{0}}}}}"
      ".plot text{{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif;"
      "fill:var(--ink)}}.plot .dim{{fill:var(--dim)}}.plot .title{{font-weight:600;font-size:13px}}"
      ".plot .rule{{stroke:var(--rule);stroke-width:1}}.plot .axis{{stroke:var(--dim);stroke-width:1}}"
      ".plot .mark{{stroke:var(--dim);stroke-width:1;stroke-dasharray:4 3}}"
      ".plot .curve{{fill:none;stroke:currentColor;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}}"
      ""
      ".plot .pale{{stroke-width:1;stroke-opacity:.3}}.plot "
      ".band{{fill:currentColor;fill-opacity:.16;stroke:none}}.plot .dot{{fill:currentColor}}"
      ".plot .faint{{fill:currentColor;fill-opacity:.4}}.plot .bar{{fill:currentColor;fill-opacity:.85}}"
      ".plot .span{{stroke:currentColor;stroke-width:2.2;stroke-linecap:round}}"
      ".plot .whisker{{stroke:var(--ink);stroke-width:1.4}}",
      kLight, kDark);
  for (std::size_t i = 0; i < Svg::kSeriesColours; ++i) css += fmt::format(".plot .series-{0}{{color:var(--s{0})}}", i);
  return css;
}

}  // namespace

Svg::Svg(double width, double height, std::string_view description)
    : width_(width), height_(height), description_(escaped(description)) {}

void Svg::text(double x, double y, std::string_view words, Anchor anchor, std::string_view style) {
  const std::string_view end = anchor == Anchor::kStart    ? ""
                               : anchor == Anchor::kMiddle ? " text-anchor=\"middle\""
                                                           : " text-anchor=\"end\"";
  const std::string named = style.empty() ? "" : fmt::format(" class=\"{}\"", style);
  body_ +=
      fmt::format("<text x=\"{}\" y=\"{}\"{}{}>{}</text>\n", coordinate(x), coordinate(y), end, named, escaped(words));
}

void Svg::upright_text(double x, double y, std::string_view words) {
  body_ +=
      fmt::format("<text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\" class=\"dim\">{}</text>\n",
                  coordinate(x), coordinate(y), escaped(words));
}

void Svg::line(double x1, double y1, double x2, double y2, std::string_view style) {
  body_ += fmt::format("<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" class=\"{}\"/>\n", coordinate(x1), coordinate(y1),
                       coordinate(x2), coordinate(y2), style);
}

std::string Svg::finish() const {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"plot\" role=\"img\" aria-label=\"{0}\" width=\"{1}\" "
      "height=\"{2}\" viewBox=\"0 0 {1} {2}\">\n<title>{0}</title>\n<style>{3}</style>\n{4}</svg>\n",
      description_, coordinate(width_), coordinate(height_), style(), body_);
}

std::string coordinate(double value) {
  std::string text = core::fixed(value, 2);
  if (text.find('.') == std::string::npos) return text;
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

double estimated_width(std::string_view words) { return 6.9 * static_cast<double>(core::display_width(words)); }

std::string shortened(std::string_view words, double width) {
  std::string text(words);
  if (estimated_width(text) <= width) return text;
  while (!text.empty() && estimated_width(text) + 7 > width) {
    while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
    if (!text.empty()) text.pop_back();
  }
  return text + "…";
}

}  // namespace report
