#include "report/montage.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"

namespace report {
namespace {

using volume::Geometry;
using volume::Shape;
using volume::Volume;

// Bright where the world position lies beyond 0 along one axis (0 = Left, 1 = Posterior, 2 = Superior).
Volume half_space(const Shape& shape, const Geometry& geometry, std::size_t world_axis) {
  Volume image(shape, volume::VoxelType::kInt16, geometry);
  auto voxels = image.voxels<std::int16_t>();
  std::size_t i = 0;
  for (double d = 0; d < static_cast<double>(shape.depth); ++d) {
    for (double h = 0; h < static_cast<double>(shape.height); ++h) {
      for (double w = 0; w < static_cast<double>(shape.width); ++w) {
        voxels[i++] = geometry.world({d, h, w})[world_axis] > 0 ? 1000 : 0;
      }
    }
  }
  return image;
}

Geometry centred(const Shape& shape, std::array<double, 3> spacing_mm) {
  Geometry geometry;
  geometry.spacing_mm = spacing_mm;
  geometry.origin_mm = {-spacing_mm[2] * (static_cast<double>(shape.width) - 1) / 2,
                        -spacing_mm[1] * (static_cast<double>(shape.height) - 1) / 2,
                        -spacing_mm[0] * (static_cast<double>(shape.depth) - 1) / 2};
  return geometry;
}

// The same scan with axes in another order and sense.
Geometry turned_about(const Geometry& geometry, const Shape& shape) {
  Geometry other = geometry;
  other.origin_mm = geometry.world({0, static_cast<double>(shape.height) - 1, static_cast<double>(shape.width) - 1});
  for (const std::size_t axis : {1u, 2u}) {
    for (double& component : other.direction[axis]) component = -component;
  }
  return other;
}

TEST(Slice, ThePatientsLeftIsOnTheRightAndAnteriorOrSuperiorOnTop) {
  const Shape shape{8, 10, 12};
  for (const bool turned : {false, true}) {
    SCOPED_TRACE(turned ? "RAS-like axes" : "LPS axes");
    Geometry geometry = centred(shape, {2, 1, 1});
    if (turned) geometry = turned_about(geometry, shape);
    const Volume left = half_space(shape, geometry, 0), posterior = half_space(shape, geometry, 1),
                 superior = half_space(shape, geometry, 2);
    const Window window{0, 1000};
    for (const Plane plane : {Plane::kAxial, Plane::kCoronal}) {
      const Picture tile = draw_slice(SliceView(left), plane, 4, window, 4);
      EXPECT_EQ(tile.pixel(0, tile.height / 2)[0], 0);
      EXPECT_EQ(tile.pixel(tile.width - 1, tile.height / 2)[0], 255) << name(plane);
      EXPECT_EQ(axes_of(plane).right, "L");
    }
    const Picture axial = draw_slice(SliceView(posterior), Plane::kAxial, 4, window, 4);
    EXPECT_EQ(axial.pixel(axial.width / 2, 0)[0], 0) << "anterior on top";
    EXPECT_EQ(axial.pixel(axial.width / 2, axial.height - 1)[0], 255);
    const Picture sagittal = draw_slice(SliceView(posterior), Plane::kSagittal, 4, window, 4);
    EXPECT_EQ(sagittal.pixel(sagittal.width - 1, 0)[0], 255) << "anterior on the left";
    for (const Plane plane : {Plane::kCoronal, Plane::kSagittal}) {
      const Picture tile = draw_slice(SliceView(superior), plane, 4, window, 4);
      EXPECT_EQ(tile.pixel(tile.width / 2, 0)[0], 255) << name(plane);
      EXPECT_EQ(tile.pixel(tile.width / 2, tile.height - 1)[0], 0);
    }
  }
}

TEST(Slice, APixelIsAsWideAsHighInMillimetresWhateverTheSpacing) {
  const Shape shape{9, 40, 30};
  const Volume image(shape, volume::VoxelType::kUInt8, centred(shape, {10, 1.5, 1.5}));
  const SliceView view(image);
  const Picture coronal = draw_slice(view, Plane::kCoronal, 0, {0, 1}, 2);
  EXPECT_EQ(coronal.width, 90) << "30 voxels of 1.5 mm, 2 pixels a mm";
  EXPECT_EQ(coronal.height, 180) << "9 slices of 10 mm";
  const Picture axial = draw_slice(view, Plane::kAxial, 0, {0, 1}, 2);
  EXPECT_EQ(axial.width, 90);
  EXPECT_EQ(axial.height, 120);
}

TEST(Slice, TheWindowKnowsScaleAndOffsetAndForgetsNaN) {
  Volume image({1, 1, 101}, volume::VoxelType::kFloat32, Geometry{});
  for (std::size_t i = 0; i < 101; ++i) image.voxels<float>()[i] = static_cast<float>(i);
  image.scale = 2;
  image.offset = -1000;
  const Window window = window_by_percentiles(image, 10, 90);
  EXPECT_DOUBLE_EQ(window.low, -980);
  EXPECT_DOUBLE_EQ(window.high, -820);
  for (float& v : image.voxels<float>()) v = std::numeric_limits<float>::quiet_NaN();
  const Window nothing = window_by_percentiles(image);
  EXPECT_LT(nothing.low, nothing.high);
  EXPECT_EQ(draw_slice(SliceView(image), Plane::kAxial, 0, nothing, 1).pixel(50, 0)[0], 0);
  const Volume flat({4, 4, 4}, volume::VoxelType::kUInt8, Geometry{});
  EXPECT_LT(window_by_percentiles(flat).low, window_by_percentiles(flat).high);
}

struct Scan {
  Volume image, label;
};

// A box of class 1 and beside it (towards Left) one of class 2.
Scan scan() {
  const Shape shape{20, 20, 20};
  Scan made{Volume(shape, volume::VoxelType::kUInt8, centred(shape, {1, 1, 1})),
            Volume(shape, volume::VoxelType::kUInt8, centred(shape, {1, 1, 1}))};
  for (std::size_t d = 12; d < 18; ++d) {
    for (std::size_t h = 4; h < 10; ++h) {
      for (std::size_t w = 4; w < 16; ++w) {
        made.label.voxels<std::uint8_t>()[(d * 20 + h) * 20 + w] = w < 10 ? 1 : 2;
        made.image.voxels<std::uint8_t>()[(d * 20 + h) * 20 + w] = 200;
      }
    }
  }
  return made;
}

std::int64_t count(const Picture& picture, Colour colour) {
  std::int64_t found = 0;
  for (std::int64_t y = 0; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < picture.width; ++x) {
      const std::uint8_t* p = picture.pixel(x, y);
      found += Colour{p[0], p[1], p[2]} == colour ? 1 : 0;
    }
  }
  return found;
}

TEST(Montage, LabelsAreOutlinedInTheirColourAndFilledTranslucently) {
  const Scan made = scan();
  Picture tile = draw_slice(SliceView(made.image), Plane::kAxial, 15, {0, 200}, 4);
  draw_labels(tile, SliceView(made.label), Plane::kAxial, 15, 0.5);
  // Class 1 covers 24 x 24 pixels from (16, 16): its rim is opaque, its inside half colour, half white.
  EXPECT_EQ(count(tile, class_colour(1)), 4 * 24 - 4);
  EXPECT_EQ(tile.pixel(16, 16)[2], class_colour(1).blue);
  EXPECT_EQ(tile.pixel(28, 28)[2], std::lround(255 + (class_colour(1).blue - 255) * 0.5));
  EXPECT_EQ(tile.pixel(45, 28)[0], std::lround(255 + (class_colour(2).red - 255) * 0.5))
      << "class 2 to the Left = right";
  EXPECT_EQ(tile.pixel(4, 60)[0], 0) << "no label, no colour";
}

TEST(Montage, ShowsTheSlicesThroughTheLabelAndBothClassesInTheLegend) {
  const Scan made = scan();
  const Picture plain = montage(made.image), labelled = montage(made.image, &made.label);
  EXPECT_EQ(count(plain, class_colour(1)), 0) << "no label, no colour";
  EXPECT_GT(count(labelled, class_colour(1)), 200);
  EXPECT_GT(count(labelled, class_colour(2)), 200);
  MontageOptions elsewhere;
  elsewhere.centre_mm = volume::Point{-9, 9, -9};
  // Only the legend's squares are left when the planes miss the label.
  EXPECT_EQ(count(montage(made.image, &made.label, nullptr, elsewhere), class_colour(1)), 64);
}

TEST(Montage, ALongLegendGoesOnInTheNextLineAndWidensNothing) {
  Scan made = scan();
  auto voxels = made.label.voxels<std::uint8_t>();
  for (std::uint8_t c = 1; c <= 10; ++c) voxels[c] = c;
  MontageOptions options;
  const Picture numbers = montage(made.image, &made.label, nullptr, options);
  for (int c = 1; c <= 10; ++c) options.label_names[c] = "anterior part " + std::to_string(c);
  const Picture names = montage(made.image, &made.label, nullptr, options);
  EXPECT_EQ(names.width, numbers.width);
  EXPECT_GT(names.height, numbers.height);
  for (int c = 1; c <= 10; ++c) EXPECT_GE(count(names, class_colour(c)), 64) << c;
}

TEST(Montage, APredictionIsShownBelowTheTruth) {
  const Scan made = scan();
  Volume wrong = made.label.clone();
  for (auto& v : wrong.voxels<std::uint8_t>()) v = v == 0 ? 0 : 3;
  const Picture one = montage(made.image, &made.label), both = montage(made.image, &made.label, &wrong);
  EXPECT_EQ(both.width, one.width);
  EXPECT_GT(both.height, 2 * one.height - 40);
  EXPECT_GT(count(both, class_colour(1)), 200);
  EXPECT_GT(count(both, class_colour(3)), 200);
  EXPECT_EQ(count(one, class_colour(3)), 0);
  EXPECT_NE(describe_montage(made.image, &made.label, &wrong).find("2 classes"), std::string::npos);
}

TEST(Montage, SeveralSlicesAPlaneGiveOneRowAPlane) {
  const Scan made = scan();
  MontageOptions options;
  options.slices_per_plane = 4;
  options.tile_pixels = 100;
  const Picture sheet = montage(made.image, &made.label, nullptr, options);
  EXPECT_GT(sheet.width, 4 * 100);
  EXPECT_GT(sheet.height, 3 * 100);
  EXPECT_LT(sheet.width, 5 * 100);
}

TEST(Montage, ALabelThatLiesElsewhereIsRefused) {
  Scan made = scan();
  made.label.geometry.origin_mm[0] += 5;
  EXPECT_THROW(montage(made.image, &made.label), core::Error);
  const Volume smaller({2, 2, 2}, volume::VoxelType::kUInt8, Geometry{});
  EXPECT_THROW(montage(made.image, &smaller), core::Error);
}

TEST(Montage, OneVoxelAndOneSliceAreShownToo) {
  EXPECT_GT(montage(Volume({1, 1, 1}, volume::VoxelType::kFloat32, Geometry{})).width, 0);
  EXPECT_GT(montage(Volume({1, 64, 3}, volume::VoxelType::kFloat64, Geometry{})).width, 0);
}

}  // namespace
}  // namespace report
