#include "report/page.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "report/escape.h"
#include "report/page_style.h"
#include "report/png.h"

namespace report {
namespace {

// The size in a PNG's header, so that the page does not jump while it loads.
std::pair<std::uint32_t, std::uint32_t> size_of_png(std::span<const std::byte> png) {
  GADOLIN_CHECK(png.size() > 24 && png[1] == std::byte{'P'} && png[2] == std::byte{'N'} && png[3] == std::byte{'G'});
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | std::to_integer<std::uint32_t>(png[at + i]);
    return value;
  };
  return {number(16), number(20)};
}

std::string image_tag(std::span<const std::byte> png, std::string_view caption, std::string_view alternative) {
  const auto [width, height] = size_of_png(png);
  return fmt::format("<img width=\"{}\" height=\"{}\" alt=\"{}\" src=\"data:image/png;base64,{}\">", width, height,
                     escaped(alternative.empty() ? caption : alternative), base64(png));
}

std::string caption_tag(std::string_view caption) {
  return caption.empty() ? "" : fmt::format("<figcaption>{}</figcaption>", escaped(caption));
}

}  // namespace

std::string base64(std::span<const std::byte> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < left ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k) text += k <= left ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

Page::Page(std::string_view title, std::string_view subtitle) : title_(title), subtitle_(subtitle) {}

void Page::section(std::string_view heading) {
  sections_.emplace_back(heading);
  body_ += fmt::format("<h2 id=\"s{}\">{}</h2>\n", sections_.size(), escaped(heading));
}

void Page::subsection(std::string_view heading) { body_ += fmt::format("<h3>{}</h3>\n", escaped(heading)); }

void Page::paragraph(std::string_view text) { body_ += fmt::format("<p>{}</p>\n", escaped(text)); }

void Page::note(std::string_view text) { body_ += fmt::format("<p class=\"note\">{}</p>\n", escaped(text)); }

void Page::warning(std::string_view text) {
  body_ += fmt::format("<p class=\"note warning\"><strong>Warning.</strong> {}</p>\n", escaped(text));
}

void Page::table(const core::Table& table, std::string_view caption, std::string_view strong_row) {
  std::vector<std::string> align;
  body_ += "<div class=\"wide\"><table>";
  if (!caption.empty()) body_ += fmt::format("<caption>{}</caption>", escaped(caption));
  body_ += "<thead><tr>";
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const bool number = !table.rows.empty() && std::all_of(table.rows.begin(), table.rows.end(), [i](const auto& row) {
      return core::is_numeric_cell(row[i]);
    });
    align.emplace_back(number ? " class=\"n\"" : "");
    body_ += fmt::format("<th scope=\"col\"{}>{}</th>", align[i], escaped(table.columns[i]));
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const auto& row : table.rows) {
    GADOLIN_CHECK(row.size() == align.size());
    body_ += !strong_row.empty() && row[0] == strong_row ? "<tr class=\"strong\">" : "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) body_ += fmt::format("<td{}>{}</td>", align[i], escaped(row[i]));
    body_ += "</tr>\n";
  }
  body_ += "</tbody></table></div>\n";
}

void Page::facts(const std::vector<std::pair<std::string, std::string>>& facts) {
  body_ += "<dl>";
  for (const auto& [name, value] : facts) {
    body_ += fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), escaped(value));
  }
  body_ += "</dl>\n";
}

void Page::code(std::string_view text) { body_ += fmt::format("<pre tabindex=\"0\">{}</pre>\n", escaped(text)); }

void Page::folded(std::string_view summary, std::string_view text) {
  body_ += fmt::format("<details><summary>{}</summary><pre tabindex=\"0\">{}</pre></details>\n", escaped(summary),
                       escaped(text));
}

void Page::figure_svg(std::string_view svg, std::string_view caption) {
  GADOLIN_CHECK(svg.starts_with("<svg"));
  body_ += fmt::format("<figure>{}{}</figure>\n", svg, caption_tag(caption));
}

void Page::figure_png(std::span<const std::byte> png, std::string_view caption, std::string_view alternative) {
  body_ += fmt::format("<figure>{}{}</figure>\n", image_tag(png, caption, alternative), caption_tag(caption));
}

void Page::figure(const Picture& picture, std::string_view caption, std::string_view alternative) {
  figure_png(png_bytes(picture), caption, alternative);
}

void Page::gallery(const std::vector<Item>& items) {
  body_ += "<div class=\"gallery\">";
  for (const Item& item : items) figure_png(item.png, item.caption, item.alternative);
  body_ += "</div>\n";
}

void Page::folded_gallery(std::string_view summary, const std::vector<Item>& items, bool open) {
  body_ += fmt::format("<details{}><summary>{}</summary>", open ? " open" : "", escaped(summary));
  gallery(items);
  body_ += "</details>\n";
}

void Page::plots(const std::vector<std::string>& svgs, std::string_view caption) {
  body_ += "<figure><div class=\"plots\">";
  for (const std::string& svg : svgs) {
    GADOLIN_CHECK(svg.starts_with("<svg"));
    body_ += svg;
  }
  body_ += fmt::format("</div>{}</figure>\n", caption_tag(caption));
}

std::string Page::html() const {
  std::string contents;
  if (sections_.size() >= 3) {
    contents = "<nav aria-label=\"Contents\"><ol>";
    for (std::size_t i = 0; i < sections_.size(); ++i) {
      contents += fmt::format("<li><a href=\"#s{}\">{}</a></li>", i + 1, escaped(sections_[i]));
    }
    contents += "</ol></nav>\n";
  }
  const std::string subtitle =
      subtitle_.empty() ? "" : fmt::format("<p class=\"subtitle\">{}</p>\n", escaped(subtitle_));
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
      "'unsafe-inline'\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"generator\" content=\"gadolin {}\">\n"
      "<title>{}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n<header><h1>{}</h1>\n{}</header>\n{}{}</main>\n"
      "</body>\n</html>\n",
      GADOLIN_VERSION, escaped(title_), kPageStyle, escaped(title_), subtitle, contents, body_);
}

}  // namespace report
