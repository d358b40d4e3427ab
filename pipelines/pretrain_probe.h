#pragma once
// What a probe on a few labelled cases says of an encoder while it is pretrained, and when it has learned enough.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/store_dataset.h"
#include "models/encoder.h"
#include "pipelines/split.h"
#include "pipelines/watch_settings.h"
#include "runtime/comm.h"
#include "ssl/method.h"
#include "store/reader.h"
#include "train/watcher.h"

namespace pipelines {

// Which cases are probed for what: drawn class by class, all cases of a patient in one fold of five.
struct ProbedCases {
  std::vector<std::int64_t> cases;    // indices in the store
  std::vector<int> classes;           // by case
  std::vector<std::string> patients;  // by case
};

// `candidates`: cases of which settings.probe_cases at most are taken. Throws usage Error when the target is no scalar
// of theirs or no class, when there is one class only, and for a word that is no probe.
ProbedCases probed_cases(const store::Reader& reader, const Split& split, const std::vector<std::int64_t>& candidates,
                         const WatchSettings& settings, std::uint64_t seed);

// Every settings.probe_every steps embeds the middle patch of each case and logs "probe/knn" (or "probe/linear"): the
// area under the ROC curve of predictions for patients that the probe has not seen, and "_low" and "_high", its 95 %
// interval over patients. After settings.patience probes without a better value the run has enough. Ranks share the
// cases; all must outlive it.
class ProbeWatch final : public train::Watcher {
 public:
  // `options`: of the data set that is trained on.
  ProbeWatch(ssl::Method& method, std::shared_ptr<const store::Reader> reader, data::StoreDatasetOptions options,
             ProbedCases probed, const models::Input& input, c10::Device device, runtime::Comm& comm,
             const WatchSettings& settings);

  std::int64_t every_steps() const override { return every_; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override;
  bool enough() const override { return patience_ > 0 && since_best_ >= patience_; }
  void save(runtime::Archive& archive) const override;
  void load(const runtime::Archive& archive) override;

  // "no better knn probe than 0.812 after step 3000 in 5 probes".
  std::string told() const;

 private:
  at::Tensor embeddings(std::int64_t batch_size) const;
  at::Tensor score(const at::Tensor& embeddings) const;  // [3]: value, low, high; rank 0's

  ssl::Method& method_;
  std::unique_ptr<data::Dataset> middles_;
  ProbedCases probed_;
  std::vector<int> folds_;
  std::int64_t classes_ = 2;
  c10::Device device_;
  runtime::Comm& comm_;
  std::string kind_;
  std::int64_t every_, patience_;
  double best_ = -1;
  std::int64_t best_step_ = 0, since_best_ = 0;
};

}  // namespace pipelines
