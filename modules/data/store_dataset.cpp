#include "data/store_dataset.h"

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/log.h"
#include "core/rng.h"

namespace data {
namespace {

// Rows of the key space: views draw with their own `view` and `op`, so these two must not meet them.
constexpr std::uint32_t kOrder = 0xfff0;
constexpr std::uint32_t kPartner = 0xfff1;

// Room for the locations of classes, of the cases drawn last.
constexpr std::int64_t kFramesBytes = std::int64_t{256} << 20;

std::int64_t size_bytes(const volume::Frame& frame) {
  std::size_t voxels = 0;
  for (const auto& each : frame.locations) voxels += each.size();
  return static_cast<std::int64_t>(sizeof frame + voxels * sizeof(volume::Voxel));
}

std::vector<std::string> channel_names(const store::Reader& reader, const std::vector<std::int64_t>& cases) {
  std::vector<std::string> names;
  for (const std::int64_t index : cases) {
    for (const auto& channel : reader.summary(index).channels) {
      if (std::find(names.begin(), names.end(), channel.name) == names.end()) names.push_back(channel.name);
    }
  }
  return names;
}

std::vector<std::int64_t> chosen_cases(const store::Reader& reader, const StoreDatasetOptions& options) {
  std::vector<std::int64_t> cases = options.cases;
  if (cases.empty()) {
    cases.resize(static_cast<std::size_t>(reader.size()));
    std::iota(cases.begin(), cases.end(), 0);
  }
  for (const std::int64_t index : cases) {
    if (index < 0 || index >= reader.size()) {
      throw core::Error("case " + std::to_string(index) + " is asked for, the store has " +
                        std::to_string(reader.size()));
    }
  }
  if (options.need_labels) {
    std::erase_if(cases, [&](std::int64_t index) { return !reader.summary(index).has_labels; });
  }
  if (cases.empty()) {
    throw core::Error(options.need_labels ? "no case of the choice has a label map" : "no case is left to draw from",
                      "look at the store with `gadolin store ls`");
  }
  return cases;
}

}  // namespace

struct StoreDataset::Damaged {
  std::int64_t case_index = 0;
  core::Error error;
};

StoreDataset::StoreDataset(std::shared_ptr<const store::Reader> reader, std::shared_ptr<const ViewMaker> maker,
                           StoreDatasetOptions options)
    : reader_(std::move(reader)), maker_(std::move(maker)), options_(std::move(options)), frames_(kFramesBytes) {
  cases_ = chosen_cases(*reader_, options_);
  channels_ = options_.channels.empty() ? channel_names(*reader_, cases_) : options_.channels;
  place_of_.assign(static_cast<std::size_t>(reader_->size()), -1);
  std::vector<bool> met(channels_.size());
  for (std::size_t place = 0; place < cases_.size(); ++place) {
    const store::CaseSummary& summary = reader_->summary(cases_[place]);
    if (place_of_[cases_[place]] >= 0) throw core::Error("case " + summary.id + " is chosen twice");
    place_of_[cases_[place]] = static_cast<std::int64_t>(place);
    std::vector<std::int64_t> at(channels_.size(), -1);
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      for (std::size_t i = 0; i < summary.channels.size(); ++i) {
        if (summary.channels[i].present && summary.channels[i].name == channels_[c])
          at[c] = static_cast<std::int64_t>(i);
      }
      if (at[c] >= 0) met[c] = true;
    }
    if (std::all_of(at.begin(), at.end(), [](std::int64_t i) { return i < 0; })) {
      throw core::Error("case " + summary.id + " has none of the channels that are asked for");
    }
    channel_at_.push_back(std::move(at));
  }
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (!met[c]) throw core::Error("no case has a channel named " + channels_[c]);
  }
}

StoreDataset::Order StoreDataset::order_of(std::uint64_t epoch) const {
  const std::scoped_lock lock(orders_mutex_);
  const auto found =
      std::find_if(orders_.begin(), orders_.end(), [&](const auto& each) { return each.first == epoch; });
  if (found != orders_.end()) return found->second;
  auto order = std::make_shared<std::vector<std::int32_t>>(cases_.size());
  std::iota(order->begin(), order->end(), 0);
  if (options_.shuffle) {
    core::Rng rng({options_.seed, epoch, kOrder, 0});
    for (std::size_t i = order->size(); i > 1; --i) std::swap((*order)[i - 1], (*order)[rng.below(i)]);
  }
  orders_.emplace_front(epoch, order);
  if (orders_.size() > 4) orders_.pop_back();
  return order;
}

std::int64_t StoreDataset::case_of(std::uint64_t number) const {
  const auto size = cases_.size();
  return cases_[(*order_of(number / size))[number % size]];
}

std::int64_t StoreDataset::partner_of(std::uint64_t number) const {
  const std::int64_t own = case_of(number);
  if (cases_.size() == 1) return own;
  core::Rng rng({options_.seed, number, kPartner, 0});
  const auto place = rng.below(cases_.size() - 1);
  return cases_[place < static_cast<std::uint64_t>(place_of_[own]) ? place : place + 1];
}

std::shared_ptr<const volume::Frame> StoreDataset::frame(std::int64_t case_index) const {
  GADOLIN_CHECK(case_index >= 0 && case_index < reader_->size() && place_of_[case_index] >= 0);
  const auto make = [&] {
    const store::CaseSummary& summary = reader_->summary(case_index);
    volume::Frame frame{static_cast<std::int64_t>(channels_.size()), summary.shape, summary.geometry.spacing_mm, {}};
    if (summary.has_labels && options_.read_labels && options_.keep_locations) {
      for (const auto& [label, count] : summary.label_voxels) {
        if (label <= 0 || count <= 0) continue;
        frame.locations.resize(std::max(frame.locations.size(), static_cast<std::size_t>(label) + 1));
        for (const auto& voxel : reader_->class_locations(case_index, label)) {
          frame.locations[label].push_back({voxel[0], voxel[1], voxel[2]});
        }
      }
    }
    return std::make_shared<const volume::Frame>(std::move(frame));
  };
  return frames_.get(case_index, make, size_bytes);
}

