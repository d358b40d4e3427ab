#pragma once
// What a pretraining is made of: what was asked for, its settings, and all of it set up.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "data/loader.h"
#include "data/store_dataset.h"
#include "pipelines/data_settings.h"
#include "pipelines/initial_weights.h"
#include "pipelines/network.h"
#include "pipelines/prepared_store.h"
#include "pipelines/pretrain_watch.h"
#include "pipelines/run_record.h"
#include "pipelines/split.h"
#include "runtime/comm.h"
#include "ssl/method.h"
#include "train/limits.h"
#include "train/settings.h"

namespace pipelines {

struct PretrainRequest {
  std::string store, out, device = "auto", split, set_name = "train";
  int threads = 0;
  double rank_timeout_s = 60;
  bool dry_run = false, forecast = false;
  std::string json;            // where the forecast goes as JSON; "-": standard output
  std::int64_t fit_bytes = 0;  // of a rank: the batch is the largest that takes no more; 0: as the settings say
  train::CallLimits limits;
  std::filesystem::path init;  // checkpoint or run whose encoder a new run begins with; empty: random weights
  double init_threshold = 0.5;
  std::shared_ptr<const InitialWeights> initial = nullptr;  // what was read of `init`
};

// Every setting of a run. The names of method and encoder decide which others there are.
class PretrainRecipe {
 public:
  explicit PretrainRecipe(const std::vector<core::Setting>& settings);
  std::vector<core::Slot> slots();  // bound to this object, as long as it is not moved
  // Every setting of this method and encoder as it is when nobody says anything, as YAML.
  std::string defaults() const;

  const std::string& method_name() const { return method_name_; }
  const std::string& encoder_name() const { return encoder_.name(); }
  // Draws first weights from torch's generator. `begin`, where there is one, is handed the encoder before the method
  // sees it, so that teachers begin as what becomes of it. `cases`: of the store.
  std::unique_ptr<ssl::Method> make(
      const models::Input& input, const c10::Device& device, std::int64_t cases,
      const std::function<void(const std::shared_ptr<models::Encoder>&)>& begin = {}) const;

  train::TrainerSettings trainer;
  DataSettings data;
  WatchSettings watch;

 private:
  EncoderChoice encoder_;
  std::string method_name_;
  std::unique_ptr<ssl::MethodSettings> method_;
};

// All that a run needs, made and checked; nothing is written yet.
struct PretrainRun {
  PreparedStore store;
  Split split;                        // of --split; empty without one
  data::StoreDatasetOptions options;  // of `samples`
  models::Input input;
  c10::Device device;
  int threads = 1;
  std::int64_t batch_size = 1;  // over all ranks
  std::unique_ptr<ssl::Method> method;
  std::string initial;                                // what was taken from the checkpoint of --init
  std::shared_ptr<const data::StoreDataset> dataset;  // to look at single samples
  std::shared_ptr<const data::StoreDataset> samples;  // what is trained on
  std::unique_ptr<data::Loader> loader;
};

// Throws usage Error for what cannot work, Error when too little of request.initial fits. A run that is in request.out
// goes on with its own weights: then nothing of the initial ones is taken.
PretrainRun set_up(const PretrainRequest& request, const PretrainRecipe& recipe, const runtime::Comm& comm);

// What its checkpoints and its folder say of it.
RunRecord record_of(PretrainRecipe& recipe, const PretrainRun& run);

// What looks into it, as `settings` say; the run must outlive it.
std::unique_ptr<PretrainWatch> watch_of(const PretrainRequest& request, const WatchSettings& settings,
                                        const PretrainRecipe& recipe, PretrainRun& run, runtime::Comm& comm);

// Updates that the newest checkpoint of the folder has behind it.
std::int64_t steps_before(const std::filesystem::path& folder);

}  // namespace pipelines
