// Heads of made-up shape: with a face, without one, and what is no head.
#include "volume/face.h"

#include <gtest/gtest.h>

#include <cmath>

#include "volume/phantom.h"
#include "volume/quality.h"
#include "volume/reorient.h"

namespace {

enum class Kind { kHead, kDefaced, kBrain };

// An ellipsoid of a head on a neck, 4 x 2 x 2 mm; with a nose or, defaced, cut away in front below the eyes; or a brain
// alone. HU.
volume::Volume made_head(Kind kind, bool holder = false) {
  volume::Geometry geometry;
  geometry.spacing_mm = {4, 2, 2};
  volume::Volume image({55, 128, 112}, volume::VoxelType::kInt16, geometry);
  const volume::Shape s = image.shape();
  auto voxels = image.voxels<std::int16_t>();
  for (std::int64_t d = 0; d < s.depth; ++d) {
    for (std::int64_t h = 0; h < s.height; ++h) {
      for (std::int64_t w = 0; w < s.width; ++w) {
        const double z = 4.0 * static_cast<double>(d) - 130, y = 2.0 * static_cast<double>(h) - 124,
                     x = 2.0 * static_cast<double>(w) - 112;
        bool inside = kind == Kind::kBrain ? std::hypot(x / 68, y / 86, (z - 20) / 58) < 1
                                           : std::hypot(x / 76, y / 98, z / 80) < 1 ||
                                                 (z < 0 && z > -100 && std::hypot(x / 68, (y + 8) / 88) < 1) ||
                                                 (z <= -100 && std::hypot(x / 60, (y - 15) / 60) < 1) ||
                                                 (std::abs(x) < 14 && std::abs(z + 45) < 20 && y < -60 && y > -112);
        if (kind == Kind::kDefaced && z < 10 && y < -45) inside = false;
        if (holder && std::abs(std::hypot(x, std::max(0.0, y)) - 106) < 3 && y > -20) inside = true;
        voxels[static_cast<std::size_t>((d * s.height + h) * s.width + w)] = inside ? 40 : -1000;
      }
    }
  }
  return image;
}

bool face(const volume::Volume& image, const char* part = "", const char* modality = "CT") {
  return volume::face_possible(image, modality, part, volume::quality_of(image, modality).threshold);
}

}  // namespace

TEST(Face, AHeadWithItsSkinIsDoubtedHoweverItsAxesLieAndWhateverHoldsIt) {
  const volume::Volume head = made_head(Kind::kHead);
  EXPECT_TRUE(face(head));
  EXPECT_TRUE(face(head, "BRAIN"));
  for (const char* axes : {"RPS", "IAL", "PSR", "ASL"}) EXPECT_TRUE(face(volume::reorient(head, axes))) << axes;
  EXPECT_TRUE(face(made_head(Kind::kHead, true)));
}

TEST(Face, ADefacedHeadABrainAloneAndWhatIsNoHeadAreNot) {
  EXPECT_FALSE(face(made_head(Kind::kDefaced)));
  EXPECT_FALSE(face(made_head(Kind::kBrain)));
  const volume::Volume head = made_head(Kind::kHead);
  EXPECT_FALSE(face(head, "KNEE"));
  EXPECT_FALSE(face(head, "", "US"));
  EXPECT_FALSE(face(volume::crop(head, {{20, 40, 30}, {20, 40, 40}})));  // within
}

TEST(Face, TorsosAreNone) {
  for (const char* modality : {"CT", "MR"}) {
    for (std::int64_t number = 0; number < 4; ++number) {
      volume::PhantomOptions options;
      options.size = 48;
      options.modality = modality;
      const volume::Case one = volume::phantom_case(options, number);
      EXPECT_FALSE(face(one.reference(), "", modality)) << modality << number;
    }
  }
}
