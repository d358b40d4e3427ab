#include "volume/phantom.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <set>

#include "core/error.h"
#include "core/parallel.h"
#include "volume/phantom_anatomy.h"
#include "volume/phantom_scanner.h"

using volume::Case;
using volume::PhantomOptions;
using volume::Point;

namespace {

PhantomOptions small(std::int64_t size = 32) {
  PhantomOptions options;
  options.patients = 12;
  options.size = size;
  return options;
}

bool same_bytes(const volume::Volume& a, const volume::Volume& b) {
  return a.shape() == b.shape() && a.geometry.origin_mm == b.geometry.origin_mm &&
         a.geometry.spacing_mm == b.geometry.spacing_mm && a.geometry.direction == b.geometry.direction &&
         std::memcmp(a.bytes().data(), b.bytes().data(), a.bytes().size()) == 0;
}

bool same_case(const Case& a, const Case& b) {
  if (a.channels.size() != b.channels.size()) return false;
  for (std::size_t c = 0; c < a.channels.size(); ++c) {
    if (!same_bytes(*a.channels[c].image, *b.channels[c].image)) return false;
  }
  return a.id == b.id && same_bytes(*a.label_map, *b.label_map) && a.scalars == b.scalars && a.report == b.report &&
         a.groups.site == b.groups.site && a.boxes.size() == b.boxes.size();
}

struct Organ {
  double millilitres = 0;
  Point centre_mm{};
};

// Volume and centre of every class in the world.
std::map<int, Organ> organs(const Case& one) {
  std::map<int, Organ> found;
  const volume::Volume& map = *one.label_map;
  const auto voxels = map.voxels<std::uint8_t>();
  const auto& spacing = map.geometry.spacing_mm;
  const double voxel_ml = spacing[0] * spacing[1] * spacing[2] / 1000;
  for (std::int64_t i = 0; i < map.shape().voxels(); ++i) {
    const std::int64_t row = i / map.shape().width;
    const Point at =
        map.geometry.world({static_cast<double>(row / map.shape().height),
                            static_cast<double>(row % map.shape().height), static_cast<double>(i % map.shape().width)});
    Organ& organ = found[voxels[static_cast<std::size_t>(i)]];
    organ.millilitres += voxel_ml;
    for (std::size_t c = 0; c < 3; ++c) organ.centre_mm[c] += at[c];
  }
  for (auto& [label, organ] : found) {
    for (double& c : organ.centre_mm) c *= voxel_ml / organ.millilitres;
  }
  return found;
}

double mean_of(const Case& one, int label) {
  const auto labels = one.label_map->voxels<std::uint8_t>();
  const auto image = one.channels[0].image->voxels<std::int16_t>();
  double sum = 0, count = 0;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] != label) continue;
    sum += image[i];
    ++count;
  }
  return sum / count;
}

std::string usage_error_of(const PhantomOptions& options) {
  try {
    volume::phantom_cases(options);
  } catch (const core::Error& error) {
    return error.exit() == core::Exit::kUsage ? error.what() : "another exit code";
  }
  return "";
}

}  // namespace

TEST(Phantom, ACaseIsTheSameBytesFromAnyThreadInAnyOrderAndAnotherSeedIsAnotherCohort) {
  PhantomOptions options = small(24);
  options.channels = 2;
  std::vector<Case> first(6), second(6);
  for (std::int64_t i = 0; i < 6; ++i) first[static_cast<std::size_t>(i)] = volume::phantom_case(options, i);
  core::parallel_for(
      6, 4, [&](std::int64_t i) { second[static_cast<std::size_t>(5 - i)] = volume::phantom_case(options, 5 - i); });
  for (std::size_t i = 0; i < 6; ++i) EXPECT_TRUE(same_case(first[i], second[i])) << i;
  PhantomOptions more = options;
  more.patients = 1000;  // patients do not change when more of them are asked for
  EXPECT_TRUE(same_case(first[3], volume::phantom_case(more, 3)));
  PhantomOptions other = options;
  other.seed = 2;
  EXPECT_FALSE(same_case(first[3], volume::phantom_case(other, 3)));
}

