#include "nifti_volumes.h"

#include "io/nifti_volumes.h"
#include "io/reject.h"
#include "io/source.h"
#include "worker_cases.h"

namespace {

using Ids = std::vector<std::string>;

Ids ids(const io::Cohort& cohort) {
  Ids all;
  for (const io::Entry& entry : cohort.entries) all.push_back(entry.id);
  return all;
}

std::string code_of_load(const io::Entry& entry, const io::Cohort& cohort) {
  try {
    io::load(entry, cohort);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

// Voxels exactly, places as precise as NIfTI-1 keeps them.
void expect_number(const volume::Volume& image, int number) {
  const volume::Volume expected = volume_of_4d(number);
  EXPECT_EQ(image.shape(), expected.shape());
  EXPECT_EQ(image.type(), expected.type());
  EXPECT_TRUE(std::equal(image.bytes().begin(), image.bytes().end(), expected.bytes().begin(), expected.bytes().end()));
  EXPECT_TRUE(volume::same_place(image.geometry, expected.geometry, expected.shape(), 1e-4));
}

void expect_volume(const volume::Case& one, int number) {
  ASSERT_EQ(one.channels.size(), 1U);
  expect_number(one.reference(), number);
}

}  // namespace

TEST(NiftiVolumes, EachBecomesACaseOfOnePatientHoweverTheFileIsKept) {
  const Scratch folder;
  const std::string bytes = nifti_4d(folder, 3);
  std::string header = bytes.substr(0, 348), magic = std::string("ni1\0", 4);
  header.replace(344, 4, magic);
  const float begin = 0;
  std::memcpy(header.data() + 108, &begin, sizeof begin);
  write_bytes(folder / "in/plain.nii", bytes);
  write_gzip(folder / "in/packed.nii.gz", bytes);
  write_bytes(folder / "in/pair.hdr", header);
  write_bytes(folder / "in/pair.img", bytes.substr(352));
  io::WorkerPool pool;
  const io::Cohort cohort = io::find_cohort(folder / "in");
  ASSERT_EQ(ids(cohort),
            (Ids{"packed-1", "packed-2", "packed-3", "pair-1", "pair-2", "pair-3", "plain-1", "plain-2", "plain-3"}));
  for (std::size_t i = 0; i < cohort.entries.size(); ++i) {
    SCOPED_TRACE(cohort.entries[i].id);
    const volume::Case here = io::load(cohort.entries[i], cohort), there = pool.load(cohort.entries[i], cohort);
    const int number = static_cast<int>(i % 3);
    expect_volume(here, number);
    expect_volume(there, number);
    EXPECT_EQ(here.groups.patient + "-" + std::to_string(number + 1), here.id);
    EXPECT_EQ(here.facts.at("volume"), std::to_string(number + 1) + " of 3");
    EXPECT_EQ(here.facts.at("volume_step_s"), "2.5");
    EXPECT_EQ(there.facts, here.facts);
    EXPECT_NE(io::source_hash(cohort.entries[i], cohort), io::source_hash(cohort.entries[(i + 1) % 9], cohort));
  }
}

TEST(NiftiVolumes, ATableTellsThePatientAndALabelLeavesTheFileRefused) {
  const Scratch folder;
  write_bytes(folder / "a.nii", nifti_4d(folder, 2));
  io::write_image(folder / "label.nii", volume::Volume({4, 5, 6}, volume::VoxelType::kUInt8, {}));
  write_bytes(folder / "cases.csv", "case,image,label,patient,age\nx,a.nii,,p7,50\ny,a.nii,label.nii,p8,51\n");
  const io::Cohort cohort = io::find_cohort(folder / "cases.csv");
  ASSERT_EQ(ids(cohort), (Ids{"x-1", "x-2", "y"}));
  const volume::Case second = io::load(cohort.entries[1], cohort);
  expect_volume(second, 1);
  EXPECT_EQ(second.groups.patient, "p7");
  EXPECT_EQ(second.scalars.at("age"), 50);
  EXPECT_EQ(code_of_load(cohort.entries[2], cohort), "NIFTI_4D");
}

TEST(NiftiVolumes, InBidsTheyAreNoChannelsOfTheImageOnTheSameGrid) {
  const Scratch folder;
  write_bytes(folder / "sub-01/anat/sub-01_MEGRE.nii", nifti_4d(folder, 2));
  io::write_image(folder / "sub-01/anat/sub-01_T1w.nii", volume_of_4d(0));
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "bids");
  ASSERT_EQ(ids(cohort), (Ids{"sub-01_MEGRE-1", "sub-01_MEGRE-2", "sub-01_T1w"}));
  for (const io::Entry& entry : cohort.entries) EXPECT_EQ(io::load(entry, cohort).groups.patient, "sub-01");
}

TEST(NiftiVolumes, WhereADecathlonNamesAsManyChannelsTheyAreThose) {
  const Scratch folder;
  write_bytes(folder / "dataset.json", R"({"modality": {"0": "FLAIR", "1": "T1w", "2": "t1gd"},
    "labels": {"0": "background"}, "training": [{"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"},
    {"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/a.nii.gz"}]})");
  write_gzip(folder / "imagesTr/a.nii.gz", nifti_4d(folder, 3));
  write_gzip(folder / "imagesTr/b.nii.gz", nifti_4d(folder, 2));
  std::filesystem::create_directories(folder / "labelsTr");
  volume::Volume label({4, 5, 6}, volume::VoxelType::kUInt8, volume_of_4d(0).geometry);
  io::write_image(folder / "labelsTr/a.nii.gz", label);
  const io::Cohort cohort = io::find_cohort(folder.path);
  ASSERT_EQ(ids(cohort), (Ids{"a", "b"}));
  EXPECT_EQ(cohort.entries[0].files.size(), 2U);
  const volume::Case a = io::load(cohort.entries[0], cohort);
  ASSERT_EQ(a.channels.size(), 3U);
  for (int i = 0; i < 3; ++i) expect_number(*a.channels[static_cast<std::size_t>(i)].image, i);
  EXPECT_EQ(a.channels[1].name, "T1w");
  EXPECT_EQ(a.channels[1].modality, "MR");
  EXPECT_TRUE(a.label_map);
  EXPECT_EQ(code_of_load(cohort.entries[1], cohort), "NIFTI_4D");
}

