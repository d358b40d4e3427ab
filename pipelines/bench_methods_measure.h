#pragma once
// Measures one cell: on one batch that stays, then in a pretraining, then by the probe that the method promises.

#include <filesystem>
#include <map>
#include <string>

#include "pipelines/bench_methods_plan.h"

namespace pipelines {

// Where cells are measured: a temporary folder with the made-up patients, gone afterwards. Made by the first use.
class BenchPlace {
 public:
  BenchPlace(CohortShape shape, int threads) : shape_(shape), threads_(threads) {}
  ~BenchPlace();
  BenchPlace(const BenchPlace&) = delete;
  BenchPlace& operator=(const BenchPlace&) = delete;

  const std::filesystem::path& folder();
  const OrganPatches& patches(const std::string& set);
  int threads() const { return threads_; }

 private:
  CohortShape shape_;
  int threads_;
  std::filesystem::path folder_;
  std::map<std::string, OrganPatches> patches_;
};

struct Interrupted {};  // thrown when a signal ended a training: nothing was measured

// A loss that is no number, or ten times what it was and more, is an outcome ("diverged"), as are settings that cannot
// work ("refused"); everything else that goes wrong is thrown. `made` is left empty.
Cell measure(const PlannedCell& planned, BenchPlace& place);

}  // namespace pipelines
