#include "data/subset.h"

#include "core/error.h"

namespace data {

Subset::Subset(std::shared_ptr<const Dataset> whole, std::vector<std::int64_t> places)
    : whole_(std::move(whole)), places_(std::move(places)) {
  if (places_.empty()) throw core::Error("a subset of no case");
  for (const std::int64_t place : places_) {
    if (place < 0 || place >= whole_->size()) {
      throw core::Error("a subset asks for case " + std::to_string(place) + " of " + std::to_string(whole_->size()));
    }
  }
}

std::uint64_t Subset::number_in_whole(std::uint64_t number) const {
  const auto epoch = number / places_.size();
  const auto place = static_cast<std::uint64_t>(places_[number % places_.size()]);
  return epoch * static_cast<std::uint64_t>(whole_->size()) + place;
}

Sample Subset::get(std::uint64_t number) const {
  Sample sample = whole_->get(number_in_whole(number));
  sample.number = number;
  return sample;
}

}  // namespace data
