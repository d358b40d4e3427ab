// How much of planted text is found, and that real anatomy is not taken for text. GADOLIN_SEED=N plants other words.
#include <gtest/gtest.h>

#include <cstdlib>

#include "planted_series.h"

namespace fs = std::filesystem;

TEST(BurnedTextShare, OfPlantedBoxesNinetyNineInAHundredAreRefused) {
  const char* other = std::getenv("GADOLIN_SEED");
  const std::uint64_t shift = other == nullptr ? 0 : std::strtoull(other, nullptr, 10);
  io::WorkerPool workers;
  PlantedCount sum;
  const auto add = [&](Canvas canvas, const std::string& modality, int boxes, std::uint64_t seed) {
    const PlantedCount one = plant_and_check(workers, canvas, modality, boxes, seed + shift);
    sum.planted += one.planted;
    sum.refused += one.refused;
  };
  for (int number = 0; number < 3; ++number) {
    add(phantom_canvas("CT", 128, number, 6), "CT", 40, 1 + static_cast<std::uint64_t>(number));
    add(phantom_canvas("MR", 128, number, 6), "MR", 40, 11 + static_cast<std::uint64_t>(number));
  }
  add(noise_canvas({5, 256, 320}, 300, 60, 5), "MR", 30, 21);
  add(noise_canvas({5, 256, 320}, 20, 0, 5), "CT", 30, 22);
  std::printf("planted %d, refused %d: %.2f %%\n", sum.planted, sum.refused, 100.0 * sum.refused / sum.planted);
  EXPECT_GE(sum.planted, 200);
  EXPECT_GE(100 * sum.refused, 99 * sum.planted);
}

TEST(BurnedTextShare, NoPhantomIsTakenForText) {
  io::WorkerPool workers;
  const Scratch scratch;
  for (std::int64_t number = 0; number < 24; ++number) {
    volume::PhantomOptions options;
    options.size = 96;
    options.modality = number % 2 == 0 ? "CT" : "MR";
    const volume::Case one = volume::phantom_case(options, number);
    EXPECT_EQ(checked(workers, series_entry(scratch / "s", one.reference(), options.modality)), "") << number;
    fs::remove_all(scratch / "s");
  }
}

// Every volume of the shared data that is read as DICOM, and every real volume of another format written as DICOM.
TEST(BurnedTextShare, NoRealImageIsTakenForText) {
  const fs::path root = shared_data();
  if (!fs::exists(root / "dicom")) GTEST_SKIP() << "no shared data";
  io::WorkerPool workers;
  int taken = 0;
  for (const char* folder : {"dicom/series", "dicom/enhanced/In", "dicom/transfer_syntaxes/In"}) {
    const io::Cohort cohort = io::find_cohort(root / folder, {.layout = "dicom"});
    for (const io::Entry& entry : cohort.entries) {
      const std::string told = checked(workers, entry);
      taken += told.empty();
      EXPECT_EQ(told.find("[BURNED_IN_TEXT]"), std::string::npos) << folder << " " << told;
    }
  }
  const Scratch scratch;
  for (const char* folder : {"unlabelled/ct", "unlabelled/ms_brain", "acdc/imagesTr", "nifti/nimh"}) {
    for (const fs::path& file : files_in(root / folder)) {
      if (!file.filename().string().ends_with(".nii.gz")) continue;
      const volume::Volume image = io::read_image(file);
      if (image.shape().depth < 4) continue;
      const std::string told = checked(workers, series_entry(scratch / "s", image, "MR"));
      taken += told.empty();
      EXPECT_EQ(told, "") << file.filename();
      fs::remove_all(scratch / "s");
    }
  }
  std::printf("%d real volumes taken\n", taken);
  EXPECT_GE(taken, 100);
}
