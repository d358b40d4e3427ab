#include "volume/likeness.h"

#include <gtest/gtest.h>

#include <cmath>

#include "core/rng.h"
#include "volume/phantom.h"
#include "volume/reorient.h"
#include "volume/resample.h"

using volume::differing_bits;
using volume::kAlikeBits;
using volume::Likeness;
using volume::likeness_of;
using volume::Volume;
using volume::VoxelType;

namespace {

Volume patient(std::int64_t index, const std::string& modality = "MR") {
  volume::PhantomOptions options;
  options.patients = 12;
  options.size = 32;
  options.modality = modality;
  volume::Case one = volume::phantom_case(options, index);
  return std::move(*one.channels[0].image);
}

// A cosine along one axis, `periods` half waves over the grid.
Volume wave(int axis, int periods) {
  Volume v({16, 16, 16}, VoxelType::kFloat32, volume::Geometry{});
  auto voxels = v.voxels<float>();
  for (std::size_t i = 0; i < voxels.size(); ++i) {
    const std::size_t at = axis == 0 ? i / 256 : axis == 1 ? i / 16 % 16 : i % 16;
    voxels[i] = static_cast<float>(std::cos(3.14159265358979 * periods * (static_cast<double>(at) + 0.5) / 16));
  }
  return v;
}

}  // namespace

TEST(Likeness, OfOneWaveIsOneBit) {
  // The lowest frequencies in their order: {0,0,1}, {0,1,0}, {1,0,0}, then those of two axes, ...
  EXPECT_EQ(likeness_of(wave(2, 1)).bits[0], 1U);
  EXPECT_EQ(likeness_of(wave(1, 1)).bits[0], 2U);
  EXPECT_EQ(likeness_of(wave(0, 1)).bits[0], 4U);
  Volume falling = wave(0, 1);
  falling.scale = -1;
  EXPECT_EQ(likeness_of(falling), Likeness{});
}

TEST(Likeness, HexadecimalTextGivesItBack) {
  const Likeness one = likeness_of(patient(0));
  EXPECT_EQ(volume::hex_of(one).size(), 64U);
  EXPECT_EQ(volume::likeness_from(volume::hex_of(one)), one);
  EXPECT_THROW(volume::likeness_from("12"), std::logic_error);
}

TEST(Likeness, TheOrderOfAxesInMemoryDoesNotMatter) {
  for (const char* order : {"SPL", "IAR", "LPS", "PRI", "ASR", "RSP"}) {
    const Volume image = patient(1);
    EXPECT_LE(differing_bits(likeness_of(image), likeness_of(volume::reorient(image, order))), 1) << order;
  }
}

TEST(Likeness, EightBitNoisyAndResampledVersionsAreAlike) {
  for (std::int64_t i = 0; i < 6; ++i) {
    const Volume image = patient(i, i % 2 == 0 ? "MR" : "CT");
    const Likeness own = likeness_of(image);
    Volume eight(image.shape(), VoxelType::kUInt8, image.geometry);
    Volume noisy = image.as_float();
    core::Rng rng({.seed = 7, .sample = static_cast<std::uint64_t>(i)});
    const auto values = image.voxels<std::int16_t>();
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double range = *high - *low;
    for (std::size_t v = 0; v < values.size(); ++v) {
      eight.voxels<std::uint8_t>()[v] = static_cast<std::uint8_t>(255 * (values[v] - *low) / range);
      noisy.voxels<float>()[v] += static_cast<float>(0.02 * range * rng.normal());
    }
    const std::array<double, 3>& s = image.geometry.spacing_mm;
    const Volume coarser = volume::resample_to_spacing(image, {s[0], 1.3 * s[1], 1.3 * s[2]}, {.anti_alias = true});
    EXPECT_LE(differing_bits(own, likeness_of(eight)), kAlikeBits) << i;
    EXPECT_LE(differing_bits(own, likeness_of(noisy)), kAlikeBits) << i;
    EXPECT_LE(differing_bits(own, likeness_of(coarser)), kAlikeBits) << i;
  }
}

TEST(Likeness, DifferentPatientsAreNot) {
  std::vector<Likeness> all;
  for (std::int64_t i = 0; i < 12; ++i) all.push_back(likeness_of(patient(i)));
  EXPECT_TRUE(volume::alike_pairs(all, 2).empty());
}

TEST(Likeness, PlantedPairsAreFoundInOrder) {
  std::vector<Likeness> all(9);
  core::Rng rng({.seed = 1});
  for (Likeness& one : all) {
    for (std::uint64_t& word : one.bits) word = std::uint64_t{rng()} << 32 | rng();
  }
  all[7] = all[2];
  all[7].bits[3] ^= 0xF0F0;  // 8 bits
  all[8] = all[2];
  all[8].bits[0] ^= 0x1FFFF;  // 17 bits from 2, 25 from 7
  all[5] = all[4];
  using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
  EXPECT_EQ(volume::alike_pairs(all, 2), (Pairs{{2, 7}, {4, 5}}));
  EXPECT_EQ(volume::alike_pairs(all, 1, 1), (Pairs{{2, 7}}));
}
