#include "io/burned_text.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "io/text_strokes.h"

namespace io {
namespace {

constexpr int kLeastRows = 5, kMostRows = 44;
constexpr double kMostWide = 2.2;  // a shape's width over its height
constexpr double kFarthest = 1.5;  // from shape to shape, over their height
constexpr int kLeastGlyphs = 3;
constexpr std::size_t kMostShapes = 2000;                     // more of them are noise
constexpr double kLeastClutter = 12, kPixelsPerShape = 1300;  // shapes in no line that leave a line its score
constexpr double kDark = 0.75;                                // dark lines are more often anatomy
constexpr int kLevels[] = {0, 110, 150, 190, 225};
constexpr int kTile = 16;          // rows and columns that jumps are counted in
constexpr int kLeastJumps = 60;    // in three tiles side by side: fewer than a word of the smallest text has
constexpr int kMostHeights = 100;  // of a line's width: what is beyond is not read
constexpr int kNearValue = 30;     // of a line's own value: letters have it, with their edges
constexpr int kAround = 48;        // rows and columns looked at around tiles of many jumps

bool like_a_glyph(const Shape& shape) {
  return shape.pixels > 0 && shape.height() >= kLeastRows && shape.height() <= kMostRows &&
         shape.width() <= kMostWide * shape.height() && shape.pixels * 12 >= shape.height() * shape.width();
}

// By the row that they stand on, from left to right in each.
class Standing {
 public:
  Standing(std::vector<Shape> shapes, int rows) : shapes_(std::move(shapes)), by_row_(static_cast<std::size_t>(rows)) {
    std::sort(shapes_.begin(), shapes_.end(), [](const Shape& a, const Shape& b) { return a.left < b.left; });
    for (std::size_t i = 0; i < shapes_.size(); ++i) by_row_[static_cast<std::size_t>(shapes_[i].bottom)].push_back(i);
    used_.resize(shapes_.size());
  }

  // Lines of shapes that follow one another; every shape is in one at most.
  template <class F>
  void each_line(F&& f) {
    for (std::size_t i = 0; i < shapes_.size(); ++i) {
      if (used_[i]) continue;
      std::vector<const Shape*> line;
      for (std::size_t at = i; at < shapes_.size(); at = next_of(at)) {
        used_[at] = true;
        line.push_back(&shapes_[at]);
      }
      f(line);
    }
  }

 private:
  // The nearest to the right of like height on the same line.
  std::size_t next_of(std::size_t of) const {
    const Shape& shape = shapes_[of];
    const int slack = std::max(1, shape.height() / 8), rows = static_cast<int>(by_row_.size());
    std::size_t best = shapes_.size();
    for (int row = std::max(0, shape.bottom - slack); row <= std::min(rows - 1, shape.bottom + slack); ++row) {
      const auto& there = by_row_[static_cast<std::size_t>(row)];
      for (auto at = std::upper_bound(there.begin(), there.end(), of); at != there.end() && *at < best; ++at) {
        const Shape& other = shapes_[*at];
        const int taller = std::max(shape.height(), other.height());
        if (other.left - shape.right > kFarthest * taller) break;
        if (used_[*at] || other.left <= shape.left || std::min(shape.height(), other.height()) * 5 < 3 * taller ||
            other.left + other.width() / 2 <= shape.right)
          continue;
        best = *at;
        break;
      }
    }
    return best;
  }

