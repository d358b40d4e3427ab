#pragma once
// An 8-bit picture in memory and what is drawn on it.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace report {

struct Colour {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Colour&) const = default;
};

inline constexpr Colour kBlack{0, 0, 0};
inline constexpr Colour kWhite{255, 255, 255};

// Colours that people with any colour vision tell apart (Okabe and Ito), again and again after the last; class 0 has
// none, so a label's colour is class_colour(label) with label >= 1.
Colour class_colour(std::int64_t label);

// Rows from the top, pixels from the left, `channels` bytes each (1 grey, 3 RGB, 4 RGBA), no padding. A plain value.
struct Picture {
  Picture() = default;
  Picture(std::int64_t width, std::int64_t height, int channels, std::uint8_t fill = 0);

  std::int64_t width = 0, height = 0;
  int channels = 3;
  std::vector<std::uint8_t> bytes;

  std::uint8_t* pixel(std::int64_t x, std::int64_t y);
  const std::uint8_t* pixel(std::int64_t x, std::int64_t y) const;
};

// What follows draws on RGB and leaves out what lies beyond the edges. `opacity` 0..1.
void blend(Picture& picture, std::int64_t x, std::int64_t y, Colour colour, double opacity = 1.0);
void fill_box(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height, Colour colour);
void paste(Picture& onto, const Picture& other, std::int64_t x, std::int64_t y);

// Letters of 5 x 7 dots, each `scale` pixels wide, with one dot between; lower case is drawn as upper case, a character
// that the font lacks as a box. `x`, `y` is the upper left corner. With a halo the letters stand on a dark rim, so that
// they can be read on white bone.
void draw_text(Picture& picture, std::int64_t x, std::int64_t y, std::string_view text, Colour colour, int scale = 1,
               bool halo = false);
std::int64_t text_width(std::string_view text, int scale = 1);
inline constexpr std::int64_t kTextHeight = 7;

// Several RGB pictures in a grid, `columns` a row, left over places dark: augmented views beside each other.
Picture contact_sheet(std::span<const Picture> pictures, std::int64_t columns, std::int64_t gap = 4);

}  // namespace report
