#include "pipelines/pretrain_health.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "core/log.h"

namespace pipelines {
namespace {

const std::string kGroup = "health/";

}  // namespace

EmbeddingHealth::EmbeddingHealth(ssl::Method& method, const models::Extent& patch, runtime::Comm& comm,
                                 const WatchSettings& settings)
    : method_(method),
      patch_(patch),
      comm_(comm),
      every_(settings.every_steps),
      pool_every_(settings.pool_every),
      pool_(settings.pool, settings.alarm) {}

std::int64_t EmbeddingHealth::collects_every() const {
  return pool_.full() ? pool_every_ : std::max<std::int64_t>(1, pool_every_ / 2);
}

std::int64_t EmbeddingHealth::every_steps() const { return std::gcd(every_, collects_every()); }

// The first of the patch's extent, and a second one when it is of the same cases.
std::vector<std::size_t> EmbeddingHealth::views_of(const data::Batch& batch) const {
  std::vector<std::size_t> views;
  for (std::size_t v = 0; v < batch.views.size() && views.size() < 2; ++v) {
    const data::View& view = batch.views[v];
    if (view.images.sizes().slice(2) != at::IntArrayRef(patch_.data(), 3)) continue;
    if (!views.empty() && !at::equal(view.case_index, batch.views[views.front()].case_index)) continue;
    views.push_back(v);
  }
  return views;
}

void EmbeddingHealth::collect(const data::Batch& batch) {
  if (!views_) {
    views_ = views_of(batch);
    if (views_->empty()) core::log_warn("no view has the patch's extent: the embeddings are not watched");
  }
  if (views_->empty()) return;
  const at::NoGradGuard no_gradient;
  method_.set_training(false);
  std::vector<at::Tensor> rows;
  for (const std::size_t v : *views_) rows.push_back(method_.embedding(batch.views.at(v).images).to(at::kFloat));
  method_.set_training(true);
  pool_.add(comm_.all_gather(at::stack(rows, 1)));
}

std::map<std::string, double> EmbeddingHealth::look(train::Learner&, const data::Batch& batch,
                                                    const train::Moment& moment) {
  if (moment.step % collects_every() == 0) collect(batch);
  if (moment.step % every_ != 0 && moment.step != moment.steps) return {};
  const auto numbers = pool_.numbers();
  tell(numbers, moment.step);
  return numbers;
}

void EmbeddingHealth::tell(const std::map<std::string, double>& numbers, std::int64_t step) {
  const auto collapsed = numbers.find("collapsed");
  if (told_ || comm_.rank() != 0 || collapsed == numbers.end() || collapsed->second == 0) return;
  told_ = true;
  core::log_warn(fmt::format(
      "step {}: the embeddings collapse: effective rank {:.3g} ({:.3g} at the start), spread {:.3g} ({:.3g}); a lower "
      "trainer.learning_rate, a larger data.batch_size or stronger views may help, gadolin report RUN shows the curves",
      step, numbers.at("effective_rank"), pool_.start()->rank, numbers.at("embedding_spread"), pool_.start()->spread));
}

void EmbeddingHealth::save(runtime::Archive& archive) const {
  for (const auto& [name, tensor] : pool_.state()) archive.tensors[kGroup + name] = tensor;
}

void EmbeddingHealth::load(const runtime::Archive& archive) {
  std::map<std::string, at::Tensor> state;
  for (const auto& [name, tensor] : archive.tensors) {
    if (name.starts_with(kGroup)) state[name.substr(kGroup.size())] = tensor;
  }
  pool_.load(state);
}

}  // namespace pipelines
