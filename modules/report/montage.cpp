#include "report/montage.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>
#include <vector>

#include "core/error.h"

namespace report {
namespace {

constexpr std::array kPlanes{Plane::kAxial, Plane::kCoronal, Plane::kSagittal};
constexpr Colour kGround{16, 18, 22}, kInk{225, 228, 232}, kDim{150, 156, 166};
constexpr std::int64_t kGap = 6, kLine = 14;

// Where the classes lie, in the turned grid {superior, posterior, left}.
struct Extent {
  std::set<std::int64_t> classes;
  std::array<double, 3> centre{};
  std::array<std::int64_t, 3> low{}, high{};
};

Extent extent_of(const SliceView& labels) {
  Extent extent;
  extent.low = {labels.size(0), labels.size(1), labels.size(2)};
  double count = 0;
  std::array<std::int64_t, 3> at{};
  std::int64_t last = 0;
  for (at[0] = 0; at[0] < labels.size(0); ++at[0]) {
    for (at[1] = 0; at[1] < labels.size(1); ++at[1]) {
      for (at[2] = 0; at[2] < labels.size(2); ++at[2]) {
        const std::int64_t label = labels.label(at);
        if (label == 0) continue;
        if (label != last) extent.classes.insert(label);
        last = label;
        ++count;
        for (std::size_t a = 0; a < 3; ++a) {
          extent.centre[a] += static_cast<double>(at[a]);
          extent.low[a] = std::min(extent.low[a], at[a]);
          extent.high[a] = std::max(extent.high[a], at[a]);
        }
      }
    }
  }
  for (double& c : extent.centre) c /= std::max(1.0, count);
  return extent;
}

void require_same_grid(const volume::Volume& image, const volume::Volume* other, const char* what) {
  if (other == nullptr) return;
  if (!(other->shape() == image.shape()) || !volume::same_place(image.geometry, other->geometry, image.shape(), 0.5)) {
    throw core::Error(fmt::format("the {} lies on another grid than the picture", what), "resample it first");
  }
}

// Which slices of each plane are shown.
std::array<std::vector<std::int64_t>, 3> choose_slices(const volume::Volume& image, const SliceView& view,
                                                       const Extent& extent, const MontageOptions& options) {
  std::array<double, 3> centre{};
  for (int a = 0; a < 3; ++a) {
    centre[static_cast<std::size_t>(a)] = static_cast<double>(view.size(a) - 1) / 2;
  }
  if (!extent.classes.empty()) centre = extent.centre;
  if (options.centre_mm) {
    const volume::Turn turn = volume::turn_towards(image.geometry, "SPL");
    const volume::Index index = volume::turned(image.geometry, image.shape(), turn).index(*options.centre_mm);
    std::copy(index.begin(), index.end(), centre.begin());
  }
  std::array<std::vector<std::int64_t>, 3> chosen;
  for (std::size_t p = 0; p < 3; ++p) {
    const int axis = axes_of(kPlanes[p]).across;
    const auto a = static_cast<std::size_t>(axis);
    const auto last = static_cast<double>(view.size(axis) - 1);
    if (options.slices_per_plane <= 1) {
      chosen[p].push_back(std::llround(std::clamp(centre[a], 0.0, last)));
      continue;
    }
    const bool labelled = !extent.classes.empty();
    const double low = labelled ? static_cast<double>(extent.low[a]) : 0.1 * last;
    const double high = labelled ? static_cast<double>(extent.high[a]) : 0.9 * last;
    const auto count = static_cast<double>(options.slices_per_plane);
    for (double i = 0; i < count; ++i) {
      const auto slice = std::llround(low + (high - low) * (i + 0.5) / count);
      if (chosen[p].empty() || chosen[p].back() != slice) chosen[p].push_back(slice);
    }
  }
  return chosen;
}

void draw_scale_bar(Picture& tile, double pixels_per_mm) {
  double length_mm = 0;
  for (const double candidate : {5.0, 10.0, 20.0, 50.0, 100.0, 200.0}) {
    if (candidate * pixels_per_mm <= 0.4 * static_cast<double>(tile.width)) length_mm = candidate;
  }
  if (length_mm == 0 || tile.height < 48) return;
  const auto pixels = std::llround(length_mm * pixels_per_mm);
  fill_box(tile, 5, tile.height - 8, pixels + 2, 4, kBlack);
  fill_box(tile, 6, tile.height - 7, pixels, 2, kWhite);
  draw_text(tile, 6, tile.height - 18, fmt::format("{:g} mm", length_mm), kWhite, 1, true);
}

void draw_letters(Picture& tile, const PlaneAxes& axes) {
  const int scale = std::min(tile.width, tile.height) >= 120 ? 2 : 1;
  const std::int64_t wide = 5 * scale, high = kTextHeight * scale;
  if (tile.width < 4 * wide || tile.height < 3 * high) return;
  draw_text(tile, 4, (tile.height - high) / 2, axes.left, kWhite, scale, true);
  draw_text(tile, tile.width - wide - 4, (tile.height - high) / 2, axes.right, kWhite, scale, true);
  draw_text(tile, (tile.width - wide) / 2, 4, axes.top, kWhite, scale, true);
  draw_text(tile, (tile.width - wide) / 2, tile.height - high - 4, axes.bottom, kWhite, scale, true);
}

struct Tile {
  Picture picture;
  std::string caption;
};
using Row = std::vector<Tile>;

Tile make_tile(const SliceView& image, const volume::Volume* labels, Plane plane, std::int64_t slice,
               const Window& window, double pixels_per_mm, const MontageOptions& options) {
  const PlaneAxes axes = axes_of(plane);
  Tile tile{draw_slice(image, plane, slice, window, pixels_per_mm), ""};
  if (labels != nullptr) draw_labels(tile.picture, SliceView(*labels), plane, slice, options.opacity);
  draw_letters(tile.picture, axes);
  if (plane == Plane::kAxial) draw_scale_bar(tile.picture, pixels_per_mm);
  tile.caption = fmt::format("{} {}/{}", name(plane), slice + 1, image.size(axes.across));
  return tile;
}

using Legend = std::vector<std::pair<Colour, std::string>>;

std::int64_t entry_width(const std::string& text) { return 12 + text_width(text) + 14; }

// Entries beside each other, the next line begun where the sheet ends.
std::vector<Legend> legend_lines(const Legend& legend, std::int64_t sheet_width) {
  std::vector<Legend> lines;
  std::int64_t x = 0;
  for (const auto& entry : legend) {
    const std::int64_t width = entry_width(entry.second);
    if (lines.empty() || x + width > sheet_width) {
      lines.emplace_back();
      x = kGap;
    }
    lines.back().push_back(entry);
    x += width;
  }
  return lines;
}

// The rows under each other, their captions below the tiles, each column as wide as its widest tile.
Picture lay_out(const std::vector<Row>& rows, const std::vector<std::string>& heads, const std::string& title,
                const Legend& legend) {
  std::vector<std::int64_t> widths;
  std::vector<std::int64_t> heights;
  for (const Row& row : rows) {
    heights.push_back(0);
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max({widths[i], row[i].picture.width, text_width(row[i].caption)});
      heights.back() = std::max(heights.back(), row[i].picture.height);
    }
  }
  std::int64_t width = kGap, height = kGap + (title.empty() ? 0 : kLine + 2);
  for (const std::int64_t w : widths) width += w + kGap;
  for (std::size_t r = 0; r < rows.size(); ++r) height += heights[r] + kLine + (heads[r].empty() ? 0 : kLine) + kGap;
  width = std::max(width, text_width(title) + 2 * kGap);
  for (const auto& [colour, text] : legend) width = std::max(width, kGap + entry_width(text));
  const std::vector<Legend> lines = legend_lines(legend, width);
  height += (kLine + 2) * static_cast<std::int64_t>(lines.size());
  Picture sheet(width, height, 3);
  fill_box(sheet, 0, 0, sheet.width, sheet.height, kGround);
  std::int64_t y = kGap;
  if (!title.empty()) draw_text(sheet, kGap, y, title, kInk);
  y += title.empty() ? 0 : kLine + 2;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (!heads[r].empty()) draw_text(sheet, kGap, y + 2, heads[r], kInk);
    y += heads[r].empty() ? 0 : kLine;
    std::int64_t x = kGap;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      const Picture& tile = rows[r][i].picture;
      paste(sheet, tile, x + (widths[i] - tile.width) / 2, y + (heights[r] - tile.height) / 2);
      // Right below its tile, however low that is in a row of unequal ones.
      draw_text(sheet, x + (widths[i] - text_width(rows[r][i].caption)) / 2, y + (heights[r] + tile.height) / 2 + 4,
                rows[r][i].caption, kDim);
      x += widths[i] + kGap;
    }
    y += heights[r] + kLine + kGap;
  }
  for (const Legend& line : lines) {
    std::int64_t x = kGap;
    for (const auto& [colour, text] : line) {
      fill_box(sheet, x, y, 8, 8, colour);
      draw_text(sheet, x + 12, y, text, kInk);
      x += entry_width(text);
    }
    y += kLine + 2;
  }
  return sheet;
}

}  // namespace

