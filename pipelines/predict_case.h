#pragma once
// One case through a restored network: prepared as the training was, seen window by window, told on its own grid.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipelines/restored_task.h"
#include "prepare/plan.h"
#include "volume/case.h"

namespace pipelines {

struct PredictOptions {
  double overlap = 0.5;
  std::vector<std::int64_t> mirror;  // axes 0 d, 1 h, 2 w: averaged over every combination, twice the work for each
  std::int64_t batch = 0;            // windows at once; 0: 1 on a CPU, 4 on a GPU
  std::string precision;             // a word of trainer.precision; empty: that of the training
  std::string text() const;          // what changes the numbers, for keys
};

class CasePredictor {
 public:
  // `source_plan` says how the source's cases were prepared; empty: they are as they came, and are prepared here.
  // Throws usage Error when they were prepared by another plan than the network's.
  CasePredictor(RestoredTask restored, const std::string& source_plan, PredictOptions options);

  const RunRecord& record() const { return restored_.record; }
  bool dense() const { return restored_.entry->dense; }
  std::int64_t outputs() const { return restored_.task->outputs(); }
  std::string options_text() const { return options_.text(); }  // with the precision that is used

  volume::Case prepared(volume::Case given) const;
  // The most probable label of each voxel of the prepared grid; `probabilities`, when given, becomes [K, D, H, W] of
  // round(255 p). Memory beyond the picture: a slab of the window's depth for each class.
  volume::Volume segment(const volume::Case& prepared, std::vector<std::uint8_t>* probabilities = nullptr);
  std::vector<double> classify(const volume::Case& prepared);

 private:
  at::Tensor image_of(const volume::Case& prepared) const;
  evaluate::SlidingOptions sliding() const;
  at::Tensor placed(at::Tensor image) const;

  RestoredTask restored_;
  PredictOptions options_;
  prepare::Plan plan_;
  bool prepare_ = false;
};

}  // namespace pipelines
