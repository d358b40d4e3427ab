#pragma once
// Text drawn into volumes, as scanners and workstations burn it in: letters of a bitmap font of these tests' own, crisp
// or with smooth edges, and what they are drawn on.

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/rng.h"
#include "volume/phantom.h"

struct Lettering {
  int rows = 0, columns = 0;
  std::vector<double> ink;  // 0 to 1, row after row

  double at(int r, int c) const {
    return r < 0 || c < 0 || r >= rows || c >= columns ? 0 : ink[static_cast<std::size_t>(r * columns + c)];
  }
};

// Seven rows of five pixels a letter; the highest of five bits is the leftmost.
inline const std::map<char, std::array<int, 7>>& planted_font() {
  static const std::map<char, std::array<int, 7>> font{
      {'A', {4, 10, 17, 17, 31, 17, 17}},  {'B', {30, 17, 17, 30, 17, 17, 30}}, {'C', {14, 17, 16, 16, 16, 17, 14}},
      {'D', {28, 18, 17, 17, 17, 18, 28}}, {'E', {31, 16, 16, 28, 16, 16, 31}}, {'F', {31, 16, 16, 28, 16, 16, 16}},
      {'G', {14, 17, 16, 19, 17, 17, 14}}, {'H', {17, 17, 17, 31, 17, 17, 17}}, {'I', {14, 4, 4, 4, 4, 4, 14}},
      {'J', {7, 2, 2, 2, 2, 18, 12}},      {'K', {17, 18, 20, 24, 20, 18, 17}}, {'L', {16, 16, 16, 16, 16, 16, 31}},
      {'M', {17, 27, 21, 21, 17, 17, 17}}, {'N', {17, 25, 25, 21, 19, 19, 17}}, {'O', {14, 17, 17, 17, 17, 17, 14}},
      {'P', {30, 17, 17, 30, 16, 16, 16}}, {'R', {30, 17, 17, 30, 20, 18, 17}}, {'S', {14, 17, 16, 14, 1, 17, 14}},
      {'T', {31, 4, 4, 4, 4, 4, 4}},       {'U', {17, 17, 17, 17, 17, 17, 14}}, {'V', {17, 17, 17, 10, 10, 4, 4}},
      {'W', {17, 17, 17, 21, 21, 21, 10}}, {'X', {17, 17, 10, 4, 10, 17, 17}},  {'Y', {17, 17, 10, 4, 4, 4, 4}},
      {'Z', {31, 1, 2, 4, 8, 16, 31}},     {'0', {14, 17, 17, 21, 17, 17, 14}}, {'1', {4, 12, 20, 4, 4, 4, 31}},
      {'2', {14, 17, 1, 2, 4, 8, 31}},     {'3', {31, 2, 4, 2, 1, 17, 14}},     {'4', {2, 6, 10, 18, 31, 2, 2}},
      {'5', {31, 16, 30, 1, 1, 17, 14}},   {'6', {6, 8, 16, 30, 17, 17, 14}},   {'7', {31, 1, 2, 4, 8, 8, 8}},
      {'8', {14, 17, 17, 14, 17, 17, 14}}, {'9', {14, 17, 17, 15, 1, 2, 12}},   {'.', {0, 0, 0, 0, 0, 12, 12}},
      {'/', {1, 1, 2, 4, 8, 16, 16}},      {'-', {0, 0, 0, 14, 0, 0, 0}},       {'^', {4, 10, 17, 0, 0, 0, 0}},
      {' ', {0, 0, 0, 0, 0, 0, 0}}};
  return font;
}

// Letters of 7 * scale rows.
inline Lettering lettering(const std::string& text, int scale, bool smooth) {
  Lettering drawn{9 * scale, (6 * static_cast<int>(text.size()) + 2) * scale, {}};
  drawn.ink.resize(static_cast<std::size_t>(drawn.rows * drawn.columns));
  for (int r = 0; r < 7 * scale; ++r) {
    for (int c = 0; c < 6 * scale * static_cast<int>(text.size()); ++c) {
      const auto letter = planted_font().find(text[static_cast<std::size_t>(c / (6 * scale))]);
      const int column = c / scale % 6;
      if (letter == planted_font().end() || column == 5) continue;
      const int bits = letter->second[static_cast<std::size_t>(r / scale)];
      drawn.ink[static_cast<std::size_t>((r + scale) * drawn.columns + c + scale)] = bits >> (4 - column) & 1;
    }
  }
  if (!smooth) return drawn;
  Lettering soft = drawn;
  for (int r = 0; r < drawn.rows; ++r) {
    for (int c = 0; c < drawn.columns; ++c) {
      const double beside = drawn.at(r - 1, c) + drawn.at(r + 1, c) + drawn.at(r, c - 1) + drawn.at(r, c + 1);
      soft.ink[static_cast<std::size_t>(r * drawn.columns + c)] = (4 * drawn.at(r, c) + beside) / 8;
    }
  }
  return soft;
}

