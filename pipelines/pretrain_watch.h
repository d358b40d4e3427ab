#pragma once
// All that look into a pretraining, as its settings ask.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pipelines/pretrain_health.h"
#include "pipelines/pretrain_pictures.h"
#include "pipelines/pretrain_probe.h"
#include "pipelines/watch_settings.h"

namespace pipelines {

// What they need of the run; all must outlive them.
struct Watched {
  ssl::Method& method;
  std::shared_ptr<const store::Reader> reader;
  const data::StoreDatasetOptions& options;  // of the data set that is trained on
  const models::Input& input;
  c10::Device device;
  runtime::Comm& comm;
  std::filesystem::path folder;
  std::int64_t steps = 0;
};

class PretrainWatch {
 public:
  // `split`: of --split, empty without one. Throws usage Error for settings that cannot work.
  PretrainWatch(const WatchSettings& settings, const Watched& watched, const Split& split, std::uint64_t seed);
  std::vector<train::Watcher*> watchers() const;
  // Why the run ended before its steps.
  std::string told() const { return probe_ ? probe_->told() : ""; }

 private:
  std::unique_ptr<EmbeddingHealth> health_;
  std::unique_ptr<PictureWatch> pictures_;
  std::unique_ptr<ProbeWatch> probe_;
};

}  // namespace pipelines
