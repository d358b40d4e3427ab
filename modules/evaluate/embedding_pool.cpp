#include "evaluate/embedding_pool.h"

#include <ATen/ATen.h>

#include <algorithm>

#include "core/error.h"
#include "evaluate/alignment.h"
#include "evaluate/effective_rank.h"

namespace evaluate {
namespace {

std::int64_t capacity_of(std::int64_t embeddings, std::int64_t views) {
  return std::max<std::int64_t>(2, (embeddings + views - 1) / views);
}

}  // namespace

void EmbeddingPool::add(const at::Tensor& given) {
  GADOLIN_CHECK(given.dim() == 3 && given.size(1) >= 1 && given.size(1) <= 2);
  at::Tensor rows = given.detach().to(at::kFloat);
  if (!rows_.defined()) {
    rows_ = at::zeros({capacity_of(wanted_, rows.size(1)), rows.size(1), rows.size(2)}, rows.options());
  }
  GADOLIN_CHECK(rows.sizes().slice(1) == rows_.sizes().slice(1));
  if (rows_.device() != rows.device()) rows_ = rows_.to(rows.device());
  const std::int64_t capacity = rows_.size(0), surplus = std::max<std::int64_t>(0, rows.size(0) - capacity);
  rows = rows.narrow(0, surplus, rows.size(0) - surplus);
  const std::int64_t before_end = std::min(rows.size(0), capacity - next_), rest = rows.size(0) - before_end;
  rows_.narrow(0, next_, before_end).copy_(rows.narrow(0, 0, before_end));
  rows_.narrow(0, 0, rest).copy_(rows.narrow(0, before_end, rest));
  next_ = (next_ + rows.size(0)) % capacity;
  held_ = std::min(capacity, held_ + rows.size(0));
  if (full() && !start_) {
    const at::Tensor all = in_order().flatten(0, 1);
    start_ = {effective_rank(all), embedding_spread(all)};
  }
}

at::Tensor EmbeddingPool::in_order() const {
  const at::Tensor held = rows_.narrow(0, 0, held_).cpu();
  return full() ? held.roll(-next_, 0) : held;
}

std::map<std::string, double> EmbeddingPool::numbers() const {
  if (held_ < 2) return {};
  const at::Tensor rows = in_order(), all = rows.flatten(0, 1);
  const double rank = effective_rank(all), spread = embedding_spread(all);
  std::map<std::string, double> numbers{{"effective_rank", rank},
                                        {"embedding_spread", spread},
                                        {"embedding_deviation", embedding_deviation(all)},
                                        {"uniformity", uniformity(rows.select(1, 0))},
                                        {"embeddings", static_cast<double>(embeddings())}};
  if (rows.size(1) == 2) numbers["alignment"] = alignment(rows.select(1, 0), rows.select(1, 1));
  if (start_) {
    const bool collapsed = rank - 1 < alarm_ * (start_->rank - 1) || spread < alarm_ * start_->spread;
    numbers["collapsed"] = collapsed ? 1 : 0;
  }
  return numbers;
}

std::map<std::string, at::Tensor> EmbeddingPool::state() const {
  if (!rows_.defined()) return {};
  std::map<std::string, at::Tensor> state{{"rows", rows_}, {"place", at::tensor({next_, held_}, at::kLong)}};
  if (start_) state["start"] = at::tensor({start_->rank, start_->spread}, at::kDouble);
  return state;
}

void EmbeddingPool::load(const std::map<std::string, at::Tensor>& state) {
  const auto rows = state.find("rows"), place = state.find("place"), start = state.find("start");
  if (rows == state.end() && place == state.end()) return;
  const auto sound = [&] {
    if (rows == state.end() || place == state.end()) return false;
    const at::Tensor& r = rows->second;
    if (r.dim() != 3 || r.scalar_type() != at::kFloat || r.size(1) < 1 || r.size(1) > 2) return false;
    if (r.size(0) != capacity_of(wanted_, r.size(1))) return false;
    if (place->second.scalar_type() != at::kLong || place->second.numel() != 2) return false;
    return start == state.end() || (start->second.scalar_type() == at::kDouble && start->second.numel() == 2);
  };
  if (!sound()) throw core::Error("the embeddings that the checkpoint kept do not fit this run");
  rows_ = rows->second.clone();
  next_ = place->second[0].item<std::int64_t>();
  held_ = place->second[1].item<std::int64_t>();
  if (next_ < 0 || next_ >= rows_.size(0) || held_ < 0 || held_ > rows_.size(0))
    throw core::Error("the embeddings that the checkpoint kept have no such place");
  start_.reset();
  if (start != state.end()) start_ = {start->second[0].item<double>(), start->second[1].item<double>()};
}

}  // namespace evaluate
