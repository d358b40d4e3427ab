#include "io/file_index.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <chrono>
#include <mutex>
#include <thread>

#include "core/hash.h"
#include "dicom_series.h"
#include "io/layout.h"
#include "io/source.h"

namespace fs = std::filesystem;

namespace {

// Reads in this process, and counts the files whose headers were looked at.
class Counting final : public io::Reading {
 public:
  volume::Case load(const io::Entry& entry, const io::Cohort& cohort) override { return io::load(entry, cohort); }
  std::vector<io::FileLook> look_at(std::span<const fs::path> files, const io::DeidKey& key) override {
    const std::scoped_lock hold(mutex_);
    looked += files.size();
    return io::in_process().look_at(files, key);
  }
  std::vector<io::DicomSeries> volumes_of(const io::DicomSeries& series) override { return io::volumes_of(series); }
  std::vector<std::string> require_no_text(const fs::path& object) override { return io::require_no_text(object); }
  std::size_t looked = 0;

 private:
  std::mutex mutex_;
};

void make_old(const fs::path& folder) {
  for (const auto& file : fs::recursive_directory_iterator(folder))
    if (file.is_regular_file()) fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1));
}

volume::Volume small() { return oblique({5, 6, 7}, volume::VoxelType::kInt16); }

// How many headers a walk with the index in `file` opens.
std::size_t looks(const fs::path& archive, const fs::path& file, const io::DeidKey& key = io::DeidKey::known_to_all()) {
  Counting reading;
  io::scan_dicom(archive, {2, &reading, key, std::make_shared<io::FileIndex>(file)});
  return reading.looked;
}

}  // namespace

TEST(FileIndex, OnlyNewAndChangedFilesAreLookedAtAgain) {
  const Scratch folder;
  const Files files = written(folder / "in/a", small(), "a");
  written(folder / "in/b", small(), "b");
  write_bytes(folder / "in/notes.txt", "no image");
  make_old(folder / "in");
  const fs::path file = folder / "index";
  EXPECT_EQ(looks(folder / "in", file), 11U);
  EXPECT_EQ(looks(folder / "in", file), 0U);
  edit(files[2], [](DcmDataset& data) { put(data, DCM_EchoTime, "7"); });
  written(folder / "in/c", small(), "c");
  EXPECT_EQ(looks(folder / "in", file), 6U);
  EXPECT_EQ(looks(folder / "in", file), 6U) << "a file of this moment may change without a sign";
  make_old(folder / "in");
  EXPECT_EQ(looks(folder / "in", file), 16U) << "all have another time";
  EXPECT_EQ(looks(folder / "in", file), 0U);
  EXPECT_EQ(looks(folder / "in", file, io::DeidKey::random()), 16U) << "names of another key";
}

TEST(FileIndex, AScanThatKnowsTheFilesTellsTheSameAsOneThatDoesNot) {
  const Scratch folder;
  const Files files = written(folder / "in/a", small(), "a");
  written(folder / "in/b", small(), "b");
  fs::resize_file(files[3], 300);
  write_bytes(folder / "in/both/cut.dcm", bytes_of(files[1]).substr(0, 300));
  make_old(folder / "in");
  const auto index = std::make_shared<io::FileIndex>(folder / "index");
  const io::DicomScan first = io::scan_dicom(folder / "in", {.index = index});
  const auto first_series = io::whole_series(first);
  const io::DicomScan second = io::scan_dicom(folder / "in", {.index = index});
  const auto second_series = io::whole_series(second);
  ASSERT_EQ(first_series.size(), 2U);
  ASSERT_EQ(second_series.size(), 2U);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(first_series[i].id, second_series[i].id);
    EXPECT_EQ(first_series[i].patient, second_series[i].patient);
    EXPECT_EQ(first_series[i].files, second_series[i].files);
    EXPECT_EQ(first_series[i].files.size(), 5U) << "the damaged slice is given to its series";
  }
  ASSERT_EQ(first.damaged.size(), 1U);
  ASSERT_EQ(second.damaged.size(), 1U);
  EXPECT_EQ(first.damaged[0].why.story, second.damaged[0].why.story);
  EXPECT_EQ(first.links.size(), second.links.size());
}

