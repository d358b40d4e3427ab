#pragma once
// Whether embeddings stay alive while an encoder is pretrained.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "evaluate/embedding_pool.h"
#include "models/encoder.h"
#include "pipelines/watch_settings.h"
#include "runtime/comm.h"
#include "ssl/method.h"
#include "train/watcher.h"

namespace pipelines {

// Embeds the batch's views (one, or two where both are of one case) without their gradient: one in
// settings.pool_every / 2 until the pool is full, then one in settings.pool_every, each a third of a step of work. All
// ranks hold all ranks' embeddings, so the numbers and what is kept for a resume do not depend on their number. Every
// settings.every_steps it logs evaluate::EmbeddingPool's numbers, and warns once when they tell of a collapse. All must
// outlive it.
class EmbeddingHealth final : public train::Watcher {
 public:
  // Views of another extent than `patch` are not looked at; a method that has none but such gives no rows.
  EmbeddingHealth(ssl::Method& method, const models::Extent& patch, runtime::Comm& comm, const WatchSettings& settings);

  std::int64_t every_steps() const override;
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment&) override;
  void save(runtime::Archive& archive) const override;
  void load(const runtime::Archive& archive) override;

 private:
  std::int64_t collects_every() const;
  void collect(const data::Batch& batch);
  std::vector<std::size_t> views_of(const data::Batch& batch) const;
  void tell(const std::map<std::string, double>& numbers, std::int64_t step);

  ssl::Method& method_;
  models::Extent patch_;
  runtime::Comm& comm_;
  std::int64_t every_, pool_every_;
  evaluate::EmbeddingPool pool_;
  std::optional<std::vector<std::size_t>> views_;  // which ones; known from the first batch
  bool told_ = false;
};

}  // namespace pipelines