TEST(Phantom, EveryCaseIsSoundHasAllOrgansAndNoOtherLabel) {
  const PhantomOptions options = small(40);
  const std::vector<std::string> names = volume::phantom_label_names(options);
  ASSERT_EQ(names.size(), 13U);
  EXPECT_EQ(names[1], "liver");
  EXPECT_EQ(names[12], "lesion");
  for (std::int64_t i = 0; i < 8; ++i) {
    const Case one = volume::phantom_case(options, i);
    EXPECT_NO_THROW(one.check());
    EXPECT_EQ(one.reference().type(), volume::VoxelType::kInt16);
    const auto& shape = one.reference().shape();
    EXPECT_EQ(std::max({shape.depth, shape.height, shape.width}), 40);
    const std::map<int, Organ> found = organs(one);
    EXPECT_LT(found.rbegin()->first, 13);
    for (int label = 1; label < 12; ++label) EXPECT_TRUE(found.contains(label)) << names[label] << " in " << one.id;
    EXPECT_EQ(found.contains(12), one.scalars.at("class") == 1) << one.id;
    EXPECT_GT(found.at(1).millilitres, 600) << one.id;
    EXPECT_LT(found.at(1).millilitres, 2400) << one.id;
  }
}

TEST(Phantom, OrgansLieOnTheirSideOfThePatientWhateverTheAxisOrder) {
  const PhantomOptions options = small(40);
  std::set<std::string> orders;
  for (std::int64_t i = 0; i < 10; ++i) {
    const Case one = volume::phantom_case(options, i);
    orders.insert(volume::orientation(one.reference().geometry));
    const std::map<int, Organ> found = organs(one);
    const auto at = [&](int label) { return found.at(label).centre_mm; };
    const double spine = at(9)[0];
    EXPECT_LT(at(1)[0], spine - 20) << "the liver on the right";
    EXPECT_GT(at(2)[0], spine + 50) << "the spleen on the left";
    EXPECT_GT(at(3)[0], spine + 25) << "the left kidney";
    EXPECT_LT(at(4)[0], spine - 25) << "the right kidney";
    EXPECT_GT(at(5)[0], at(6)[0] + 80) << "the lungs";
    EXPECT_GT(at(7)[0], spine) << "the heart";
    EXPECT_GT(at(10)[0], spine) << "the stomach";
    EXPECT_GT(at(7)[2], at(1)[2]) << "the heart above the liver";
    EXPECT_GT(at(1)[2], at(4)[2]) << "the liver above the right kidney";
    EXPECT_GT(at(9)[1], at(7)[1] + 30) << "the spine behind the heart";
  }
  EXPECT_GE(orders.size(), 3U);
}

TEST(Phantom, LesionsLieInTheLiverOfTheIllEachWithABoxAroundIt) {
  const PhantomOptions options = small(64);
  for (std::int64_t i = 0; i < 4; ++i) {
    const Case one = volume::phantom_case(options, i);
    if (one.scalars.at("class") == 0) {
      EXPECT_TRUE(one.boxes.empty());
      continue;
    }
    ASSERT_FALSE(one.boxes.empty()) << one.id;
    const volume::Volume& map = *one.label_map;
    const auto voxels = map.voxels<std::uint8_t>();
    const volume::Shape& s = map.shape();
    std::int64_t lesion = 0, inside = 0, foreign = 0;
    for (std::int64_t d = 1; d + 1 < s.depth; ++d) {
      for (std::int64_t h = 1; h + 1 < s.height; ++h) {
        for (std::int64_t w = 1; w + 1 < s.width; ++w) {
          const auto at = static_cast<std::size_t>((d * s.height + h) * s.width + w);
          if (voxels[at] != 12) continue;
          ++lesion;
          const Point p = map.geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
          for (const volume::BoxTarget& box : one.boxes) {
            bool in = true;
            for (std::size_t c = 0; c < 3; ++c) in = in && box.low_mm[c] <= p[c] && p[c] <= box.high_mm[c];
            inside += in;
          }
          for (const std::int64_t step : {std::int64_t{1}, s.width, s.width * s.height}) {
            for (const int side : {-1, 1}) {
              const int next = voxels[at + static_cast<std::size_t>(side * step)];
              foreign += next != 12 && next != 1;
            }
          }
        }
      }
    }
    EXPECT_GT(lesion, 5) << one.id;
    EXPECT_GE(inside, lesion) << one.id;
    EXPECT_LT(foreign, lesion / 2) << one.id << ": it may reach the liver's surface, but lies in the liver";
  }
}

