#include "report/picture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "core/error.h"

namespace report {
namespace {

constexpr Colour kSheet{16, 18, 22};

// One row a byte from the top, the leftmost dot in bit 4.
struct Glyph {
  char letter;
  std::array<std::uint8_t, kTextHeight> rows;
};

constexpr Glyph kFont[] = {
    {' ', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00}}, {'A', {0x0E, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}},
    {'B', {0x1E, 0x11, 0x11, 0x1E, 0x11, 0x11, 0x1E}}, {'C', {0x0E, 0x11, 0x10, 0x10, 0x10, 0x11, 0x0E}},
    {'D', {0x1E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1E}}, {'E', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x1F}},
    {'F', {0x1F, 0x10, 0x10, 0x1E, 0x10, 0x10, 0x10}}, {'G', {0x0E, 0x11, 0x10, 0x17, 0x11, 0x11, 0x0F}},
    {'H', {0x11, 0x11, 0x11, 0x1F, 0x11, 0x11, 0x11}}, {'I', {0x0E, 0x04, 0x04, 0x04, 0x04, 0x04, 0x0E}},
    {'J', {0x07, 0x02, 0x02, 0x02, 0x02, 0x12, 0x0C}}, {'K', {0x11, 0x12, 0x14, 0x18, 0x14, 0x12, 0x11}},
    {'L', {0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x1F}}, {'M', {0x11, 0x1B, 0x15, 0x15, 0x11, 0x11, 0x11}},
    {'N', {0x11, 0x19, 0x15, 0x15, 0x13, 0x11, 0x11}}, {'O', {0x0E, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'P', {0x1E, 0x11, 0x11, 0x1E, 0x10, 0x10, 0x10}}, {'Q', {0x0E, 0x11, 0x11, 0x11, 0x15, 0x12, 0x0D}},
    {'R', {0x1E, 0x11, 0x11, 0x1E, 0x14, 0x12, 0x11}}, {'S', {0x0F, 0x10, 0x10, 0x0E, 0x01, 0x01, 0x1E}},
    {'T', {0x1F, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04}}, {'U', {0x11, 0x11, 0x11, 0x11, 0x11, 0x11, 0x0E}},
    {'V', {0x11, 0x11, 0x11, 0x11, 0x11, 0x0A, 0x04}}, {'W', {0x11, 0x11, 0x11, 0x15, 0x15, 0x1B, 0x11}},
    {'X', {0x11, 0x11, 0x0A, 0x04, 0x0A, 0x11, 0x11}}, {'Y', {0x11, 0x11, 0x0A, 0x04, 0x04, 0x04, 0x04}},
    {'Z', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x10, 0x1F}}, {'0', {0x0E, 0x11, 0x13, 0x15, 0x19, 0x11, 0x0E}},
    {'1', {0x04, 0x0C, 0x04, 0x04, 0x04, 0x04, 0x0E}}, {'2', {0x0E, 0x11, 0x01, 0x06, 0x08, 0x10, 0x1F}},
    {'3', {0x1F, 0x02, 0x04, 0x02, 0x01, 0x11, 0x0E}}, {'4', {0x02, 0x06, 0x0A, 0x12, 0x1F, 0x02, 0x02}},
    {'5', {0x1F, 0x10, 0x1E, 0x01, 0x01, 0x11, 0x0E}}, {'6', {0x06, 0x08, 0x10, 0x1E, 0x11, 0x11, 0x0E}},
    {'7', {0x1F, 0x01, 0x02, 0x04, 0x08, 0x08, 0x08}}, {'8', {0x0E, 0x11, 0x11, 0x0E, 0x11, 0x11, 0x0E}},
    {'9', {0x0E, 0x11, 0x11, 0x0F, 0x01, 0x02, 0x0C}}, {'.', {0x00, 0x00, 0x00, 0x00, 0x00, 0x0C, 0x0C}},
    {',', {0x00, 0x00, 0x00, 0x00, 0x0C, 0x04, 0x08}}, {':', {0x00, 0x0C, 0x0C, 0x00, 0x0C, 0x0C, 0x00}},
    {'-', {0x00, 0x00, 0x00, 0x1F, 0x00, 0x00, 0x00}}, {'+', {0x00, 0x04, 0x04, 0x1F, 0x04, 0x04, 0x00}},
    {'/', {0x01, 0x01, 0x02, 0x04, 0x08, 0x10, 0x10}}, {'_', {0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x1F}},
    {'=', {0x00, 0x00, 0x1F, 0x00, 0x1F, 0x00, 0x00}}, {'%', {0x19, 0x19, 0x02, 0x04, 0x08, 0x13, 0x13}},
    {'(', {0x02, 0x04, 0x08, 0x08, 0x08, 0x04, 0x02}}, {')', {0x08, 0x04, 0x02, 0x02, 0x02, 0x04, 0x08}},
    {'[', {0x0E, 0x08, 0x08, 0x08, 0x08, 0x08, 0x0E}}, {']', {0x0E, 0x02, 0x02, 0x02, 0x02, 0x02, 0x0E}},
    {'#', {0x0A, 0x0A, 0x1F, 0x0A, 0x1F, 0x0A, 0x0A}}};
constexpr Glyph kMissing{'\0', {0x1F, 0x11, 0x11, 0x11, 0x11, 0x11, 0x1F}};