Picture StoreDataset::picture(std::int64_t case_index, const volume::VoxelBox& box) const {
  GADOLIN_CHECK(case_index >= 0 && case_index < reader_->size() && place_of_[case_index] >= 0);
  const store::CaseSummary& summary = reader_->summary(case_index);
  for (int a = 0; a < 3; ++a)
    GADOLIN_CHECK(box.begin[a] >= 0 && box.shape[a] > 0 && box.begin[a] + box.shape[a] <= summary.shape[a]);
  const store::Box part{box.begin, box.shape};
  fetch(case_index, box);
  Picture picture;
  picture.box = box;
  picture.case_shape = summary.shape;
  for (const std::int64_t channel : channel_at_[place_of_[case_index]]) {
    picture.channels.emplace_back();
    if (channel >= 0) picture.channels.back() = reader_->read(case_index, channel, part);
  }
  if (summary.has_labels && options_.read_labels) picture.labels = reader_->read_labels(case_index, part);
  return picture;
}

void StoreDataset::fetch(std::int64_t case_index, const volume::VoxelBox& box) const {
  const store::Box part{box.begin, box.shape};
  if (reader_->summary(case_index).has_labels && options_.read_labels)
    reader_->prefetch(case_index, store::Reader::kLabels, part);
  for (const std::int64_t channel : channel_at_[place_of_[case_index]]) {
    if (channel >= 0) reader_->prefetch(case_index, channel, part);
  }
}

void StoreDataset::expect(std::uint64_t number) const {
  try {
    for (std::int64_t view = 0; view < maker_->views(); ++view) {
      const std::int64_t from = sound(maker_->of_partner(view) ? partner_of(number) : case_of(number));
      fetch(from, maker_->draw(*frame(from), {options_.seed, number}, view)->box());
    }
  } catch (const core::Error&) {
    // get() will meet it and tell.
  }
}

DrawnView StoreDataset::drawn_view(std::int64_t case_index, std::uint64_t number, std::int64_t view) const {
  const auto read = [&](auto&& what) {
    try {
      return what();
    } catch (const core::Error& error) {
      throw Damaged{case_index, error};
    }
  };
  const auto known = read([&] { return frame(case_index); });
  DrawnView drawn;
  drawn.drawing = maker_->draw(*known, {options_.seed, number}, view);
  const volume::VoxelBox box = drawn.drawing->box();
  drawn.picture = read([&] { return picture(case_index, box); });
  return drawn;
}

Sample StoreDataset::sample_of(std::uint64_t number, std::int64_t own, std::int64_t partner) const {
  const store::CaseSummary& summary = reader_->summary(own);
  Sample sample;
  sample.number = number;
  sample.case_index = own;
  sample.id = summary.id;
  sample.has_labels = summary.has_labels && options_.read_labels;
  sample.targets = summary.scalars;
  sample.report = summary.report;
  for (const std::int64_t at : channel_at_[place_of_[own]]) sample.channels_present.push_back(at >= 0 ? 1 : 0);
  for (std::int64_t view = 0; view < maker_->views(); ++view) {
    const std::int64_t from = maker_->of_partner(view) ? partner : own;
    core::with_context("case " + reader_->summary(from).id, [&] {
      DrawnView drawn = drawn_view(from, number, view);
      if (options_.only_draw) {
        sample.drawn.push_back(std::move(drawn));
      } else {
        sample.views.push_back(maker_->apply(*drawn.drawing, drawn.picture));
      }
    });
    sample.view_case.push_back(from);
    sample.view_case_shape.push_back(reader_->summary(from).shape);
  }
  return sample;
}

Sample StoreDataset::get(std::uint64_t number) const {
  while (true) {
    try {
      return sample_of(number, sound(case_of(number)), sound(partner_of(number)));
    } catch (const Damaged& damaged) {
      leave_out(damaged);
    }
  }
}

void StoreDataset::require_few_damaged() const {
  if (damaged_.size() < cases_.size() && damaged_.size() <= std::max<std::size_t>(1, cases_.size() / 10)) return;
  throw core::Error(std::to_string(damaged_.size()) + " of " + std::to_string(cases_.size()) + " cases cannot be read",
                    "that is more than a few bad cases; `gadolin store check` names them all");
}

std::int64_t StoreDataset::sound(std::int64_t case_index) const {
  const std::scoped_lock lock(damaged_mutex_);
  if (!damaged_.empty()) require_few_damaged();
  while (damaged_.contains(case_index)) {
    const auto next = static_cast<std::size_t>(place_of_[case_index]) + 1;
    case_index = cases_[next < cases_.size() ? next : 0];
  }
  return case_index;
}

void StoreDataset::leave_out(const Damaged& damaged) const {
  if (!options_.skip_damaged) throw damaged.error;
  const std::scoped_lock lock(damaged_mutex_);
  if (!damaged_.insert(damaged.case_index).second) return;
  core::log_warn("left out from now on: " + damaged.error.story());
}

std::vector<std::string> StoreDataset::left_out() const {
  const std::scoped_lock lock(damaged_mutex_);
  std::vector<std::string> ids;
  for (const std::int64_t index : damaged_) ids.push_back(reader_->summary(index).id);
  std::ranges::sort(ids);
  return ids;
}

}  // namespace data
