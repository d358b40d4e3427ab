#pragma once
// One batch again and again: what training costs when nothing has to be loaded.

#include <cstdint>
#include <memory>
#include <utility>

#include "data/dataset.h"

namespace pipelines {

class OneBatch final : public data::BatchSource {
 public:
  // `cases`: of an epoch.
  OneBatch(data::Batch batch, std::int64_t cases) : batch_(std::move(batch)), cases_(cases) {}
  data::Batch next() override {
    position_ += static_cast<std::uint64_t>(batch_.size());
    return batch_;
  }
  std::uint64_t position() const override { return position_; }
  void seek(std::uint64_t position) override { position_ = position; }
  std::int64_t epoch_size() const override { return cases_; }
  std::unique_ptr<data::BatchSource> pass() const override { return nullptr; }

 private:
  data::Batch batch_;
  std::int64_t cases_;
  std::uint64_t position_ = 0;
};

}  // namespace pipelines