  std::vector<Shape> shapes_;
  std::vector<std::vector<std::size_t>> by_row_;
  std::vector<bool> used_;
};

// The largest share of what is counted by value that lies within `width` values of each other.
double within_a_few(std::array<int, 256> counts, std::size_t width, bool clipped) {
  const int all = std::accumulate(counts.begin(), counts.end(), 0);
  if (clipped) counts.front() = counts.back() = 0;
  int best = 0;
  for (std::size_t v = 0; v + width <= counts.size(); ++v) {
    const auto at = counts.begin() + static_cast<std::ptrdiff_t>(v);
    best = std::max(best, std::accumulate(at, at + static_cast<std::ptrdiff_t>(width), 0));
  }
  return all == 0 ? 0 : static_cast<double>(best) / all;
}

// Values of the strokes, and the brightest of each shape: text is drawn with one, though its edges may be smooth.
void measure(const Plane& mask, const Padded& picture, const std::vector<const Shape*>& shapes, TextLine& line) {
  std::array<int, 256> counts{}, peaks{};
  for (const Shape* shape : shapes) {
    std::uint8_t peak = 0;
    for (int r = shape->top; r <= shape->bottom; ++r) {
      for (int c = shape->left; c <= shape->right; ++c) {
        const std::size_t at = static_cast<std::size_t>(r) * picture.stride + static_cast<std::size_t>(c);
        if (mask[at] == 0) continue;
        ++counts[picture.values[at]];
        peak = std::max(peak, picture.values[at]);
      }
    }
    ++peaks[peak];
  }
  const auto strongest = std::max_element(peaks.begin(), peaks.end());
  line.value = static_cast<int>(strongest - peaks.begin());
  line.flat = within_a_few(counts, 5, picture.clipped);
  line.even = within_a_few(peaks, 8, picture.clipped);
}

// How many of the shapes have the height that most of them have.
int alike(const std::vector<const Shape*>& line) {
  int most = 0;
  for (const Shape* one : line) {
    int same = 0;
    for (const Shape* other : line) {
      const int slack = std::max(1, one->height() / 10);
      same += std::abs(one->top - other->top) <= slack && std::abs(one->bottom - other->bottom) <= slack;
    }
    most = std::max(most, same);
  }
  return most;
}

// Lines that follow one another with a gap of up to three heights between them (spaces, letters that were not seen) are
// one.
void join_neighbours(std::vector<TextLine>& lines) {
  std::sort(lines.begin(), lines.end(), [](const TextLine& a, const TextLine& b) { return a.column < b.column; });
  for (std::size_t i = 0; i < lines.size(); ++i) {
    for (std::size_t j = i + 1; j < lines.size();) {
      TextLine& a = lines[i];
      const TextLine& b = lines[j];
      const int tall = std::max(a.height, b.height), gap = b.column - (a.column + a.width);
      const bool level = std::abs((a.row + a.height) - (b.row + b.height)) <= std::max(1, tall / 8) &&
                         5 * std::min(a.height, b.height) >= 3 * tall;
      if (!level || gap > 3 * tall || gap < -tall) {
        ++j;
        continue;
      }
      const int top = std::min(a.row, b.row), bottom = std::max(a.row + a.height, b.row + b.height);
      a.width = std::max(a.column + a.width, b.column + b.width) - a.column;
      a.row = top;
      a.height = bottom - top;
      a.glyphs += b.glyphs;
      a.score += b.score;
      a.flat = std::max(a.flat, b.flat);
      a.even = std::max(a.even, b.even);
      lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(j));
    }
  }
}

void keep_from(int level, const Padded& picture, Plane& mask) {
  const std::uint8_t* __restrict values = picture.values.data();
  std::uint8_t* __restrict marks = mask.data();
  const auto least = static_cast<std::uint8_t>(level);
  for (std::size_t i = 0; i < mask.size(); ++i) marks[i] = values[i] < least ? 0 : marks[i];
}

// Of a mask the shapes alone that stand near the bottom of a line of that height.
void keep_letters(const Padded& picture, int bottom, int height, Plane& mask) {
  Plane kept(mask.size());
  for (const Shape& shape : shapes_of(mask, picture)) {
    if (shape.pixels == 0 || 2 * shape.height() > 3 * height || 4 * std::abs(shape.bottom + 1 - bottom) > height + 4 ||
        shape.width() > 12 * height)
      continue;
    for (int r = shape.top; r <= shape.bottom; ++r) {
      const auto row = static_cast<std::ptrdiff_t>(static_cast<std::size_t>(r) * picture.stride);
      std::copy(mask.begin() + row + shape.left, mask.begin() + row + shape.right + 1, kept.begin() + row + shape.left);
    }
  }
  mask.swap(kept);
}

// Lines of the shapes of a mask.
std::vector<TextLine> lines_of(const Plane& mask, const Padded& picture) {
  std::vector<Shape> glyphs = shapes_of(mask, picture);
  std::erase_if(glyphs, [](const Shape& shape) { return !like_a_glyph(shape); });
  const std::size_t count = glyphs.size();
  const int rows = static_cast<int>(picture.rows);
  std::vector<TextLine> lines;
  if (count > kMostShapes) return lines;
  Standing standing(std::move(glyphs), rows);
  standing.each_line([&](const std::vector<const Shape*>& shapes) {
    if (static_cast<int>(shapes.size()) < kLeastGlyphs) return;
    int top = rows, bottom = 0;
    for (const Shape* shape : shapes) top = std::min(top, shape->top), bottom = std::max(bottom, shape->bottom);
    TextLine line{top, shapes.front()->left, bottom - top + 1, shapes.back()->right - shapes.front()->left + 1};
    line.glyphs = static_cast<int>(shapes.size());
    measure(mask, picture, shapes, line);
    line.score = alike(shapes) * std::max(line.flat, 0.7 * line.even);
    lines.push_back(line);
  });
  join_neighbours(lines);
  // Among many shapes some stand on a line by chance.
  std::size_t in_lines = 0;
  for (const TextLine& line : lines) in_lines += line.glyphs > kLeastGlyphs ? static_cast<std::size_t>(line.glyphs) : 0;
  const double clutter = static_cast<double>(count - std::min(count, in_lines));
  const double usual = std::max(kLeastClutter, static_cast<double>(mask.size()) / kPixelsPerShape);
  for (TextLine& line : lines) line.score *= std::min(1.0, usual / std::max(1.0, clutter));
  return lines;
}

// Letters may touch thin anatomy: strokes of at least each level of brightness are looked at by themselves.
void find_lines(const GrayPicture& picture, bool dark, int factor, std::vector<TextLine>& all) {
  const Padded padded(picture, dark);
  Plane mask = strokes_in(padded).mask;
  for (const int level : kLevels) {
    if (level > 0) keep_from(level, padded, mask);
    for (TextLine line : lines_of(mask, padded)) {
      line.dark = dark;
      line.score *= dark ? kDark : 1;
      line.factor = factor;
      line.row *= factor, line.column *= factor, line.height *= factor, line.width *= factor;
      all.push_back(line);
    }
  }
}

// Jumps from one value to the next but one, of at least kStrokeContrast, in each tile of a band of rows.
void count_jumps(const GrayPicture& picture, int first_row, std::vector<std::uint8_t>& sums, std::vector<int>& tiles) {
  const auto columns = static_cast<std::size_t>(picture.columns);
  std::fill(sums.begin(), sums.end(), std::uint8_t{0});
  for (int r = first_row; r < std::min(first_row + kTile, picture.rows); ++r) {
    const std::uint8_t* __restrict a = picture.values.data() + static_cast<std::size_t>(r) * columns;
    std::uint8_t* __restrict sum = sums.data();
    for (std::size_t c = 0; c + 2 < columns; ++c) {
      const std::uint8_t low = a[c] < a[c + 2] ? a[c] : a[c + 2], high = a[c] < a[c + 2] ? a[c + 2] : a[c];
      sum[c] = static_cast<std::uint8_t>(sum[c] + (static_cast<std::uint8_t>(high - low) >= kStrokeContrast ? 1 : 0));
    }
  }
  for (std::size_t t = 0; t < tiles.size(); ++t) {
    const std::size_t begin = t * kTile, end = std::min(begin + kTile, columns);
    tiles[t] = std::accumulate(sums.begin() + static_cast<std::ptrdiff_t>(begin),
                               sums.begin() + static_cast<std::ptrdiff_t>(end), 0);
  }
}

// Where there are jumps enough for text: bands of rows one below the other, and the columns of all of them.
std::vector<PicturePart> busy_parts(const GrayPicture& picture) {
  std::vector<PicturePart> parts;
  std::vector<std::uint8_t> sums(static_cast<std::size_t>(picture.columns));
  std::vector<int> tiles(static_cast<std::size_t>((picture.columns + kTile - 1) / kTile));
  for (int r = 0; r < picture.rows; r += kTile) {
    count_jumps(picture, r, sums, tiles);
    int first = picture.columns, last = -1;
    for (std::size_t t = 0; t < tiles.size(); ++t) {
      const int near = (t > 0 ? tiles[t - 1] : 0) + tiles[t] + (t + 1 < tiles.size() ? tiles[t + 1] : 0);
      if (near < kLeastJumps) continue;
      first = std::min(first, static_cast<int>(t) * kTile);
      last = static_cast<int>(t) * kTile + kTile;
    }
    if (last < 0) continue;
    const PicturePart part{std::max(0, r - kAround), std::min(picture.rows, r + kTile + kAround),
                           std::max(0, first - kAround), std::min(picture.columns, last + kAround)};
    if (!parts.empty() && parts.back().end_row >= part.begin_row) {
      PicturePart& before = parts.back();
      before = {before.begin_row, part.end_row, std::min(before.begin_column, part.begin_column),
                std::max(before.end_column, part.end_column)};
    } else {
      parts.push_back(part);
    }
  }
  return parts;
}

}  // namespace

