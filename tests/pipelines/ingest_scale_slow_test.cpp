// An archive of many files. GADOLIN_ENTRIES=1000000 makes it as large as that (about 5 GB and half an hour).
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "../scratch.h"
#include "core/parallel.h"
#include "io/dicom.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

constexpr int kSlices = 100;  // of a series, beside as many files that are no images

// Nine tenths below "large", the rest below "small".
void make_archive(const fs::path& folder, std::int64_t entries) {
  const volume::Volume image({kSlices, 4, 4}, volume::VoxelType::kInt16, {});
  core::parallel_for(entries / (2 * kSlices), core::usable_processors(), [&](std::int64_t i) {
    const std::string number = std::to_string(i);
    const fs::path series = folder / (i % 10 == 0 ? "small" : "large") / number;
    io::write_dicom(series, image, {.key = number, .patient = "patient" + std::to_string(i / 2), .modality = "MR"});
    for (int k = 0; k < kSlices; ++k) std::ofstream(series / ("notes" + std::to_string(k))) << "no image";
  });
}

struct Used {
  int exit = -1;
  double peak_mb = 0;
};

Used ingest(const fs::path& source, const fs::path& store) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(GADOLIN_BINARY, GADOLIN_BINARY, "ingest", source.c_str(), store.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, static_cast<double>(used.ru_maxrss) / 1024};
}

}  // namespace

TEST(IngestScale, MemoryDoesNotGrowWithTheNumberOfFiles) {
  const char* wanted = std::getenv("GADOLIN_ENTRIES");
  const std::int64_t entries = wanted == nullptr ? 20'000 : std::atoll(wanted);
  const Scratch folder;
  make_archive(folder / "in", entries);
  const Used small = ingest(folder / "in/small", folder / "small.store");
  const Used large = ingest(folder / "in/large", folder / "large.store");
  ASSERT_EQ(small.exit, 0);
  ASSERT_EQ(large.exit, 0);
  EXPECT_EQ(store::Reader(folder / "large.store").size(), entries / (2 * kSlices) - (entries / (2 * kSlices) + 9) / 10);
  std::printf("%lld files: peak %.1f MB; a tenth of them: %.1f MB\n", static_cast<long long>(entries), large.peak_mb,
              small.peak_mb);
  RecordProperty("peak_mb", std::to_string(large.peak_mb));
  // What stays is kept by the case (its rows in manifest and report); names of files alone would be 24 kB a case here.
  const double cases = 0.8 * static_cast<double>(entries) / (2 * kSlices);
  EXPECT_LT(large.peak_mb - small.peak_mb, 8 + cases * 16e3 / 1e6);
}
