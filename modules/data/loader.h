#pragma once
// Batches of a data set, made by threads ahead of time and given in a fixed order.

#include <cstdint>
#include <memory>

#include "data/dataset.h"

namespace data {

struct LoaderOptions {
  std::int64_t batch_size = 2;  // samples of one rank's batch
  int workers = 0;              // threads that make samples; 0: one less than the processors, at least one
  int rank = 0, ranks = 1;
  int prefetch = 2;                                    // batches made ahead of the one asked for
  std::shared_ptr<const BatchMaker> batch_maker = {};  // makes the views of samples that are only drawn
  std::shared_ptr<const Dataset> passed = {};          // what pass() gives in place of the data set; its views are made
};

// A step at position p takes the samples p .. p + ranks * batch_size - 1 of the run; rank r has r * batch_size .. of
// them. What a batch holds depends on the data set and the position alone. Each thread works with one torch thread, so
// that results do not depend on how many there are. Destroying it ends the threads. One consumer.
class Loader : public BatchSource {
 public:
  // Throws usage Error when a number is out of its range.
  Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options);
  ~Loader() override;

  // Rethrows what the data set threw for one of the batch's samples (the first of them); the position stays.
  Batch next() override;
  std::uint64_t position() const override { return position_; }
  // Drops what was made ahead.
  void seek(std::uint64_t position) override;
  std::int64_t epoch_size() const override { return dataset_->size(); }
  double worked_s() const override;
  std::unique_ptr<BatchSource> pass() const override;

 private:
  class Workers;
  Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options, std::uint64_t first, std::uint64_t end);

  std::shared_ptr<const Dataset> dataset_;
  LoaderOptions options_;
  std::uint64_t first_ = 0;  // sample at position 0
  std::uint64_t end_;        // samples from here on are not given
  std::uint64_t position_ = 0;
  std::unique_ptr<Workers> workers_;
};

}  // namespace data
