#pragma once
// Writers that are killed while they work.

#include <signal.h>
#include <sys/wait.h>

#include <chrono>
#include <thread>

#include "cases.h"
#include "core/rng.h"

struct KillTally {
  int inside = 0;      // killed with some, but not all, of the cases published
  int broken = 0;      // a published case could not be read, or was wrong
  int incomplete = 0;  // the next writer could not complete the store
};

inline constexpr int kKillCases = 40;

// Adds what is missing; each case a shard of its own, so that there is always one being published.
inline void complete(const std::filesystem::path& folder) {
  store::Writer writer(folder, {.cases_per_shard = 1});
  for (int i = 0; i < kKillCases; ++i) {
    const std::string id = "case-" + std::to_string(100 + i);
    if (!writer.has(id, "s")) writer.add(small_case(i), "s");
  }
  writer.commit();
}

// All that is published is whole; how many cases that is.
inline std::int64_t sound_cases(const std::filesystem::path& folder, KillTally& tally) {
  if (!std::filesystem::exists(folder / "manifest.json")) return 0;
  try {
    const store::Reader reader(folder);
    for (std::int64_t i = 0; i < reader.size(); ++i) {
      const volume::Case truth = small_case(std::stoi(reader.summary(i).id.substr(5)) - 100);
      tally.broken += !same_voxels(reader.read(i, 0, reader.whole(i)), *truth.channels[0].image);
    }
    return reader.size();
  } catch (const core::Error&) {
    ++tally.broken;
    return 0;
  }
}

// `kills` stores, each written by a process that is killed at a random moment, checked, then completed.
inline KillTally kill_writers(const std::filesystem::path& scratch, int kills) {
  KillTally tally;
  const auto start = std::chrono::steady_clock::now();
  complete(scratch / "whole");
  const std::chrono::duration<double> whole = std::chrono::steady_clock::now() - start;
  const std::string expected = store::Reader(scratch / "whole").data_hash();
  core::Rng rng({static_cast<std::uint64_t>(kills), 0, 0, 0});
  for (int i = 0; i < kills; ++i) {
    const std::filesystem::path folder = scratch / ("killed" + std::to_string(i));
    const pid_t child = ::fork();
    if (child == 0) {
      complete(folder);
      ::_exit(0);
    }
    std::this_thread::sleep_for(whole * (rng.uniform() * 0.9));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    const std::int64_t there = sound_cases(folder, tally);
    tally.inside += there > 0 && there < kKillCases;
    try {
      complete(folder);
      const store::Reader reader(folder);
      tally.incomplete += reader.data_hash() != expected;
    } catch (const core::Error&) {
      ++tally.incomplete;
    }
    std::filesystem::remove_all(folder);
  }
  return tally;
}
