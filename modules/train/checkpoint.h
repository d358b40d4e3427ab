#pragma once
// Everything of a run in one archive, FOLDER/checkpoint-<step>.gadolin. The weights lie in it under their own names,
// so that transfer() and Python's safetensors find them; all else has a "/" in its name.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/archive.h"

namespace train {

inline constexpr const char* kCheckpointFormat = "gadolin-checkpoint-1";

using TensorsByName = std::map<std::string, at::Tensor>;

// The best step so far by a number of metrics.csv.
struct Best {
  std::string name;        // of the number
  std::int64_t step = -1;  // none yet
  double value = 0;
};

// What the loop remembers of spikes of the loss (spike.h).
struct Setbacks {
  std::int64_t spikes = 0, rewinds = 0;
  at::Tensor losses;  // of the last steps, float64; may be undefined
};

// Tensors on the CPU once read; before it is written they may lie anywhere.
struct Checkpoint {
  std::int64_t step = 0;       // updates done
  std::int64_t epoch = -1;     // the last one begun
  std::uint64_t position = 0;  // of the batch source
  int threads = 0;             // torch's; bits repeat with the same number only
  TensorsByName weights;
  TensorsByName optimiser;                // "<phase>/<parameter>/mean" ...; with fp16 "loss_scale/..." too
  TensorsByName average;                  // of the weights by EMA; empty without
  TensorsByName sums;                     // "<rank>/<name>": what was measured since the last row of metrics.csv
  std::vector<runtime::Archive> learner;  // state by rank; one when all ranks hold the same
  runtime::Archive watch;                 // what watchers keep
  std::vector<at::Tensor> generators;     // torch's generators by rank
  Best best;
  Setbacks setbacks;
  // Who made it: "config" (resolved YAML), "command", "seed", "data" (hash of the store), "architecture", "precision"
  // (fp32, bf16 or fp16), "init" (SHA-256 of the checkpoint it began with; "scratch").
  std::map<std::string, std::string> facts;
};

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
// Throws Error when the file is damaged (its SHA-256 is checked) or is no checkpoint; usage Error when it is sound and
// of another version of the format.
Checkpoint read_checkpoint(const std::filesystem::path& path);

// The weights alone, as an archive for runtime::transfer; those of the average where there is one and it is asked for.
runtime::Archive checkpoint_weights(const std::filesystem::path& path, bool average = false);

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);
// The step in the file's name; -1 when it is no checkpoint's.
std::int64_t checkpoint_step(const std::filesystem::path& path);
// Those of a folder, newest first. Empty when there is no folder.
std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& folder);
// Renames those newer than the sound one, so that they do not count among those kept.
void set_aside_damaged(const std::filesystem::path& folder, const std::filesystem::path& sound);
// The newest that is sound; warns of each damaged one. Nothing when there is none at all; throws Error when there are
// some and all are damaged, or when one before that is of another version of the format.
// `wanted`: of these steps alone; empty: of all.
std::optional<std::pair<std::filesystem::path, Checkpoint>> newest_checkpoint(
    const std::filesystem::path& folder, const std::function<bool(std::int64_t step)>& wanted = {});
// Removes all but the newest `keep`, and what a killed process left half written.
void sweep_checkpoints(const std::filesystem::path& folder, std::int64_t keep);
void sweep_temporaries(const std::filesystem::path& folder);  // the latter alone

// FOLDER/best-<step>.gadolin: a checkpoint that stays until a better one is there. A run goes on from the newest and
// never from this one.
std::filesystem::path best_path(const std::filesystem::path& folder, std::int64_t step);
// Those of a folder, the best of them (the newest) first: while a run is on there may be the one before, too.
std::vector<std::filesystem::path> best_checkpoints(const std::filesystem::path& folder);
// Removes all but those of the two steps, when the first is there. -1: none.
void sweep_best(const std::filesystem::path& folder, std::int64_t best, std::int64_t recorded);

}  // namespace train
