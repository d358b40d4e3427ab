#pragma once
// In what two checkpoints differ, for a person who asks why two runs do.

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/archive.h"

namespace train {

// Empty where one of the two does not say it.
struct FactDifference {
  std::string name;  // "step", "config: trainer.steps"
  std::string first, second;
};

struct TensorDifference {
  std::string name;           // as in the archive: "encoder.stem.weight", "optimiser/..."
  std::string first, second;  // type and shape, "Float [2, 3]"; empty where it is missing
  // Of tensors of one type and shape: the largest |a - b|, and that over the largest magnitude in either. Equal
  // infinities and two NaN are no difference, a NaN on one side alone is an infinite one.
  double absolute = 0, relative = 0;
  bool comparable() const { return !first.empty() && first == second; }
};

struct CheckpointDifference {
  std::vector<FactDifference> facts;  // by name; settings (YAML, JSON) key by key
  // Whose bytes differ: those that cannot be compared, then the largest relative difference first.
  std::vector<TensorDifference> tensors;
  std::int64_t equal_tensors = 0;
  bool equal() const { return facts.empty() && tensors.empty(); }
};

// Both as runtime::read_archive gives them: tensors on the CPU.
CheckpointDifference difference_of(const runtime::Archive& first, const runtime::Archive& second);

}  // namespace train
