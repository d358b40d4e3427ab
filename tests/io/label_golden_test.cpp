// What other tools write: segmentations and a report of highdicom, structures of rt-utils (tests/golden/labels.py).

#include "label_cases.h"

using volume::Volume;
using volume::VoxelType;

namespace {

constexpr std::int64_t kDepth = 6, kRows = 18, kColumns = 21;

// As labels.py has it: 1 where a is, 2 where b is.
Volume drawn(int liver, int kidney) {
  volume::Geometry geometry;
  geometry.origin_mm = {-10, 5.5, 20};
  geometry.spacing_mm = {2.5, 0.75, 0.75};
  Volume all({kDepth, kRows, kColumns}, VoxelType::kUInt8, geometry);
  std::size_t i = 0;
  for (std::int64_t d = 0; d < kDepth; ++d) {
    for (std::int64_t h = 0; h < kRows; ++h) {
      for (std::int64_t w = 0; w < kColumns; ++w, ++i) {
        const std::int64_t up = std::abs(h - 7), side = std::abs(w - 6);
        std::uint8_t& voxel = all.voxels<std::uint8_t>()[i];
        if (d > 0 && d < 5 && up + side <= 5 && !(up <= 1 && side <= 1)) voxel = static_cast<std::uint8_t>(liver);
        if (d > 1 && (h - 11) * (h - 11) + (w - 15) * (w - 15) <= 16) voxel = static_cast<std::uint8_t>(kidney);
      }
    }
  }
  return all;
}

}  // namespace

TEST(LabelGolden, LabelsOfOtherToolsAreReadToTheVoxel) {
  for (const char* kind : {"binary", "fractional", "labelmap", "drawn"}) {
    SCOPED_TRACE(kind);
    const volume::Case one =
        the_case(GADOLIN_GOLDEN "/labels", {{1, std::string("liver ") + kind}, {2, std::string("kidney ") + kind}});
    ASSERT_TRUE(one.label_map);
    expect_same_picture(drawn(1, 2), *one.label_map);
  }
}

TEST(LabelGolden, AnArchiveNumbersTheNamesOfAllObjectsAndRefusesWhatTheyContradict) {
  const io::Cohort cohort = io::find_cohort(GADOLIN_GOLDEN "/labels");
  EXPECT_EQ(cohort.label_names, (std::map<int, std::string>{{1, "Kidney binary"},
                                                            {2, "Kidney drawn"},
                                                            {3, "Kidney fractional"},
                                                            {4, "Kidney labelmap"},
                                                            {5, "Liver binary"},
                                                            {6, "Liver drawn"},
                                                            {7, "Liver fractional"},
                                                            {8, "Liver labelmap"}}));
  EXPECT_EQ(case_code(GADOLIN_GOLDEN "/labels"), "LABEL_OVERLAP");
}

TEST(LabelGolden, TheReportOfAnotherToolIsReadWithoutItsNames) {
  const volume::Case one = the_case(GADOLIN_GOLDEN "/labels", {{1, "liver binary"}});
  EXPECT_EQ(one.report,
            "Diagnostic imaging report\nFindings\nFinding: Cyst of [NAME] [NAME], seen by Dr. [NAME].\n"
            "Diameter: 7.5 mm\nLaterality: Left");
}
