// Label objects and reports cut at every byte and changed thousands of times.

#include "label_cases.h"

using volume::Volume;

namespace {

struct Archive {
  Scratch folder;
  Volume image = oblique({5, 6, 7}, volume::VoxelType::kInt16);
  Files files = written(folder / "a/ct", image);
  std::filesystem::path file = folder / "a/one.dcm";
};

constexpr std::size_t kTimes = 6000;

}  // namespace

TEST(LabelDamage, OfSegmentationsIsTold) {
  for (const char* type : {"BINARY", "FRACTIONAL", "LABELMAP"}) {
    Archive a;
    Mask mask(a.image.bytes().size() / 2);
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = i % 3 == 0 ? 200 : 0;
    write_segmentation(a.file, a.files, a.image, {{"Kidney", mask}, {"Other", Mask(mask.size())}}, {.type = type});
    expect_damage_told(a.file, io::AttachedKind::kSegmentation, a.image, kTimes);
  }
}

TEST(LabelDamage, OfStructuresIsTold) {
  Archive a;
  const Drawn drawn{{{2, 1, 1}, {2, 1, 4}, {2, 4, 4}}}, other{{{3, 1, 1}, {3, 1, 4}, {3, 4, 4}}};
  write_structures(a.file, a.files, a.image, {{"Kidney", {drawn, other}}, {"Liver", {other}}});
  expect_damage_told(a.file, io::AttachedKind::kStructures, a.image, kTimes);
}

TEST(LabelDamage, OfReportsIsTold) {
  Archive a;
  write_report(a.file, a.files,
               {"CONTAINER", "Report", "", "", {{"TEXT", "Finding", "A nodule.", "", {{"NUM", "Size", "3", "mm"}}}}});
  expect_damage_told(a.file, io::AttachedKind::kReport, a.image, kTimes);
}
