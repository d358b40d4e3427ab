#pragma once
// The last embeddings of a training run, and what they tell of its health.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace evaluate {

// A ring of samples with one or two views each, on the device of the first batch; its memory is bounded. Used from one
// thread. A run that goes on needs state() and load(): the same rows give the same numbers.
class EmbeddingPool {
 public:
  // `embeddings` at the least are held when it is full. `alarm`: see collapsed.
  EmbeddingPool(std::int64_t embeddings, double alarm) : wanted_(embeddings), alarm_(alarm) {}

  // rows [N, views, C], any float type; the oldest go. The number of views and C are those of the first call.
  void add(const at::Tensor& rows);
  bool full() const { return rows_.defined() && held_ == rows_.size(0); }
  std::int64_t embeddings() const { return rows_.defined() ? held_ * rows_.size(1) : 0; }

  // Of what is held; empty below two samples. "effective_rank", "embedding_spread", "embedding_deviation" of all
  // (effective_rank.h); "uniformity" of the first view and, with two, "alignment" of both (alignment.h);
  // "embeddings": how many they are, since the numbers depend on it. From the moment it is full "collapsed": 1 when
  // rank - 1 or spread is below `alarm` times what it was at that moment, else 0. Throws Error on an embedding that is
  // not finite.
  std::map<std::string, double> numbers() const;
  // Rank and spread when it was first full.
  struct Start {
    double rank = 0, spread = 0;
  };
  const std::optional<Start>& start() const { return start_; }

  std::map<std::string, at::Tensor> state() const;
  // Throws Error when it is no such state, or of a pool of another size.
  void load(const std::map<std::string, at::Tensor>& state);

 private:
  at::Tensor in_order() const;  // [held, views, C], the oldest first

  std::int64_t wanted_;
  double alarm_;
  at::Tensor rows_;  // [capacity, views, C] float32
  std::int64_t next_ = 0, held_ = 0;
  std::optional<Start> start_;
};

}  // namespace evaluate
