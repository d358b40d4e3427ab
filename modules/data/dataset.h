#pragma once
// Samples by number, and batches in order.

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/batch.h"
#include "data/batch_maker.h"
#include "data/view_maker.h"

namespace data {

struct Sample {
  std::vector<ViewSample> views;               // empty when `drawn` is not
  std::vector<DrawnView> drawn;                // views that a BatchMaker makes
  std::vector<std::int64_t> view_case;         // by view: index in the store
  std::vector<volume::Shape> view_case_shape;  // by view
  std::uint64_t number = 0;
  std::int64_t case_index = 0;
  bool has_labels = false;
  std::vector<std::uint8_t> channels_present;
  std::map<std::string, double> targets;
  std::string report, id;
};

// Any number of threads may call get(); what it returns depends on the number alone. Wrappers (a subset, a shuffle, a
// union, a cache) are Datasets over Datasets. Throws Error with the case's id when a case cannot be read.
class Dataset {
 public:
  virtual ~Dataset() = default;
  // Cases, not samples: one pass over the data has so many samples.
  virtual std::int64_t size() const = 0;
  // Sample `number`, counted over the whole run (its epoch is number / size()).
  virtual Sample get(std::uint64_t number) const = 0;
  // This sample will be asked for soon: its voxels may be fetched from the disk meanwhile. Changes no result, throws
  // nothing.
  virtual void expect(std::uint64_t /*number*/) const {}
};

// Stacks one view of several samples into images, labels, masks and transforms of `view`. Where some lack a part,
// labels are -1, valid 1, the rest 0; what all lack stays undefined. Throws Error when they differ in size or channels.
void stack_into(View& view, std::vector<ViewSample> samples);

// Stacks; of views that are only drawn, images, labels, masks and transforms stay empty. Throws Error, naming the
// cases, when a view has another size or other channels in one sample than in another.
Batch collate(std::vector<Sample> samples);

// Batches in a fixed order; its place is part of a checkpoint. One consumer.
class BatchSource {
 public:
  virtual ~BatchSource() = default;
  virtual Batch next() = 0;
  // Samples of the whole run (all ranks) that have been handed out.
  virtual std::uint64_t position() const = 0;
  virtual void seek(std::uint64_t position) = 0;
  // Samples in one pass over the data.
  virtual std::int64_t epoch_size() const = 0;
  // Seconds that threads have worked on batches ahead of next() since the last seek(), all threads together.
  virtual double worked_s() const { return 0; }
  // The samples of the present epoch in order, apart from the position (before_epoch): each case once, the last batch
  // short. Every rank is given all of them. It is at its end when position() is epoch_size(); it must not outlive this.
  virtual std::unique_ptr<BatchSource> pass() const = 0;
};

}  // namespace data
