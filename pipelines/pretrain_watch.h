#pragma once
// What pretraining shows of itself besides the loss: how many directions the embeddings fill, and the views.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <tuple>
#include <vector>

#include "core/config.h"
#include "data/store_dataset.h"
#include "ssl/method.h"
#include "store/reader.h"
#include "train/watcher.h"

namespace pipelines {

struct WatchSettings {
  std::int64_t every_steps = 250;
  std::int64_t cases = 64;
  std::int64_t pictures = 4;

  static constexpr auto fields() {
    using S = WatchSettings;
    return std::tuple{
        core::field("every_steps", &S::every_steps, "steps between two looks at the embeddings; 0: never",
                    core::Range{0, 1e12}),
        core::field("cases", &S::cases, "cases whose middle is embedded at each look", core::Range{2, 4096}),
        core::field("pictures", &S::pictures, "samples whose views are drawn into RUN/views before the first step",
                    core::Range{0, 64}),
    };
  }
};

// Logs "effective_rank" and "embedding_spread" (evaluate/effective_rank.h) of the middle of the same cases each time.
class EmbeddingWatch final : public train::Watcher {
 public:
  // `options`: of the data set that is trained on, of whose cases the first settings.cases are taken.
  EmbeddingWatch(ssl::Method& method, std::shared_ptr<const store::Reader> reader, data::StoreDatasetOptions options,
                 const models::Input& input, c10::Device device, const WatchSettings& settings);
  std::int64_t every_steps() const override { return every_; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override;

 private:
  ssl::Method& method_;
  std::unique_ptr<data::Dataset> middles_;
  c10::Device device_;
  std::int64_t every_;
};

// FOLDER/sample-0000.png ...: the views of the first samples beside each other, three planes each, the first channel;
// hidden blocks in colour.
void write_view_pictures(const std::filesystem::path& folder, const data::Dataset& dataset, std::int64_t samples,
                         const std::array<double, 3>& spacing_mm);

}  // namespace pipelines
