#include "evaluate/held_out.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <map>

#include "core/error.h"
#include "evaluate/ranking.h"

namespace evaluate {

std::vector<int> patient_folds(std::span<const std::string> patients, std::span<const int> classes, int folds) {
  GADOLIN_CHECK(patients.size() == classes.size() && folds >= 2);
  std::map<std::string, int> class_of;  // of a patient: that of the first case
  std::map<int, std::vector<std::string>> of_class;
  for (std::size_t i = 0; i < patients.size(); ++i) {
    if (class_of.emplace(patients[i], classes[i]).second) of_class[classes[i]].push_back(patients[i]);
  }
  std::map<std::string, int> fold_of;
  int turn = 0;
  for (const auto& [value, own] : of_class) {
    for (const std::string& patient : own) fold_of[patient] = turn++ % folds;
  }
  std::vector<int> fold;
  for (const std::string& patient : patients) fold.push_back(fold_of.at(patient));
  return fold;
}

at::Tensor held_out_probabilities(const at::Tensor& embeddings, const at::Tensor& labels, std::int64_t classes,
                                  std::span<const int> folds, const Probe& probe) {
  GADOLIN_CHECK(static_cast<std::size_t>(embeddings.size(0)) == folds.size() && !folds.empty());
  const at::Tensor fold = at::tensor(std::vector<std::int64_t>(folds.begin(), folds.end()), at::kLong);
  const at::Tensor rows = embeddings.cpu(), truth = labels.cpu();
  at::Tensor all = at::zeros({rows.size(0), classes}, at::kDouble);
  for (int f = 0; f <= *std::max_element(folds.begin(), folds.end()); ++f) {
    const at::Tensor own = at::nonzero(fold == f).flatten(), others = at::nonzero(fold != f).flatten();
    if (own.numel() == 0) continue;
    all.index_copy_(0, own,
                    probe(rows.index_select(0, others), truth.index_select(0, others), rows.index_select(0, own)));
  }
  return all;
}

Interval area_of(const at::Tensor& probabilities, std::span<const int> classes, std::span<const std::string> patients) {
  const auto count = static_cast<int>(probabilities.size(1));
  const at::Tensor plain = probabilities.to(at::kCPU, at::kDouble).contiguous();
  const double* const p = plain.const_data_ptr<double>();
  return bootstrap(patients, [&](std::span<const std::size_t> drawn) {
    std::vector<double> scores;
    std::vector<int> truth;
    for (const std::size_t at : drawn) {
      const double* const row = p + at * static_cast<std::size_t>(count);
      if (count == 2) {
        scores.push_back(row[1]);
      } else {
        scores.insert(scores.end(), row, row + count);
      }
      truth.push_back(classes[at]);
    }
    return count == 2 ? auc(scores, truth) : auc_one_vs_rest(scores, truth, count);
  });
}

}  // namespace evaluate