Picture montage(const volume::Volume& image, const volume::Volume* label, const volume::Volume* prediction,
                const MontageOptions& options) {
  require_same_grid(image, label, "label");
  require_same_grid(image, prediction, "prediction");
  const SliceView view(image);
  Extent extent, predicted;
  if (label != nullptr) extent = extent_of(SliceView(*label));
  if (prediction != nullptr) predicted = extent_of(SliceView(*prediction));
  const auto slices = choose_slices(image, view, extent.classes.empty() ? predicted : extent, options);
  const Window window = options.window ? *options.window : window_by_percentiles(image);
  const double longest_mm = std::max({view.extent_mm(0), view.extent_mm(1), view.extent_mm(2)});
  const double pixels_per_mm = static_cast<double>(options.tile_pixels) / longest_mm;

  std::vector<Row> rows;
  std::vector<std::string> heads;
  const auto add_rows = [&](const volume::Volume* labels, const std::string& head) {
    for (std::size_t p = 0; p < 3; ++p) {
      if (p == 0 || options.slices_per_plane > 1) {
        rows.emplace_back();
        heads.push_back(p == 0 ? head : "");
      }
      for (const std::int64_t slice : slices[p]) {
        rows.back().push_back(make_tile(view, labels, kPlanes[p], slice, window, pixels_per_mm, options));
      }
    }
  };
  add_rows(label, prediction == nullptr ? "" : label == nullptr ? "picture" : "truth");
  if (prediction != nullptr) add_rows(prediction, "prediction");

  Legend legend;
  extent.classes.merge(predicted.classes);
  for (const std::int64_t c : extent.classes) {
    const auto named = options.label_names.find(static_cast<int>(c));
    legend.emplace_back(class_colour(c), named == options.label_names.end() ? std::to_string(c) : named->second);
    if (legend.size() == 12) break;
  }
  if (!options.legend) legend.clear();
  return lay_out(rows, heads, options.title, legend);
}

std::string describe_montage(const volume::Volume& image, const volume::Volume* label,
                             const volume::Volume* prediction) {
  const SliceView view(image);
  std::string text = fmt::format("Axial, coronal and sagittal slices of a scan of {:.0f} x {:.0f} x {:.0f} mm",
                                 view.extent_mm(2), view.extent_mm(1), view.extent_mm(0));
  if (label != nullptr)
    text += fmt::format(", {} classes outlined in colour", extent_of(SliceView(*label)).classes.size());
  return text + (prediction == nullptr ? ""
                 : label == nullptr    ? ", with the prediction below"
                                       : ", truth above the prediction");
}

}  // namespace report
