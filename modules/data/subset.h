#pragma once
// Some samples' cases of another data set, by place: a wrapper to copy for others.

#include <memory>
#include <vector>

#include "data/dataset.h"

namespace data {

// Case k of it is the case that `whole` gives for number places[k] (in its first epoch); later epochs of the subset
// draw from later epochs of the whole. The order is that of `places`; sample.number is counted over the subset. For a
// shuffled StoreDataset use its own `cases` instead, which shuffles within the subset. Throws Error when a place lies
// outside.
class Subset : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> places);
  std::int64_t size() const override { return static_cast<std::int64_t>(places_.size()); }
  Sample get(std::uint64_t number) const override;
  void expect(std::uint64_t number) const override { whole_->expect(number_in_whole(number)); }

 private:
  std::uint64_t number_in_whole(std::uint64_t number) const;
  std::shared_ptr<const Dataset> whole_;
  std::vector<std::int64_t> places_;
};

}  // namespace data
