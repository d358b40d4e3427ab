#pragma once
// Files and cases for the tests of the worker processes.

#include <sys/types.h>

#include <chrono>
#include <thread>

#include "dicom_series.h"
#include "io/format.h"
#include "io/worker_pool.h"

inline io::Entry entry_of(const std::filesystem::path& image, const std::string& id = "one") {
  io::Entry entry;
  entry.id = id;
  entry.channels = {{"image", "MR", image}};
  entry.groups.patient = id;
  return entry;
}

// The error of loading it, as an Error; fails the test when it loads.
inline core::Error error_of_load(io::Reading& reading, const io::Entry& entry) {
  try {
    reading.load(entry, {});
  } catch (const core::Error& error) {
    return error;
  }
  ADD_FAILURE() << "it was read";
  return core::Error("it was read");
}

inline void expect_same_volume(const volume::Volume& a, const volume::Volume& b) {
  EXPECT_EQ(a.shape(), b.shape());
  EXPECT_EQ(a.type(), b.type());
  EXPECT_EQ(a.geometry.origin_mm, b.geometry.origin_mm);
  EXPECT_EQ(a.geometry.spacing_mm, b.geometry.spacing_mm);
  EXPECT_EQ(a.geometry.direction, b.geometry.direction);
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_TRUE(std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin(), b.bytes().end()));
}

// Whether the process is gone, or dead and not fetched yet.
inline bool dead(pid_t process) {
  const std::string about = bytes_of("/proc/" + std::to_string(process) + "/stat");
  const std::size_t end = about.rfind(')');
  return end == std::string::npos || about.substr(end + 2, 1) == "Z";
}

template <class Condition>
bool within_seconds(double seconds, Condition&& condition) {
  for (int i = 0; i < static_cast<int>(seconds * 200); ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return condition();
}

inline const io::WorkerOptions kTwoSeconds{.workers = 2, .limits = {.cpu_s = 2, .wall_s = 10}};

// A file four times over as the slices of a series, so that what is wrong with its pixels is reached: the places of the
// synthetic files ("-8\-8\0 ") and the last digits of their UIDs are changed in place.
inline io::Entry series_of(const std::filesystem::path& file, const std::filesystem::path& folder) {
  const std::string bytes = bytes_of(file);
  const std::size_t place = bytes.find("-8\\-8\\0 ");
  io::Entry entry;
  entry.id = "series";
  entry.is_series = true;
  for (char slice = '0'; slice < '4'; ++slice) {
    std::string changed = bytes;
    if (place != std::string::npos) changed[place + 6] = slice;
    const std::size_t instance = changed.find(std::string("\x08\0\x18\0UI", 6));
    if (instance != std::string::npos && instance + 8 < changed.size()) {
      const std::size_t last = instance + 7 + static_cast<unsigned char>(changed[instance + 6]);
      if (last < changed.size() && changed[last] >= '0' && changed[last] <= '9') changed[last] = slice;
      if (last < changed.size() && changed[last] == '\0' && changed[last - 1] >= '0') changed[last - 1] = slice;
    }
    entry.files.push_back(folder / (std::string(1, slice) + ".dcm"));
    write_bytes(entry.files.back(), changed);
  }
  return entry;
}

inline std::string code_of(io::Reading& reading, const io::Entry& entry) {
  try {
    reading.load(entry, {});
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

inline std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.is_regular_file()) files.push_back(file.path());
  }
  return files;
}

// Of the shared data: bits flipped, and odd of every kind.
inline std::vector<std::filesystem::path> odd_dicom_files() {
  std::vector<std::filesystem::path> files = files_in(shared_data() / "hostile/dicom_files/bitflips");
  for (const std::filesystem::path& file : files_in(shared_data() / "malformed")) files.push_back(file);
  return files;
}
