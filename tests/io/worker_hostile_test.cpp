// Hostile and odd files through the worker processes: each gets the class its manifest tells, and no worker dies.
// SKIPPED where the shared data are not there.
#include <map>

#include "io/table.h"
#include "worker_cases.h"

namespace {

namespace fs = std::filesystem;

// Refused as the manifest wants, by an earlier check than the one it names.
const std::map<std::string, std::string> kRefusedEarlier{
    {"F11_rle_bomb.dcm", "NOT_GRAYSCALE"},
    {"F16_bot_out_of_range.dcm", "MULTI_FRAME"},
};

}  // namespace

TEST(WorkerHostile, EveryDicomFileOfTheManifestGetsItsClassAndNoWorkerDies) {
  const fs::path root = shared_data() / "hostile/dicom_files";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  io::WorkerPool pool(kTwoSeconds);
  const io::Table manifest = io::read_table(root / "manifest.csv");
  int seen = 0;
  for (std::size_t row = 0; row < manifest.cells.rows.size(); ++row) {
    const std::string name = manifest.cell(row, "file"), expected = manifest.cell(row, "expected"),
                      code = manifest.cell(row, "reason_code");
    if (!fs::exists(root / name)) continue;
    SCOPED_TRACE(name);
    const std::string got = code_of(pool, series_of(root / name, folder.path));
    const auto earlier = kRefusedEarlier.find(name);
    if (expected.starts_with("reject") && expected != "reject_or_warn")
      EXPECT_EQ(got, earlier != kRefusedEarlier.end() ? earlier->second : code);
    else if (expected == "accept_or_reject")
      EXPECT_TRUE(got.empty() || got == code) << got;
    else
      EXPECT_EQ(got, "");
    ++seen;
  }
  EXPECT_GT(seen, 35);
  EXPECT_EQ(pool.started(), 1);
}

TEST(WorkerHostile, EveryNiftiFileOfTheManifestGetsItsClassAndNoWorkerDies) {
  const fs::path root = shared_data() / "hostile/nifti";
  if (!fs::exists(root)) GTEST_SKIP() << "no shared data";
  io::WorkerPool pool(kTwoSeconds);
  const io::Table manifest = io::read_table(root / "manifest.csv");
  for (std::size_t row = 0; row < manifest.cells.rows.size(); ++row) {
    const std::string name = manifest.cell(row, "file"), expected = manifest.cell(row, "expected"),
                      code = manifest.cell(row, "reason_code");
    SCOPED_TRACE(name);
    const std::string got = code_of(pool, entry_of(root / name));
    if (!got.empty() || expected == "reject" || expected == "reject_or_fix") {
      EXPECT_EQ(got, code);
      EXPECT_NE(expected, "accept");
    }
  }
  EXPECT_GT(manifest.cells.rows.size(), 20U);
  EXPECT_EQ(pool.started(), 1);
}

TEST(WorkerHostile, FlippedBitsAndOddFilesAreReadOrRefusedAsInThisProcessAndNoWorkerDies) {
  if (!fs::exists(shared_data() / "hostile")) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  io::WorkerPool pool(kTwoSeconds);
  const std::vector<fs::path> files = odd_dicom_files();
  EXPECT_GT(files.size(), 500U);
  const std::vector<io::FileLook> looks = pool.look_at(files), here = io::in_process().look_at(files);
  for (std::size_t i = 0; i < files.size(); ++i) {
    SCOPED_TRACE(files[i].filename());
    EXPECT_EQ(looks[i].kind, here[i].kind);
    EXPECT_EQ(looks[i].why.story, here[i].why.story);
    EXPECT_EQ(looks[i].who.series, here[i].who.series);
    if (i % 10 != 0) continue;  // the others in the slow tests
    EXPECT_NE(code_of(pool, series_of(files[i], folder.path)), "OTHER");
  }
  EXPECT_EQ(pool.started(), 1);
}
