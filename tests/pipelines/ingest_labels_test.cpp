// Segmentations and reports of a DICOM archive on their way into a store.
#include <set>

#include "../io/label_objects.h"
#include "gadolin.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

volume::Volume picture() { return oblique({4, 5, 6}, volume::VoxelType::kInt16); }

// A patient with an image, in which the classes have a voxel each, and a report.
void patient(const fs::path& folder, const std::string& name, const std::vector<std::string>& classes) {
  const volume::Volume image = picture();
  const Files files =
      io::write_dicom(folder / "ct", image, {.key = name, .patient = "CANARY" + name, .modality = "CT"});
  std::vector<SegPart> parts;
  for (std::size_t i = 0; i < classes.size(); ++i) {
    parts.push_back({classes[i], Mask(120)});
    parts.back().mask[7 * i + 3] = 1;
  }
  write_segmentation(folder / "seg.dcm", files, image, parts, {.key = name});
  write_report(folder / "sr.dcm", files,
               {"CONTAINER", "Report", "", "", {{"TEXT", "", "CANARY" + name + ": no mass."}}}, true, "report " + name);
}

Outcome ingest(const Scratch& folder, const std::string& more = "") {
  return quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "out/store") + " --workers 2 " + more);
}

}  // namespace

TEST(IngestLabels, ClassesAndReportsComeIntoTheStoreAndNoNameDoes) {
  const Scratch folder;
  patient(folder / "in/a", "one", {"Liver", "Kidney CANARYone"});
  const Outcome outcome = ingest(folder);
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_EQ(outcome.out.find("CANARY"), std::string::npos) << outcome.out;
  for (const auto& file : fs::recursive_directory_iterator(folder / "out/store")) {
    if (!file.is_regular_file()) continue;
    EXPECT_EQ(bytes_of(file.path()).find("CANARY"), std::string::npos) << file.path();
  }
  const store::Reader reader(folder / "out/store");
  EXPECT_EQ(reader.label_names(), (std::map<int, std::string>{{1, "Liver"}}));
  const volume::Case one = reader.load(0);
  EXPECT_EQ(one.report, "Report\n[NAME]: no mass.");
  ASSERT_TRUE(one.label_map);
  EXPECT_NE(bytes_of(folder / "out/store/ingest_report.csv").find("LABEL_NAME"), std::string::npos);
}

TEST(IngestLabels, AStoreThatIsGoneOnWithKeepsItsNumbers) {
  const Scratch folder;
  patient(folder / "in/b", "one", {"Kidney", "Liver"});
  ASSERT_EQ(ingest(folder).exit, 0);
  patient(folder / "in/a", "two", {"Aorta", "liver"});
  const Outcome outcome = ingest(folder);
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const store::Reader reader(folder / "out/store");
  EXPECT_EQ(reader.label_names(), (std::map<int, std::string>{{1, "Kidney"}, {2, "Liver"}}));
  ASSERT_EQ(reader.size(), 2);
  std::multiset<std::int64_t> kidneys;
  for (std::int64_t i = 0; i < 2; ++i) {
    const volume::Case one = reader.load(i);
    const auto voxels = one.label_map->voxels<std::uint8_t>();
    EXPECT_EQ(std::count(voxels.begin(), voxels.end(), 2), 1);
    kidneys.insert(std::count(voxels.begin(), voxels.end(), 1));
  }
  EXPECT_EQ(kidneys, (std::multiset<std::int64_t>{0, 1}));  // in whatever order the cases are
}
