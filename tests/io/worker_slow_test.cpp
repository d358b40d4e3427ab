// What takes too long for the fast tests.
#include <zlib.h>

#include <cstring>

#include "worker_cases.h"

TEST(WorkerSlow, AnObjectThatComputesForTooLongIsEndedAndTheNextIsRead) {
  const Scratch folder;
  // Two voxels behind 200 MB of zeros: an instant to write down, a while to unpack, no memory at all.
  const volume::Volume image = oblique({4, 5, 6}, volume::VoxelType::kInt16);
  io::write_image(folder / "a.nii", image);
  std::string head = bytes_of(folder / "a.nii").substr(0, 352);
  const float begin = 2e8F;
  std::memcpy(head.data() + 108, &begin, sizeof begin);
  gzFile file = gzopen((folder / "slow.nii.gz").c_str(), "wb1");
  gzwrite(file, head.data(), 352);
  const std::string zeros(1000000, '\0');
  for (int i = 0; i < 201; ++i) gzwrite(file, zeros.data(), 1000000);
  gzclose(file);
  io::Entry slow = entry_of(folder / "slow.nii.gz");
  for (int i = 0; i < 200; ++i) slow.channels.push_back({std::to_string(i), "MR", folder / "slow.nii.gz"});
  io::WorkerPool pool({.workers = 1, .limits = {.cpu_s = 1}});
  const core::Error error = error_of_load(pool, slow);
  EXPECT_EQ(error.story(), "case one: reading was ended after 1 s of computing [WORKER_TIMEOUT]");
  EXPECT_EQ(pool.load(entry_of(folder / "a.nii"), {}).channels.size(), 1U);
  EXPECT_EQ(pool.started(), 2);
}

TEST(WorkerSlow, EveryFileWithFlippedBitsAndEveryOddOneIsReadOrRefusedAndNoWorkerDies) {
  if (!std::filesystem::exists(shared_data() / "hostile")) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  io::WorkerPool pool(kTwoSeconds);
  for (const auto& file : odd_dicom_files()) {
    const std::string code = code_of(pool, series_of(file, folder.path));
    EXPECT_FALSE(code == "OTHER" || code.starts_with("WORKER_")) << file.filename() << " " << code;
  }
  EXPECT_EQ(pool.started(), 1);
}
