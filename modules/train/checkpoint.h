#pragma once
// Everything of a run in one archive, FOLDER/checkpoint-<step>.gadolin. The weights lie in it under their own names,
// so that transfer() and Python's safetensors find them; all else has a "/" in its name.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtime/archive.h"

namespace train {

inline constexpr const char* kCheckpointFormat = "gadolin-checkpoint-1";

using TensorsByName = std::map<std::string, at::Tensor>;

// Tensors on the CPU once read; before it is written they may lie anywhere.
struct Checkpoint {
  std::int64_t step = 0;       // updates done
  std::int64_t epoch = -1;     // the last one begun
  std::uint64_t position = 0;  // of the batch source
  int threads = 0;             // torch's; bits repeat with the same number only
  TensorsByName weights;
  TensorsByName optimiser;                // "<phase>/<parameter>/mean" ...
  TensorsByName average;                  // of the weights by EMA; empty without
  TensorsByName sums;                     // "<rank>/<name>": what was measured since the last row of metrics.csv
  std::vector<runtime::Archive> learner;  // state by rank; one when all ranks hold the same
  runtime::Archive watch;                 // what watchers keep
  std::vector<at::Tensor> generators;     // torch's generators by rank
  // Who made it: "config" (resolved YAML), "command", "seed", "data" (hash of the store), "architecture", "precision"
  // (fp32 or bf16).
  std::map<std::string, std::string> facts;
};

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint);
// Throws Error when the file is damaged (its SHA-256 is checked) or is no checkpoint.
Checkpoint read_checkpoint(const std::filesystem::path& path);

// The weights alone, as an archive for runtime::transfer; those of the average where there is one and it is asked for.
runtime::Archive checkpoint_weights(const std::filesystem::path& path, bool average = false);

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step);
// The step in the file's name; -1 when it is no checkpoint's.
std::int64_t checkpoint_step(const std::filesystem::path& path);
// Those of a folder, newest first. Empty when there is no folder.
std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& folder);
// The newest that is sound; warns of each damaged one. Nothing when there is none at all; throws Error when there are
// some and all are damaged.
std::optional<std::pair<std::filesystem::path, Checkpoint>> newest_checkpoint(const std::filesystem::path& folder);
// Removes all but the newest `keep`, and what a killed process left half written.
void sweep_checkpoints(const std::filesystem::path& folder, std::int64_t keep);

}  // namespace train