std::vector<TextLine> lines_like_text(const GrayPicture& picture) {
  std::vector<TextLine> lines;
  const int least = static_cast<int>(kStrokeWindow) + 1;
  for (const PicturePart& part : busy_parts(picture)) {
    const GrayPicture piece = cut(picture, part);
    if (piece.rows < least || piece.columns < least) continue;
    const std::size_t before = lines.size();
    for (const bool dark : {false, true}) find_lines(piece, dark, 1, lines);
    const GrayPicture half = halved(piece);
    if (half.rows >= least && half.columns >= least) {
      for (const bool dark : {false, true}) find_lines(half, dark, 2, lines);
    }
    for (std::size_t i = before; i < lines.size(); ++i) {
      lines[i].row += part.begin_row;
      lines[i].column += part.begin_column;
    }
  }
  // Air that ends at the border of a picture makes dark teeth there.
  std::erase_if(lines, [&](const TextLine& line) {
    return line.dark && (line.row == 0 || line.row + line.height >= picture.rows);
  });
  std::sort(lines.begin(), lines.end(), [](const TextLine& a, const TextLine& b) { return a.score > b.score; });
  return lines;
}

GrayPicture strokes_of(const GrayPicture& picture, const TextLine& line, bool letters_alone) {
  const int beside = 4 * line.height, above = line.height / 2 + 1,
            width = std::min(line.width, kMostHeights * line.height);
  const PicturePart part{std::max(0, line.row - above), std::min(picture.rows, line.row + line.height + above),
                         std::max(0, line.column - beside), std::min(picture.columns, line.column + width + beside)};
  GrayPicture piece = cut(picture, part);
  if (line.factor == 2) piece = halved(piece);
  const Padded padded(piece, line.dark);
  Strokes found = strokes_in(padded);
  if (letters_alone) {
    keep_from(std::max(1, line.value - kNearValue), padded, found.mask);
    keep_letters(padded, (line.row + line.height - part.begin_row) / line.factor, line.height / line.factor,
                 found.mask);
  }
  int tallest = 1;
  const auto stands_out = [&](std::size_t at) {
    return padded.values[at] - std::min(found.across[at], found.along[at]);
  };
  const auto rows = static_cast<std::size_t>(piece.rows), columns = static_cast<std::size_t>(piece.columns);
  for (std::size_t at = 0; at < padded.values.size(); ++at) {
    if (found.mask[at] != 0) tallest = std::max(tallest, stands_out(at));
  }
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) {
      const std::size_t at = r * padded.stride + c;
      const int dark = letters_alone ? found.mask[at] : stands_out(at) * 255 / tallest;
      piece.values[r * columns + c] = static_cast<std::uint8_t>(255 - std::clamp(dark, 0, 255));
    }
  }
  return scaled(piece, 32.0 * line.factor / line.height);
}

}  // namespace io
