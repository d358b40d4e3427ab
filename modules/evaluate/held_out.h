#pragma once
// What probes say of cases whose patient they have not seen.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "evaluate/bootstrap.h"

namespace evaluate {

// The fold, 0 .. folds - 1, of each case. Cases of a patient share one; patients are dealt out class by class (that of
// their first case) in the order of the cases, so that folds hold the classes in like shares. With fewer patients than
// folds some stay empty.
std::vector<int> patient_folds(std::span<const std::string> patients, std::span<const int> classes, int folds);

// Trains on (embeddings [N, C], labels [N]), returns [M, classes] for the embeddings [M, C] given last.
using Probe = std::function<at::Tensor(const at::Tensor&, const at::Tensor&, const at::Tensor&)>;

// [N, classes] float64 on the CPU: each case by a probe that was trained on all other folds.
at::Tensor held_out_probabilities(const at::Tensor& embeddings, const at::Tensor& labels, std::int64_t classes,
                                  std::span<const int> folds, const Probe& probe);

// Area under the ROC curve (of several classes: the mean of each against the rest) over all cases, with its interval
// over patients. The folds' probes are ranked together: what they share in scale is part of the number.
Interval area_of(const at::Tensor& probabilities, std::span<const int> classes, std::span<const std::string> patients);

}  // namespace evaluate
