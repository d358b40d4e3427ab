#pragma once
// A picture as the bytes of a PNG file, through libpng.

#include <cstddef>
#include <vector>

#include "report/picture.h"

namespace report {

// Lossless; grey, RGB or RGBA as the picture's channels say; no time stamp, so the same picture gives the same bytes.
// `level` is deflate's, 0..9. Throws Error when libpng refuses (a side above a million pixels).
std::vector<std::byte> png_bytes(const Picture& picture, int level = 6);

}  // namespace report
