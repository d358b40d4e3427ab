#include "io/gray_picture.h"

#include <algorithm>
#include <cmath>

namespace io {
namespace {

// Values from low to high as 0 to 255. Whole numbers of up to 16 bits in integers, which is three times as fast.
template <class T>
void spread(const T* __restrict from, std::uint8_t* __restrict to, std::size_t count, double low, double high) {
  if constexpr (std::is_integral_v<T> && sizeof(T) <= 2) {
    const int base = static_cast<int>(std::floor(low)), range = std::max(1, static_cast<int>(std::ceil(high)) - base);
    const int factor = 255 * 65536 / range;
    for (std::size_t i = 0; i < count; ++i) {
      int value = static_cast<int>(from[i]) - base;
      value = value < 0 ? 0 : value;
      value = value > range ? range : value;
      to[i] = static_cast<std::uint8_t>((value * factor + 32768) >> 16);
    }
  } else {
    const double factor = high > low ? 255 / (high - low) : 0;
    for (std::size_t i = 0; i < count; ++i) {
      const double value = (static_cast<double>(from[i]) - low) * factor + 0.5;
      to[i] = static_cast<std::uint8_t>(value > 0 ? (value < 255 ? value : 255) : 0);
    }
  }
}

}  // namespace

GrayPicture gray_slice(const volume::Volume& image, std::int64_t slice, double low, double high) {
  const auto plane = static_cast<std::size_t>(image.shape().height * image.shape().width);
  GrayPicture gray{static_cast<int>(image.shape().height), static_cast<int>(image.shape().width),
                   std::vector<std::uint8_t>(plane)};
  volume::with_type(image.type(), [&]<class T>(T) {
    const T* from = image.voxels<T>().data() + static_cast<std::size_t>(slice) * plane;
    spread(from, gray.values.data(), plane, low, high);
  });
  return gray;
}

GrayPicture cut(const GrayPicture& picture, const PicturePart& part) {
  GrayPicture piece{part.end_row - part.begin_row, part.end_column - part.begin_column, {}, picture.clipped};
  piece.values.reserve(static_cast<std::size_t>(piece.rows) * static_cast<std::size_t>(piece.columns));
  for (int r = part.begin_row; r < part.end_row; ++r) {
    const auto row = picture.values.begin() + static_cast<std::ptrdiff_t>(r) * picture.columns;
    piece.values.insert(piece.values.end(), row + part.begin_column, row + part.end_column);
  }
  return piece;
}

GrayPicture halved(const GrayPicture& picture) {
  GrayPicture half{picture.rows / 2, picture.columns / 2, {}, picture.clipped};
  half.values.resize(static_cast<std::size_t>(half.rows) * static_cast<std::size_t>(half.columns));
  const auto columns = static_cast<std::size_t>(picture.columns);
  for (std::size_t r = 0; r < static_cast<std::size_t>(half.rows); ++r) {
    const std::uint8_t* upper = picture.values.data() + 2 * r * columns;
    const std::uint8_t* under = upper + columns;
    std::uint8_t* to = half.values.data() + r * static_cast<std::size_t>(half.columns);
    for (std::size_t c = 0; c < static_cast<std::size_t>(half.columns); ++c)
      to[c] = static_cast<std::uint8_t>((upper[2 * c] + upper[2 * c + 1] + under[2 * c] + under[2 * c + 1] + 2) / 4);
  }
  return half;
}

GrayPicture scaled(const GrayPicture& from, double factor) {
  GrayPicture to{static_cast<int>(from.rows * factor), static_cast<int>(from.columns * factor), {}};
  to.values.reserve(static_cast<std::size_t>(to.rows) * static_cast<std::size_t>(to.columns));
  const auto at = [&](int r, int c) {
    return from
        .values[static_cast<std::size_t>(std::clamp(r, 0, from.rows - 1)) * static_cast<std::size_t>(from.columns) +
                static_cast<std::size_t>(std::clamp(c, 0, from.columns - 1))];
  };
  for (int r = 0; r < to.rows; ++r) {
    for (int c = 0; c < to.columns; ++c) {
      const double y = (r + 0.5) / factor - 0.5, x = (c + 0.5) / factor - 0.5;
      const int r0 = static_cast<int>(std::floor(y)), c0 = static_cast<int>(std::floor(x));
      const double v = y - r0, u = x - c0;
      to.values.push_back(static_cast<std::uint8_t>((1 - v) * ((1 - u) * at(r0, c0) + u * at(r0, c0 + 1)) +
                                                    v * ((1 - u) * at(r0 + 1, c0) + u * at(r0 + 1, c0 + 1)) + 0.5));
    }
  }
  return to;
}

}  // namespace io
