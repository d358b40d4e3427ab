#pragma once
// Which step was the best one by a number of metrics.csv.

#include <map>
#include <string>

#include "train/checkpoint.h"

namespace train {

// Of one run. `best_by` is the setting: "probe.auc" (higher is better), "loss" or "x.loss" (lower), "-name" (lower);
// empty: nothing ever is.
class BestStep {
 public:
  explicit BestStep(const std::string& best_by);

  bool wanted() const { return !name_.empty(); }
  // True when the row of this step has the number and it is better than all before. NaN never is.
  bool better(std::int64_t step, const std::map<std::string, double>& row);
  // The best so far; step -1: none.
  const Best& so_far() const { return best_; }
  // What was found by another name is forgotten.
  void load(const Best& best);

 private:
  std::string name_;
  bool lower_ = false;
  Best best_;
};

}  // namespace train
