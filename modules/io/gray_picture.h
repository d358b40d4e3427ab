#pragma once
// A gray picture of 256 values, cut, halved and scaled: what text is looked for in. Pure, safe from many threads.

#include <cstdint>
#include <vector>

#include "volume/volume.h"

namespace io {

// Row after row.
struct GrayPicture {
  int rows = 0, columns = 0;
  std::vector<std::uint8_t> values;
  bool clipped = false;  // what is 0 or 255 may have been anything beyond
};

// Of a picture the rows and columns from `begin` on, before `end`.
struct PicturePart {
  int begin_row, end_row, begin_column, end_column;
};

// Slice `slice` of a volume, stored values from low to high as 0 to 255.
GrayPicture gray_slice(const volume::Volume& image, std::int64_t slice, double low, double high);

GrayPicture cut(const GrayPicture& picture, const PicturePart& part);
// Means of two by two.
GrayPicture halved(const GrayPicture& picture);
// Between the four nearest values.
GrayPicture scaled(const GrayPicture& picture, double factor);

}  // namespace io
