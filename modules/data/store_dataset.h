#pragma once
// Samples of a store's cases. Sample n belongs to epoch n / size(), which visits every case once in an order drawn for
// it; its views are drawn with the key (seed, n, view).

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "core/recently_used.h"
#include "data/dataset.h"
#include "store/reader.h"

namespace data {

struct StoreDatasetOptions {
  std::uint64_t seed = 0;
  std::vector<std::int64_t> cases;    // indices in the store; empty: all
  std::vector<std::string> channels;  // by name, in this order; empty: all names in the store, as first met
  bool shuffle = true;                // no: every epoch in the order of `cases`
  bool need_labels = false;           // leave out cases without a label map
  bool read_labels = true;            // no: views come without labels, as if there were none
  bool keep_locations = true;         // fill Frame::locations (of cases with a label map, when labels are read)
  // A case that cannot be read: no: an Error. Yes: told once in the log and left out from then on; the samples that
  // would show it show the next case of the store that can be read. More than a tenth of the cases is an Error still.
  bool skip_damaged = false;
  bool only_draw = false;  // samples with Sample::drawn, for a Loader with a BatchMaker
};

// A channel that a case lacks is zero in its picture and 0 in channels_present. The partner of a sample (for views of
// a second case) is drawn with (seed, n) and is another case whenever there are two.
class StoreDataset : public Dataset {
 public:
  // Throws Error when no case is left, an index lies outside, a channel is in no case, or the cases' own channels are
  // all absent.
  StoreDataset(std::shared_ptr<const store::Reader> reader, std::shared_ptr<const ViewMaker> maker,
               StoreDatasetOptions options = {});

  std::int64_t size() const override { return static_cast<std::int64_t>(cases_.size()); }
  Sample get(std::uint64_t number) const override;
  void expect(std::uint64_t number) const override;

  const std::vector<std::int64_t>& cases() const { return cases_; }       // indices in the store
  const std::vector<std::string>& channels() const { return channels_; }  // what dimension C means
  // Index in the store of the case of sample `number`, and of its partner. No voxels are read.
  std::int64_t case_of(std::uint64_t number) const;
  std::int64_t partner_of(std::uint64_t number) const;

  // The box of a case as a view is given it, and what is known of the case beforehand. For scoring whole cases.
  Picture picture(std::int64_t case_index, const volume::VoxelBox& box) const;
  std::shared_ptr<const volume::Frame> frame(std::int64_t case_index) const;

  // Ids of the cases that were left out as damaged so far, sorted.
  std::vector<std::string> left_out() const;

 private:
  struct Damaged;  // thrown for a case that could not be read
  using Order = std::shared_ptr<const std::vector<std::int32_t>>;

  Order order_of(std::uint64_t epoch) const;
  Sample sample_of(std::uint64_t number, std::int64_t own, std::int64_t partner) const;
  void fetch(std::int64_t case_index, const volume::VoxelBox& box) const;
  DrawnView drawn_view(std::int64_t case_index, std::uint64_t number, std::int64_t view) const;
  std::int64_t sound(std::int64_t case_index) const;
  void leave_out(const Damaged& damaged) const;
  void require_few_damaged() const;

  std::shared_ptr<const store::Reader> reader_;
  std::shared_ptr<const ViewMaker> maker_;
  StoreDatasetOptions options_;
  std::vector<std::int64_t> cases_;
  std::vector<std::string> channels_;
  std::vector<std::vector<std::int64_t>>
      channel_at_;                      // by case: index of each channel in the case, -1 when it lacks it
  std::vector<std::int64_t> place_of_;  // index in the store -> place in cases_, or -1
  mutable core::RecentlyUsed<std::int64_t, volume::Frame> frames_;  // by index in the store
  mutable std::mutex damaged_mutex_;
  mutable std::set<std::int64_t> damaged_;
  mutable std::mutex orders_mutex_;
  mutable std::list<std::pair<std::uint64_t, Order>> orders_;  // the last few epochs asked for
};

}  // namespace data