const Glyph& glyph_of(char letter) {
  if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
  const auto* const found =
      std::find_if(std::begin(kFont), std::end(kFont), [letter](const Glyph& glyph) { return glyph.letter == letter; });
  return found == std::end(kFont) ? kMissing : *found;
}

// `rim` widens every dot on all sides, which is the halo.
void draw_letters(Picture& picture, std::int64_t x, std::int64_t y, std::string_view text, Colour colour, int scale,
                  int rim) {
  for (const char letter : text) {
    // The bytes that continue a code point have no place of their own.
    if ((static_cast<unsigned char>(letter) & 0xC0) == 0x80) continue;
    const Glyph& glyph = glyph_of(letter);
    for (std::int64_t row = 0; row < kTextHeight; ++row) {
      for (std::int64_t dot = 0; dot < 5; ++dot) {
        if ((glyph.rows[static_cast<std::size_t>(row)] >> (4 - dot) & 1) == 0) continue;
        fill_box(picture, x + dot * scale - rim, y + row * scale - rim, scale + 2 * rim, scale + 2 * rim, colour);
      }
    }
    x += 6 * scale;
  }
}

}  // namespace

Colour class_colour(std::int64_t label) {
  static constexpr std::array<Colour, 7> kColours{
      {{230, 159, 0}, {86, 180, 233}, {0, 190, 135}, {240, 228, 66}, {213, 94, 0}, {204, 121, 167}, {40, 120, 215}}};
  GADOLIN_CHECK(label >= 1);
  return kColours[static_cast<std::size_t>((label - 1) % static_cast<std::int64_t>(kColours.size()))];
}

Picture::Picture(std::int64_t width, std::int64_t height, int channels, std::uint8_t fill)
    : width(width), height(height), channels(channels) {
  GADOLIN_CHECK(width > 0 && height > 0 && (channels == 1 || channels == 3 || channels == 4));
  bytes.assign(static_cast<std::size_t>(width * height * channels), fill);
}

std::uint8_t* Picture::pixel(std::int64_t x, std::int64_t y) { return bytes.data() + (y * width + x) * channels; }

const std::uint8_t* Picture::pixel(std::int64_t x, std::int64_t y) const {
  return bytes.data() + (y * width + x) * channels;
}

void blend(Picture& picture, std::int64_t x, std::int64_t y, Colour colour, double opacity) {
  GADOLIN_CHECK(picture.channels == 3);
  if (x < 0 || y < 0 || x >= picture.width || y >= picture.height) return;
  std::uint8_t* const pixel = picture.pixel(x, y);
  const auto mixed = [opacity](std::uint8_t old, std::uint8_t fresh) {
    return static_cast<std::uint8_t>(std::lround(old + (fresh - old) * opacity));
  };
  pixel[0] = mixed(pixel[0], colour.red);
  pixel[1] = mixed(pixel[1], colour.green);
  pixel[2] = mixed(pixel[2], colour.blue);
}

void fill_box(Picture& picture, std::int64_t x, std::int64_t y, std::int64_t width, std::int64_t height,
              Colour colour) {
  for (std::int64_t row = y; row < y + height; ++row) {
    for (std::int64_t column = x; column < x + width; ++column) blend(picture, column, row, colour);
  }
}

void paste(Picture& onto, const Picture& other, std::int64_t x, std::int64_t y) {
  GADOLIN_CHECK(onto.channels == other.channels);
  const std::int64_t first = std::max<std::int64_t>(0, -x), last = std::min(other.width, onto.width - x);
  if (first >= last) return;
  for (std::int64_t row = std::max<std::int64_t>(0, -y); row < std::min(other.height, onto.height - y); ++row) {
    std::memcpy(onto.pixel(x + first, y + row), other.pixel(first, row),
                static_cast<std::size_t>((last - first) * onto.channels));
  }
}

void draw_text(Picture& picture, std::int64_t x, std::int64_t y, std::string_view text, Colour colour, int scale,
               bool halo) {
  if (halo) draw_letters(picture, x, y, text, kBlack, scale, 1);
  draw_letters(picture, x, y, text, colour, scale, 0);
}

std::int64_t text_width(std::string_view text, int scale) {
  const auto letters =
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
  return letters == 0 ? 0 : (letters * 6 - 1) * scale;
}

Picture contact_sheet(std::span<const Picture> pictures, std::int64_t columns, std::int64_t gap) {
  GADOLIN_CHECK(!pictures.empty() && columns > 0);
  columns = std::min<std::int64_t>(columns, static_cast<std::int64_t>(pictures.size()));
  std::int64_t width = 0, height = 0;
  for (const Picture& picture : pictures) {
    width = std::max(width, picture.width);
    height = std::max(height, picture.height);
  }
  const std::int64_t rows = (static_cast<std::int64_t>(pictures.size()) + columns - 1) / columns;
  Picture sheet(columns * (width + gap) - gap, rows * (height + gap) - gap, 3);
  fill_box(sheet, 0, 0, sheet.width, sheet.height, kSheet);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const std::int64_t column = static_cast<std::int64_t>(i) % columns, row = static_cast<std::int64_t>(i) / columns;
    paste(sheet, pictures[i], column * (width + gap) + (width - pictures[i].width) / 2,
          row * (height + gap) + (height - pictures[i].height) / 2);
  }
  return sheet;
}

}  // namespace report
