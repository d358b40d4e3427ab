#pragma once
// --init: the checkpoint that a run begins with instead of random weights.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "core/config.h"
#include "runtime/archive.h"
#include "train/initial.h"

namespace pipelines {

struct InitialWeights {
  std::filesystem::path given;  // as a person typed it
  std::string file;             // name of the checkpoint that was read
  std::string hash;             // SHA-256 of it
  runtime::Archive weights;     // averaged ones where the run kept an average; facts of the run

  // train::start_from, with the name of the file in what it throws.
  train::InitialReport start(const train::NamedTensors& target, const train::InitialRules& rules) const;
};

// Of a file, or of a run's folder its newest checkpoint; null for an empty path. Throws usage Error when there is none,
// Error when it is damaged.
std::shared_ptr<const InitialWeights> read_initial(const std::filesystem::path& given);

// What a run's checkpoints and folder say of it: the hash, or "scratch".
std::string initial_fact(const InitialWeights* initial);

// The settings, before them those of the checkpoint's encoder, unless another encoder is named.
std::vector<core::Setting> with_encoder_of(const InitialWeights* initial, std::vector<core::Setting> settings);

// --init (into `init`; empty for "scratch") and --init-threshold.
void add_initial(CLI::App& app, std::filesystem::path& init, double& threshold);

}  // namespace pipelines