TEST(NiftiVolumes, ADamagedEndRefusesAllOfThem) {
  const Scratch folder;
  const std::string bytes = nifti_4d(folder, 3);
  write_bytes(folder / "in/cut.nii", bytes.substr(0, bytes.size() - 1));
  write_gzip(folder / "in/sum.nii.gz", bytes);
  std::string packed = bytes_of(folder / "in/sum.nii.gz");
  packed[packed.size() - 6] ^= 1;  // the checksum
  write_bytes(folder / "in/sum.nii.gz", packed);
  write_gzip(folder / "in/short.nii.gz", bytes.substr(0, bytes.size() - 1));
  const io::Cohort cohort = io::find_cohort(folder / "in");
  ASSERT_EQ(cohort.entries.size(), 9U);
  for (const io::Entry& entry : cohort.entries)
    EXPECT_EQ(code_of_load(entry, cohort), entry.id.starts_with("sum") ? "CHECKSUM" : "TRUNCATED") << entry.id;
}

TEST(NiftiVolumes, BeyondTheLimitAndInFiveDimensionsTheFileIsOneRefusedCase) {
  const Scratch folder;
  std::string bytes = nifti_4d(folder, 2);
  const auto count = static_cast<std::int16_t>(io::kMostVolumes + 1);
  std::memcpy(bytes.data() + 48, &count, sizeof count);
  write_bytes(folder / "in/many.nii", bytes);
  bytes = nifti_4d(folder, 2);
  const std::int16_t five[] = {5, 6, 5, 4, 1, 2};
  std::memcpy(bytes.data() + 40, five, sizeof five);
  write_bytes(folder / "in/vector.nii", bytes);
  const io::Cohort cohort = io::find_cohort(folder / "in");
  ASSERT_EQ(ids(cohort), (Ids{"many", "vector"}));
  for (const io::Entry& entry : cohort.entries) EXPECT_EQ(code_of_load(entry, cohort), "NIFTI_4D");
}