TEST(Phantom, HalfAreIllTheirSpleenIsLargerAndSizesOverlap) {
  const PhantomOptions options = small();
  std::vector<double> well, ill;
  for (std::int64_t i = 0; i < 200; ++i) {
    const volume::phantom::Patient patient = volume::phantom::draw_patient(options, i);
    const auto& scale = patient.organs[volume::phantom::kOrganSpleen].scale;
    const double size = std::pow(patient.size, 3) * static_cast<double>(scale.x * scale.y * scale.z);
    (patient.ill ? ill : well).push_back(size);
    EXPECT_EQ(patient.lesions.empty(), !patient.ill);
  }
  EXPECT_EQ(ill.size(), 100U);
  const auto mean = [](const std::vector<double>& v) {
    double sum = 0;
    for (const double x : v) sum += x;
    return sum / static_cast<double>(v.size());
  };
  EXPECT_GT(mean(ill), 1.4 * mean(well));
  EXPECT_LT(*std::min_element(ill.begin(), ill.end()), *std::max_element(well.begin(), well.end()));
  const Case a = volume::phantom_case(small(40), 0), b = volume::phantom_case(small(40), 1);
  EXPECT_EQ(a.scalars.at("class") + b.scalars.at("class"), 1);
}

TEST(Phantom, TissueContrastDiffersBetweenScansAndTellsNothingOfTheClass) {
  PhantomOptions options = small();
  const auto liver = static_cast<std::size_t>(volume::phantom::Tissue::kLiver),
             spleen = static_cast<std::size_t>(volume::phantom::Tissue::kSpleen);
  for (const char* modality : {"MR", "CT"}) {
    options.modality = modality;
    std::array<double, 2> sum{}, square{}, count{};
    std::array<double, 2> low{1e9, 1e9}, high{-1e9, -1e9};
    for (std::int64_t i = 0; i < 200; ++i) {
      const volume::phantom::Patient patient = volume::phantom::draw_patient(options, i);
      const volume::phantom::Scan scan = volume::phantom::draw_scan(options, patient, i, i);
      const std::size_t group = patient.ill ? 1 : 0;
      const auto& value = scan.channels[0].value;
      const double seen = static_cast<double>(value[liver] - value[spleen]) / scan.site.gain;
      sum[group] += seen;
      square[group] += seen * seen;
      ++count[group];
      low[group] = std::min(low[group], seen);
      high[group] = std::max(high[group], seen);
    }
    const auto mean = [&](std::size_t g) { return sum[g] / count[g]; };
    const auto error = [&](std::size_t g) { return (square[g] / count[g] - mean(g) * mean(g)) / count[g]; };
    EXPECT_LT(std::abs(mean(0) - mean(1)), 3.3 * std::sqrt(error(0) + error(1))) << modality;
    EXPECT_LT(low[0], 0) << modality << ": either organ may be the brighter";
    EXPECT_GT(high[0], 0) << modality;
  }
}

TEST(Phantom, AnotherScanOfAPatientHasItsAnatomyInAnotherContrast) {
  PhantomOptions options = small(48);
  options.scans_per_patient = 2;
  options.deformation = 0;  // no breath either
  options.axis_orders = false;
  ASSERT_EQ(volume::phantom_cases(options), 24);
  const Case a = volume::phantom_case(options, 2), b = volume::phantom_case(options, 3);
  EXPECT_EQ(a.id, "P0002-1");
  EXPECT_EQ(b.id, "P0002-2");
  EXPECT_EQ(a.groups.patient, b.groups.patient);
  EXPECT_EQ(a.scalars, b.scalars);
  for (const auto& [label, organ] : organs(a)) {
    if (label == 1 || label == 2 || label == 7) {
      EXPECT_NEAR(organ.millilitres / organs(b).at(label).millilitres, 1, 0.06) << label;
    }
  }
  EXPECT_GT(std::abs(mean_of(a, 1) / mean_of(a, 2) - mean_of(b, 1) / mean_of(b, 2)), 0.02);
}

