// Real and hostile files of the shared data: equal to their reference voxel for voxel, or refused with the code that
// the manifest tells. SKIPPED where the data are not there.
#include <unistd.h>

#include <chrono>
#include <map>

#include "dicom_series.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/table.h"

using volume::Volume;

namespace {

namespace fs = std::filesystem;

// Ends a test that hangs: SIGALRM ends the process, which ctest calls a failure.
struct TimeLimit {
  explicit TimeLimit(unsigned seconds) { ::alarm(seconds); }
  ~TimeLimit() { ::alarm(0); }
};

// The code of the one series in a folder; "" when it is read.
std::string folder_code(const fs::path& folder) {
  try {
    io::read_dicom_folder(folder);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

// Refused as the manifest wants, by an earlier check than the one it names.
const std::map<std::string, std::string> kEarlier{
    {"F11_rle_bomb.dcm", "NOT_GRAYSCALE"},
    {"F16_bot_out_of_range.dcm", "MULTI_FRAME"},
};

// Accepted without a note, for nothing of it goes further than this reader.
const std::map<std::string, std::string> kUnnoted{{"PREAMBLE", ""}};

// What the manifest's oracle says of the synthetic series: stored = k * 256 + y * 16 + x on a grid of 1 x 1 x 2 mm.
void expect_oracle(const std::string& name, const Volume& image) {
  ASSERT_EQ(image.shape().height, 16);
  ASSERT_EQ(image.shape().width, 16);
  const std::map<std::string, double> offsets{{"S18", 0}, {"S19", -1300}, {"S21", 0}};
  const auto known = offsets.find(name.substr(0, 3));
  const double offset = known != offsets.end() ? known->second : -1024;
  for (std::int64_t k = 0; k < image.shape().depth; ++k) {
    for (std::int64_t i = 0; i < 256; ++i) {
      const double stored = static_cast<double>(k * 256 + i);
      const double expected = name.starts_with("S21") && stored >= 2048 ? stored - 4096 : stored + offset;
      const double value = value_at(image, static_cast<std::size_t>(k * 256 + i));
      ASSERT_EQ(value, expected) << k << " " << i;
    }
  }
  EXPECT_NEAR(image.geometry.spacing_mm[0], 2, 1e-6);
  EXPECT_NEAR(image.geometry.spacing_mm[1], 1, 1e-9);
  const std::array<volume::Point, 3> upright{{{0, 0, 1}, {0, 1, 0}, {1, 0, 0}}},
      sagittal{{{-1, 0, 0}, {0, 0, -1}, {0, 1, 0}}};
  if (!name.starts_with("S40")) {
    EXPECT_EQ(image.geometry.direction, name.starts_with("S39") ? sagittal : upright);
  }
}

}  // namespace

TEST(DicomData, SeriesAreEqualToTheirReference) {
  const fs::path root = shared_data() / "dicom/series";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const TimeLimit limit(120);
  int count = 0;
  for (const char* name :
       {"anatomical/001", "anatomical/001_implicit", "ge/anatomical/001", "ge/anatomical/001_implicit",
        "generic/anatomical/001", "generic/anatomical/001_implicit", "generic/anatomical/002_non_isotropic",
        "generic/compressed/001", "generic/compressed_j2k/001", "generic/compressed_jpeg/001",
        "generic/compressed_jpegls/001", "generic/compressed_rle/001", "hitachi/anatomical/001",
        "hitachi/anatomical/001_implicit", "philips/anatomical/001", "philips/anatomical/001_implicit",
        "siemens_multiframe/anatomical/001"}) {
    const fs::path folder = root / name, reference = root / (std::string(name) + "_ground_truth.nii.gz");
    SCOPED_TRACE(name);
    ASSERT_TRUE(fs::exists(folder) && fs::exists(reference));
    // The reference keeps float32 places, and of 002 values that a slope was applied to.
    expect_same_picture(io::read_dicom_folder(folder).image, io::read_image(reference), 1e-4, 0.01);
    ++count;
  }
  EXPECT_EQ(count, 17);
}

TEST(DicomData, SeriesThatMustFailDoWithTheirCode) {
  const fs::path root = shared_data() / "dicom/series";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const std::pair<const char*, const char*> table[] = {{"failing/notavolume/001", "MULTI_VOLUME"},
                                                       {"failing/slicecount/001", "TOO_FEW_SLICES"},
                                                       {"failing/sliceincrement/001", "MISSING_SLICE"},
                                                       {"failing/sliceincrement/002", "MISSING_SLICE"},
                                                       {"failing/sliceorientation/001", "MIXED_ORIENTATION"},
                                                       {"ge/anatomical/001_single_slice", "TOO_FEW_SLICES"},
                                                       {"generic/rgb/001", "NOT_GRAYSCALE"}};
  for (const auto& [name, code] : table) EXPECT_EQ(folder_code(root / name), code) << name;
}

TEST(DicomData, ATiltedGantryIsResampledAndSaidSo) {
  const fs::path folder = shared_data() / "dicom/series/failing/gantrytilting/001";
  if (!fs::exists(folder)) GTEST_SKIP() << "no shared data";
  const io::DicomVolume read = io::read_dicom_folder(folder);
  EXPECT_EQ(std::count(read.notes.begin(), read.notes.end(), "GANTRY_TILT"), 1);
  EXPECT_NEAR(std::stod(read.facts.at("gantry_tilt_deg")), 14.0, 0.1);
  EXPECT_NO_THROW(read.image.geometry.check());
}

TEST(DicomData, SeveralTimesOrEchoesInASeriesBecomeAVolumeEach) {
  const fs::path root = shared_data() / "hostile/series";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  for (const auto& [name, fact] :
       {std::pair("S23_4d_time", "temporal_index"), std::pair("S24_multi_echo", "echo_time_ms")}) {
    SCOPED_TRACE(name);
    const std::vector<io::DicomSeries> series = io::whole_series(io::scan_dicom(root / name));
    ASSERT_EQ(series.size(), 1U);
    const auto volumes = io::volumes_of(series[0]);
    ASSERT_EQ(volumes.size(), 2U);
    const io::DicomVolume first = io::read_dicom(volumes[0]), second = io::read_dicom(volumes[1]);
    EXPECT_EQ(volumes[0].id, series[0].id + "-1");
    EXPECT_EQ(first.image.shape().depth, 5);
    EXPECT_EQ(second.image.shape().depth, 5);
    EXPECT_EQ(first.facts.at("volume"), "1 of 2");
    EXPECT_NE(first.facts, second.facts);
    if (std::string(name) == "S23_4d_time") {
      for (std::size_t i = 0; i < 5 * 256; ++i)
        ASSERT_EQ(value_at(second.image, i), value_at(first.image, i) + 10000) << fact;
    }
  }
}

TEST(DicomData, TheTransferSyntaxesOfOneVolumeGiveOneVolume) {
  const fs::path root = shared_data() / "dicom/transfer_syntaxes";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const TimeLimit limit(60);
  for (int i = 1; i <= 9; ++i) {
    SCOPED_TRACE(i);
    const io::DicomVolume read = io::read_dicom_folder(root / "In" / (std::to_string(i) + ".dcm"));
    const Volume reference = io::read_image(root / "Ref" / (std::to_string(i) + ".nii"));
    expect_same_picture(read.image, reference, 0, 0.01);
    EXPECT_EQ(read.groups.vendor, "Siemens");
  }
}

TEST(DicomData, EnhancedObjectsOfSeveralVolumesAreEqualToTheirReferences) {
  const fs::path root = shared_data() / "dicom/enhanced";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const auto volumes = io::volumes_of(io::whole_series(io::scan_dicom(root / "In/Philips")).at(0));
  ASSERT_EQ(volumes.size(), 2U);
  const char* const references[] = {"Philips_WIP_B0_NS_801_e2_fieldmaphz.nii", "Philips_WIP_B0_NS_801_e1.nii"};
  for (std::size_t i = 0; i < 2; ++i) {
    SCOPED_TRACE(references[i]);
    Volume read = io::read_dicom(volumes[i]).image, reference = io::read_image(root / "Ref" / references[i]);
    // The reference took the vendor's private scale; the stored values are the same.
    for (Volume* stored : {&read, &reference}) {
      stored->scale = 1;
      stored->offset = 0;
    }
    expect_same_picture(read, reference, 0, 0.01);
  }
  const auto times = io::volumes_of(io::whole_series(io::scan_dicom(root / "In/Siemens")).at(0));
  ASSERT_EQ(times.size(), 4U);
  for (const io::DicomSeries& one : times) {
    const volume::Shape shape = io::read_dicom(one).image.shape();
    EXPECT_TRUE((shape == volume::Shape{6, 64, 64}));
  }
}

TEST(DicomData, HostileSeriesGetTheClassAndCodeOfTheManifest) {
  const fs::path root = shared_data() / "hostile/series";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const TimeLimit limit(120);
  const io::Table manifest = io::read_table(root / "manifest.csv");
  ASSERT_GT(manifest.cells.rows.size(), 40U);
  for (std::size_t row = 0; row < manifest.cells.rows.size(); ++row) {
    const std::string name = manifest.cell(row, "case"), expected = manifest.cell(row, "expected"),
                      code = manifest.cell(row, "reason_code");
    SCOPED_TRACE(name);
    const bool taken = expected.starts_with("accept") || expected == "warn", resampled = expected.ends_with("resample");
    if (!taken && !resampled) {
      EXPECT_EQ(folder_code(root / name), code);
      continue;
    }
    const io::DicomVolume read = io::read_dicom_folder(root / name);
    if (taken) expect_oracle(name, read.image);
    const auto noted = std::count(read.notes.begin(), read.notes.end(), code);
    EXPECT_EQ(noted, code.empty() || kUnnoted.count(code) != 0 ? 0 : 1);
  }
}

TEST(DicomData, HostileFilesAreRefusedOrReadAndNothingHangs) {
  const fs::path root = shared_data() / "hostile/dicom_files";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const TimeLimit limit(120);
  const io::Table manifest = io::read_table(root / "manifest.csv");
  for (std::size_t row = 0; row < manifest.cells.rows.size(); ++row) {
    const std::string name = manifest.cell(row, "file"), expected = manifest.cell(row, "expected"),
                      code = manifest.cell(row, "reason_code");
    if (!fs::exists(root / name)) continue;
    SCOPED_TRACE(name);
    const auto begin = std::chrono::steady_clock::now();
    const std::string got = pixel_code(root / name);
    EXPECT_LT(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(), 10.0);
    const auto earlier = kEarlier.find(name);
    if (expected.starts_with("reject") && expected != "reject_or_warn")
      EXPECT_EQ(got, earlier != kEarlier.end() ? earlier->second : code);
    else if (expected == "accept_or_reject")
      EXPECT_TRUE(got.empty() || got == code) << got;
    else
      EXPECT_EQ(got, "");
  }
}

TEST(DicomData, FlippedBitsAndOddFilesNeverCrash) {
  if (!fs::exists(shared_data() / "hostile")) GTEST_SKIP() << "no shared data";
  const TimeLimit limit(120);
  int files = 0;
  for (const char* folder : {"hostile/dicom_files/bitflips", "malformed/pydicom_test_files"}) {
    for (const auto& file : fs::recursive_directory_iterator(shared_data() / folder)) {
      if (!file.is_regular_file()) continue;
      EXPECT_NE(pixel_code(file.path()), "OTHER") << file.path();
      ++files;
    }
  }
  EXPECT_GT(files, 500);
}
