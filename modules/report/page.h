#pragma once
// One self-contained HTML file: style and pictures inside it, no script, nothing fetched (a content security policy
// says so to the browser); light and dark, prints well, can be mailed and kept.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/table.h"
#include "report/picture.h"

namespace report {

// Pieces appear in the order they are added; all text is escaped. Not shared between threads. Save with
// core::publish_file(path, page.html()).
class Page {
 public:
  explicit Page(std::string_view title, std::string_view subtitle = "");

  void section(std::string_view heading);  // pages with three sections or more get a list of contents
  void subsection(std::string_view heading);
  void paragraph(std::string_view text);
  void note(std::string_view text);     // set apart: what a reader must know before he trusts a number
  void warning(std::string_view text);  // the same in an alarming colour, and it says "Warning"

  // Columns of numbers stand to the right. The row named `strong_row` (its first cell) is printed bold.
  void table(const core::Table& table, std::string_view caption, std::string_view strong_row = "");
  // Name and value pairs: version, command, seeds, hashes.
  void facts(const std::vector<std::pair<std::string, std::string>>& facts);
  void code(std::string_view text);                              // a command or a short file
  void folded(std::string_view summary, std::string_view text);  // code that opens on a click: the resolved config

  // `svg` as plot.h makes it: it goes in as it is. It carries its own description.
  void figure_svg(std::string_view svg, std::string_view caption);
  // `png` as png.h makes it. `alternative` is what a screen reader says; empty = the caption.
  void figure_png(std::span<const std::byte> png, std::string_view caption, std::string_view alternative = "");
  void figure(const Picture& picture, std::string_view caption, std::string_view alternative = "");

  // Pictures of one kind side by side, each with its own caption: cases, views.
  struct Item {
    std::vector<std::byte> png;
    std::string caption, alternative;
  };
  void gallery(const std::vector<Item>& items);
  // A gallery that opens on a click: one leaf of many.
  void folded_gallery(std::string_view summary, const std::vector<Item>& items, bool open = false);
  // Small plots beside each other, as many as fit.
  void plots(const std::vector<std::string>& svgs, std::string_view caption);

  std::string html() const;

 private:
  std::string title_, subtitle_, body_;
  std::vector<std::string> sections_;
};

std::string base64(std::span<const std::byte> bytes);  // RFC 4648

}  // namespace report
