#pragma once
// Runs of gadolin ingest that are killed at work.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "core/rng.h"
#include "gadolin.h"
#include "io/deidentify_key.h"
#include "io/dicom.h"
#include "io/format.h"
#include "store/reader.h"

struct IngestKills {
  int inside = 0;  // killed with some, but not all, of the cases published
  int broken = 0;  // a published case could not be read
  int incomplete = 0;
  std::string story;  // of what went wrong last
};

inline constexpr int kKilledCases = 30;

inline void image_of(const std::filesystem::path& path, int seed, volume::Shape shape = {6, 7, 8}) {
  std::filesystem::create_directories(path.parent_path());
  volume::Volume v(shape, volume::VoxelType::kInt16, volume::Geometry{});
  auto voxels = v.voxels<std::int16_t>();
  for (std::size_t i = 0; i < voxels.size(); ++i)
    voxels[i] = static_cast<std::int16_t>((i * 31 + static_cast<std::size_t>(seed) * 977) % 2000);
  io::write_image(path, v);
}

// Starts an ingest that publishes every case, and waits until it writes.
inline pid_t start_ingest(const std::string& source, const std::filesystem::path& store, int workers = 2,
                          const std::string& key = "") {
  const std::string into = store.string(), at_once = std::to_string(workers);
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, 1);
    ::dup2(null, 2);
    ::execl(GADOLIN_BINARY, GADOLIN_BINARY, "ingest", source.c_str(), into.c_str(), "--commit-every", "0", "--workers",
            at_once.c_str(), key.empty() ? nullptr : "--deid-key", key.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  for (int i = 0; i < 4000 && !std::filesystem::exists(store / ".lock"); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return child;
}

inline std::filesystem::path first_shard(const std::filesystem::path& store) { return store / "shards/shard-0000.h5"; }

// How long an unbroken one takes to its first and to its last publication: what the moments of killing are drawn from.
struct IngestTimes {
  double first_ms = 0, last_ms = 0;
};
inline IngestTimes ingest_times(const std::string& source, const std::filesystem::path& store, const std::string& key) {
  ::waitpid(start_ingest(source, store, 2, key), nullptr, 0);
  const auto since_lock = [&](const std::filesystem::path& file) {
    return std::chrono::duration<double, std::milli>(std::filesystem::last_write_time(file) -
                                                     std::filesystem::last_write_time(store / ".lock"))
        .count();
  };
  return {since_lock(first_shard(store)), since_lock(store / "manifest.json")};
}

// Kills it so long after it began to write or, `published`, after its first publication (however busy the machine is).
inline void start_and_kill(const std::string& source, const std::filesystem::path& store, bool published,
                           double wait_ms, const std::string& key) {
  const pid_t child = start_ingest(source, store, 2, key);
  for (int i = 0; i < 40000 && published && !std::filesystem::exists(first_shard(store)); ++i)
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  std::this_thread::sleep_for(std::chrono::duration<double, std::milli>(wait_ms));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

// kKilledCases of one kind.
inline void niftis_of(const std::filesystem::path& folder) {
  for (int i = 0; i < kKilledCases; ++i)
    image_of(folder / ("case" + std::to_string(100 + i) + ".nii.gz"), i, {12, 20, 20});
}
inline void series_of(const std::filesystem::path& folder) {
  for (int i = 0; i < kKilledCases; ++i) {
    volume::Volume v({8, 12, 12}, volume::VoxelType::kInt16, volume::Geometry{});
    v.voxels<std::int16_t>()[0] = static_cast<std::int16_t>(i);
    io::write_dicom(folder / std::to_string(i), v, {.key = std::to_string(i), .patient = "p" + std::to_string(i)});
  }
}

// `kills` stores of the images in folder/in: each killed at a random moment, checked, completed and compared with an
// unbroken run.
inline IngestKills kill_ingests(const std::filesystem::path& folder, int kills) {
  const std::string source = (folder / "in").string(), key = (folder / "our.key").string();
  io::DeidKey::random().save(key);
  IngestKills tally;
  const auto completed_hash = [&](const std::filesystem::path& store) -> std::string {
    const Outcome outcome = gadolin("ingest '" + source + "' '" + store.string() + "' --deid-key '" + key + "'");
    if (outcome.exit == 0) return store::Reader(store).data_hash();
    tally.story = outcome.out;
    return "";
  };
  const std::string expected = completed_hash(folder / "whole");
  const IngestTimes times = ingest_times(source, folder / "timed", key);
  core::Rng rng({static_cast<std::uint64_t>(kills), 0, 0, 0});
  for (int i = 0; i < kills; ++i) {
    const std::filesystem::path store = folder / ("killed" + std::to_string(i));
    const bool published = i % 2 == 1;  // half of them before anything was
    start_and_kill(source, store, published,
                   rng.uniform(0, published ? times.last_ms - times.first_ms : times.first_ms), key);
    try {
      if (std::filesystem::exists(store / "manifest.json")) {
        const store::Reader reader(store);
        for (std::int64_t k = 0; k < reader.size(); ++k) reader.load(k);
        tally.inside += reader.size() > 0 && reader.size() < kKilledCases;
      }
    } catch (const core::Error& error) {
      ++tally.broken;
      tally.story = error.what();
    }
    const std::string completed = completed_hash(store);
    tally.incomplete += completed.empty() || completed != expected;
    std::filesystem::remove_all(store);
  }
  return tally;
}