TEST(FileIndex, ARemovedFileIsOfNoSeriesAnyMore) {
  const Scratch folder;
  const Files files = written(folder / "in", small());
  const auto index = std::make_shared<io::FileIndex>();
  EXPECT_EQ(io::whole_series(io::scan_dicom(folder / "in", {.index = index})).at(0).files.size(), 5U);
  fs::remove(files[0]);
  EXPECT_EQ(io::whole_series(io::scan_dicom(folder / "in", {.index = index})).at(0).files.size(), 4U);
}

TEST(FileIndex, AHashIsRememberedUntilTheFileChanges) {
  const Scratch folder;
  const fs::path file = folder / "file";
  write_bytes(file, "one");
  make_old(folder.path);
  const fs::file_time_type then = fs::last_write_time(file);
  std::string first;
  {
    io::FileIndex index(folder / "index");
    first = index.sha256_hex(file);
    EXPECT_EQ(first, core::sha256_hex("one"));
  }
  io::FileIndex index(folder / "index");
  write_bytes(file, "two");
  EXPECT_EQ(index.sha256_hex(file), core::sha256_hex("two"));
  fs::last_write_time(file, then);  // as no honest program does: tells that the bytes were not read again
  EXPECT_EQ(index.sha256_hex(file), first);
  write_bytes(file, "three");
  EXPECT_EQ(index.sha256_hex(file), core::sha256_hex("three"));
  fs::remove(file);
  EXPECT_NE(error_of([&] { index.sha256_hex(file); }).find("[FILE_MISSING]"), std::string::npos);
}

TEST(FileIndex, ADamagedIndexIsMadeAnewAndOnlyItsOwnerMayReadIt) {
  const Scratch folder;
  written(folder / "in", small());
  make_old(folder / "in");
  const fs::path file = folder / "index";
  EXPECT_EQ(looks(folder / "in", file), 5U);
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0600U);
  const std::string whole = bytes_of(file);
  write_bytes(file, std::string(whole.size(), 'x'));
  EXPECT_EQ(looks(folder / "in", file), 5U);
  EXPECT_EQ(looks(folder / "in", file), 0U);
}

TEST(FileIndex, WhatAKilledProcessLeavesIsGoneOnWith) {
  const Scratch folder;
  for (int i = 0; i < 3000; ++i) write_bytes(folder / "in" / std::to_string(i), "no image");
  make_old(folder / "in");
  const fs::path file = folder / "index";
  for (int kill = 0; kill < 5; ++kill) {
    const pid_t child = ::fork();
    if (child == 0) {
      looks(folder / "in", file);
      ::_exit(0);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10 + 15 * kill));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const io::FileIndex index(file);
    EXPECT_LE(index.others(), 3000);
  }
  EXPECT_LE(looks(folder / "in", file), 3000U);
  EXPECT_EQ(looks(folder / "in", file), 0U);
  EXPECT_EQ(io::scan_dicom(folder / "in", {.index = std::make_shared<io::FileIndex>(file)}).others, 3000);
}

TEST(Source, AStampChangesWithTheFileAndNotWithReadingIt) {
  const Scratch folder;
  const Files files = written(folder / "in", small());
  const io::Cohort cohort = io::find_cohort(folder / "in");
  const io::Entry& entry = cohort.entries.at(0);
  EXPECT_EQ(io::with_files(entry, cohort).files.size(), 5U);
  const std::string before = io::source_stamp(entry, cohort);
  io::load(entry, cohort);
  EXPECT_EQ(io::source_stamp(entry, cohort), before);
  edit(files[1], [](DcmDataset& data) { put(data, DCM_EchoTime, "7"); });
  EXPECT_NE(io::source_stamp(entry, cohort), before);
}
