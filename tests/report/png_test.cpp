#include "report/png.h"

#include <gtest/gtest.h>
#include <png.h>

namespace report {
namespace {

Picture decoded(const std::vector<std::byte>& bytes, int channels) {
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  EXPECT_NE(png_image_begin_read_from_memory(&image, bytes.data(), bytes.size()), 0) << image.message;
  image.format = channels == 1 ? PNG_FORMAT_GRAY : channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
  Picture picture(image.width, image.height, channels);
  EXPECT_NE(png_image_finish_read(&image, nullptr, picture.bytes.data(), 0, nullptr), 0) << image.message;
  return picture;
}

TEST(Png, WhatIsWrittenReadsBackTheSame) {
  for (const int channels : {1, 3, 4}) {
    SCOPED_TRACE(channels);
    Picture picture(37, 11, channels);
    for (std::size_t i = 0; i < picture.bytes.size(); ++i) picture.bytes[i] = static_cast<std::uint8_t>(i * 31 + i / 7);
    const Picture back = decoded(png_bytes(picture), channels);
    EXPECT_EQ(back.width, 37);
    EXPECT_EQ(back.height, 11);
    EXPECT_EQ(back.bytes, picture.bytes);
  }
}

TEST(Png, TheSamePictureGivesTheSameBytes) {
  const Picture picture(64, 64, 3, 77);
  EXPECT_EQ(png_bytes(picture), png_bytes(picture));
  EXPECT_LT(png_bytes(picture).size(), 1000u);
}

TEST(Picture, BlendMixesAndLeavesOutWhatLiesBeyond) {
  Picture picture(2, 1, 3, 100);
  blend(picture, 0, 0, {200, 0, 100}, 0.5);
  blend(picture, 2, 0, kWhite);
  blend(picture, -1, 0, kWhite);
  EXPECT_EQ(picture.bytes, (std::vector<std::uint8_t>{150, 50, 100, 100, 100, 100}));
}

TEST(Picture, TextIsDrawnWhereItIsAskedFor) {
  Picture picture(20, 9, 3);
  draw_text(picture, 1, 1, "L", kWhite);
  EXPECT_EQ(picture.pixel(1, 1)[0], 255) << "the stroke of the L";
  EXPECT_EQ(picture.pixel(5, 1)[0], 0) << "right of its top";
  EXPECT_EQ(picture.pixel(5, 7)[0], 255) << "its foot";
  EXPECT_EQ(text_width("LR", 2), 22);
  EXPECT_EQ(text_width(""), 0);
  draw_text(picture, -3, -3, "\xC3\xBC?", kWhite);  // never crashes: no such glyphs, partly outside
}

TEST(Picture, AContactSheetHoldsEveryPicture) {
  std::vector<Picture> pictures;
  for (const std::uint8_t shade : {50, 100, 150}) pictures.emplace_back(4, 4, 3, shade);
  const Picture sheet = contact_sheet(pictures, 2, 2);
  EXPECT_EQ(sheet.width, 10);
  EXPECT_EQ(sheet.height, 10);
  EXPECT_EQ(sheet.pixel(0, 0)[0], 50);
  EXPECT_EQ(sheet.pixel(9, 0)[0], 100);
  EXPECT_EQ(sheet.pixel(0, 9)[0], 150);
}

}  // namespace
}  // namespace report