TEST(Phantom, ComputedTomographyIsInHounsfieldUnits) {
  PhantomOptions options = small();
  options.modality = "CT";
  options.channels = 2;
  EXPECT_EQ(volume::phantom_channel_names(options), (std::vector<std::string>{"portal", "native"}));
  const Case one = volume::phantom_case(options, 1);
  EXPECT_NEAR(mean_of(one, 6), -720, 130) << "lung";
  EXPECT_NEAR(mean_of(one, 1), 90, 70) << "liver";
  EXPECT_EQ(one.channels[1].modality, "CT");
}

TEST(Phantom, SitesDifferInSpacingAndTheBodyFillsThePicture) {
  const PhantomOptions options = small();
  std::set<double> ratios;
  std::set<std::string> sites;
  for (std::int64_t i = 0; i < 12; ++i) {
    const Case one = volume::phantom_case(options, i);
    const auto& spacing = one.reference().geometry.spacing_mm;
    EXPECT_DOUBLE_EQ(spacing[1], spacing[2]);
    ratios.insert(std::round(100 * spacing[0] / spacing[1]));
    EXPECT_GE(spacing[0], 0.999 * spacing[1]);
    EXPECT_LE(spacing[0], 2.001 * spacing[1]);
    sites.insert(one.groups.site);
  }
  EXPECT_GE(ratios.size(), 3U);
  EXPECT_GE(sites.size(), 3U);
}

TEST(Phantom, AReportTellsOfLesionsAndNeverWhoItIs) {
  const PhantomOptions options = small(16);
  std::set<std::string> wordings;
  for (std::int64_t i = 0; i < 12; ++i) {
    const Case one = volume::phantom_case(options, i);
    wordings.insert(one.report);
    EXPECT_EQ(one.report.find("P00"), std::string::npos);
    EXPECT_EQ(one.report.find("site"), std::string::npos);
    EXPECT_EQ(one.report.find(one.groups.vendor), std::string::npos);
    const bool none = one.report.find("No focal") != std::string::npos ||
                      one.report.find("No mass") != std::string::npos ||
                      one.report.find("without focal") != std::string::npos;
    EXPECT_EQ(none, one.scalars.at("class") == 0) << one.report;
  }
  EXPECT_GT(wordings.size(), 8U);
}

TEST(Phantom, SettingsThatMakeNoSenseAreUsageErrors) {
  PhantomOptions options = small();
  EXPECT_EQ(usage_error_of(options), "");
  options.size = 8;
  EXPECT_NE(usage_error_of(options).find("size"), std::string::npos);
  options = small();
  options.modality = "US";
  EXPECT_NE(usage_error_of(options).find("choose MR or CT"), std::string::npos);
  options = small();
  options.patients = 0;
  EXPECT_NE(usage_error_of(options).find("patients"), std::string::npos);
  options = small();
  options.lesions = false;
  EXPECT_EQ(volume::phantom_label_names(options).size(), 12U);
  const Case one = volume::phantom_case(options, 0);
  EXPECT_FALSE(organs(one).contains(12));
  EXPECT_TRUE(one.boxes.empty());
}

TEST(Phantom, AVoxelTakesAFewMicroseconds) {
  PhantomOptions options = small(64);
  options.sites = 1;
  const auto start = std::chrono::steady_clock::now();
  const Case one = volume::phantom_case(options, 0);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  const double us = 1e6 * taken.count() / static_cast<double>(one.reference().shape().voxels());
  RecordProperty("us_per_voxel", std::to_string(us));
  EXPECT_LT(us, 60) << "about 2 on an idle machine; sanitizers and a busy machine are slower";
}
