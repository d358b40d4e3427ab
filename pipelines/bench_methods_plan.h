#pragma once
// Which cells `gadolin bench methods` is made of, in the order in which they are measured.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "pipelines/bench_methods_cell.h"
#include "pipelines/bench_methods_cohort.h"
#include "ssl/method.h"

namespace pipelines {

struct MethodBenchRequest {
  std::vector<std::string> methods, encoders;  // empty: all; the encoder of each recipe
  bool pairs = false;                          // also every method on every encoder, for a few steps
  std::filesystem::path cells = "tests/bench/methods", recipes = "configs/ssl/tiny", tests = "tests/ssl";
  std::string out, budget, shard = "1/1";
  bool only_table = false;
  std::int64_t steps = 100, seeds = 2;
  int threads = 1;
  std::vector<std::string> set;  // settings on top of all others
  CohortShape cohort;
};

inline constexpr std::int64_t kFixedBatchSteps = 30, kPairSteps = 10;
inline constexpr std::int64_t kTuneSteps = 60, kTuneLabels = 8;  // of fine-tuning

struct PlannedCell {
  CellKey key;
  std::vector<core::Setting> settings;  // of pretraining; of a "random" one the encoder's count alone
};

// Seed by seed, so that a budget reaches every method first; the first weights that a method is compared with stand
// before it, once. Throws usage Error for a name that is none, for settings that are, and where there are no recipes.
std::vector<PlannedCell> plan_cells(const MethodBenchRequest& request);

// Of a method's cell: the first weights that it is compared with.
CellKey control_of(const PlannedCell& cell);

// Those that `shard` ("2/3") is for, counted over all.
std::vector<PlannedCell> part_of(const std::vector<PlannedCell>& cells, const std::string& shard);

}  // namespace pipelines
