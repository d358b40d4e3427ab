#include "train/best.h"

#include <cmath>

namespace train {

BestStep::BestStep(const std::string& best_by) : name_(best_by) {
  lower_ = name_.starts_with("-") || name_ == "loss" || name_.ends_with(".loss") || name_.ends_with("_loss");
  if (name_.starts_with("-")) name_.erase(0, 1);
}

bool BestStep::better(std::int64_t step, const std::map<std::string, double>& row) {
  const auto found = wanted() ? row.find(name_) : row.end();
  if (found == row.end() || std::isnan(found->second)) return false;
  const double value = found->second;
  if (best_.step >= 0 && !(lower_ ? value < best_.value : value > best_.value)) return false;
  best_ = {name_, step, value};
  return true;
}

void BestStep::load(const Best& best) { best_ = best.name == name_ ? best : Best(); }

}  // namespace train
