#pragma once
// Thin bright strokes of a picture and the connected shapes that they make: what letters are made of. A stroke is
// thinner than kStrokeWindow pixels along rows or along columns and stands out by kStrokeContrast. Pure.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "io/gray_picture.h"

namespace io {

inline constexpr std::size_t kStrokeWindow = 7;
inline constexpr int kStrokeContrast = 44;  // of 255

using Plane = std::vector<std::uint8_t>;

// With kStrokeWindow zeros behind every row and below the last, so that windows need no care at the borders.
struct Padded {
  std::size_t rows, stride;
  bool clipped;
  Plane values;

  Padded(const GrayPicture& picture, bool dark);  // dark: turned over, so that strokes are bright
};

struct Strokes {
  Plane mask;           // 255 where a stroke is, 0 elsewhere
  Plane across, along;  // openings along rows and along columns
};

Strokes strokes_in(const Padded& picture);

struct Shape {
  int top, left, bottom, right;  // both ends are within
  int pixels;

  int height() const { return bottom - top + 1; }
  int width() const { return right - left + 1; }
};

// Connected shapes of a mask, also over corners; those of no pixels are none.
std::vector<Shape> shapes_of(const Plane& mask, const Padded& picture);

}  // namespace io
