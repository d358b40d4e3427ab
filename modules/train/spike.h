#pragma once
// A loss far above those of the steps before it. Batches that make one are often harmless in themselves: going on from
// before with other batches avoids most spikes (Chowdhery et al., "PaLM", JMLR 24, 2023, section 5.1).

#include <cstdint>
#include <deque>
#include <string>

#include "train/checkpoint.h"
#include "train/settings.h"

namespace train {

// Knows the losses of the last spike_window steps. One loss of the mean over all ranks a step, so that all ranks judge
// alike.
class SpikeDetector {
 public:
  explicit SpikeDetector(const TrainerSettings& settings);

  // True when the window is full and the loss lies more than spike_factor spreads above its median. The spread is
  // 1.4826 times the median distance from the median (the standard deviation of normal numbers), 1 % of the median at
  // least. The loss joins the window. A loss that is not finite is left out.
  bool judge(double loss);
  // "the median of the last 100 is 1.2, their spread 0.05", of the loss judged last.
  const std::string& story() const { return story_; }

  // The losses as a float64 tensor, and the counts. Undefined losses: none.
  Setbacks state() const;
  void load(const Setbacks& state);

  std::int64_t spikes = 0;   // steps that were one, as the run stands
  std::int64_t rewinds = 0;  // times the run went back, ever

 private:
  std::size_t window_;
  double factor_;
  bool on_;
  std::deque<double> losses_;
  std::string story_;
};

}  // namespace train