// An int16 volume.
struct Canvas {
  volume::Volume image;
  double low = 0, high = 0;  // what most values lie between
};

inline std::int16_t& pixel(volume::Volume& image, std::int64_t slice, std::int64_t row, std::int64_t column) {
  const std::int64_t at = (slice * image.shape().height + row) * image.shape().width + column;
  return image.voxels<std::int16_t>()[static_cast<std::size_t>(at)];
}

inline Canvas canvas_of(volume::Volume image) {
  const auto voxels = image.voxels<std::int16_t>();
  std::vector<std::int16_t> sorted(voxels.begin(), voxels.end());
  std::sort(sorted.begin(), sorted.end());
  const std::size_t tail = sorted.size() / 200;
  const double low = sorted[tail], high = sorted[sorted.size() - 1 - tail];
  return {std::move(image), low, high};
}

// Slices from the middle of a phantom, enlarged to twice its rows and columns between pixels.
inline Canvas phantom_canvas(const std::string& modality, std::int64_t size, std::int64_t number, std::int64_t slices) {
  volume::PhantomOptions options;
  options.size = size;
  options.modality = modality;
  options.seed = 71;
  options.axis_orders = false;
  const volume::Case one = volume::phantom_case(options, number);
  const volume::Volume& from = one.reference();
  const volume::Shape& s = from.shape();
  volume::Volume large({slices, 2 * s.height, 2 * s.width}, volume::VoxelType::kInt16, from.geometry);
  for (std::int64_t d = 0; d < slices; ++d) {
    const auto plane = from.voxels<std::int16_t>().subspan(
        static_cast<std::size_t>(((s.depth - slices) / 2 + d) * s.height * s.width));
    const auto value = [&](std::int64_t r, std::int64_t c) {
      return plane[static_cast<std::size_t>(std::clamp<std::int64_t>(r, 0, s.height - 1) * s.width +
                                            std::clamp<std::int64_t>(c, 0, s.width - 1))];
    };
    for (std::int64_t r = 0; r < 2 * s.height; ++r) {
      for (std::int64_t c = 0; c < 2 * s.width; ++c)
        pixel(large, d, r, c) =
            static_cast<std::int16_t>((value(r / 2, c / 2) + value((r + 1) / 2, c / 2) + value(r / 2, (c + 1) / 2) +
                                       value((r + 1) / 2, (c + 1) / 2)) /
                                      4);
    }
  }
  return canvas_of(std::move(large));
}

// Nothing but noise around a level.
inline Canvas noise_canvas(volume::Shape shape, double level, double spread, std::uint64_t seed) {
  volume::Volume image(shape, volume::VoxelType::kInt16, {});
  core::Rng rng(core::DrawKey{seed});
  for (std::int16_t& voxel : image.voxels<std::int16_t>())
    voxel = static_cast<std::int16_t>(std::lround(level + spread * rng.normal()));
  Canvas canvas = canvas_of(std::move(image));
  canvas.low = 0, canvas.high = 1000;
  return canvas;
}

// Whether a person could read it there: nine tenths of the strokes differ by 30 % of the usual range from what is
// below.
inline bool legible(Canvas& on, const Lettering& text, std::int64_t slice, int row, int column, double value) {
  int strokes = 0, seen = 0;
  for (int r = 0; r < text.rows; ++r) {
    for (int c = 0; c < text.columns; ++c) {
      if (text.at(r, c) < 0.5) continue;
      ++strokes;
      seen += std::abs(pixel(on.image, slice, row + r, column + c) - value) >= 0.3 * (on.high - on.low);
    }
  }
  return 20 * seen >= 19 * strokes;
}

inline void plant(volume::Volume& on, const Lettering& text, std::int64_t slice, int row, int column, double value) {
  for (int r = 0; r < text.rows; ++r) {
    for (int c = 0; c < text.columns; ++c) {
      std::int16_t& there = pixel(on, slice, row + r, column + c);
      there = static_cast<std::int16_t>(std::lround(there + (value - there) * text.at(r, c)));
    }
  }
}
