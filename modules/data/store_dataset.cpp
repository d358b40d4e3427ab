#include "data/store_dataset.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace data {
namespace {

// Rows of the key space: views draw with their own `view` and `op`, so these two must not meet them.
constexpr std::uint32_t kOrder = 0xfff0;
constexpr std::uint32_t kPartner = 0xfff1;

void write_as_float(const volume::Volume& volume, float* to) {
  volume::with_type(volume.type(), [&](auto zero) {
    const auto from = volume.voxels<decltype(zero)>();
    const double scale = volume.scale, offset = volume.offset;
    if (scale == 1 && offset == 0) {
      std::transform(from.begin(), from.end(), to, [](auto voxel) { return static_cast<float>(voxel); });
      return;
    }
    for (std::size_t i = 0; i < from.size(); ++i)
      to[i] = static_cast<float>(static_cast<double>(from[i]) * scale + offset);
  });
}

at::Tensor as_labels(const volume::Volume& volume) {
  const auto& shape = volume.shape();
  at::Tensor tensor = at::empty({shape.depth, shape.height, shape.width}, at::kLong);
  auto* const to = tensor.data_ptr<std::int64_t>();
  volume::with_type(volume.type(), [&](auto zero) {
    const auto from = volume.voxels<decltype(zero)>();
    for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<std::int64_t>(from[i]);
  });
  return tensor;
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

StoreDataset::StoreDataset(std::shared_ptr<const store::Reader> reader, std::shared_ptr<const ViewMaker> maker,
                           StoreDatasetOptions options)
    : reader_(std::move(reader)), maker_(std::move(maker)), options_(std::move(options)) {
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
  frames_.resize(cases_.size());
  if (options_.cache_bytes > 0) cache_ = std::make_unique<PictureCache>(options_.cache_bytes);
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

const volume::Frame& StoreDataset::frame(std::int64_t case_index) const {
  GADOLIN_CHECK(case_index >= 0 && case_index < reader_->size() && place_of_[case_index] >= 0);
  const std::scoped_lock lock(frames_mutex_);
  auto& kept = frames_[place_of_[case_index]];
  if (kept) return *kept;
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
  kept = std::make_unique<const volume::Frame>(std::move(frame));
  return *kept;
}

Picture StoreDataset::read(std::int64_t case_index, const volume::VoxelBox& box) const {
  const store::CaseSummary& summary = reader_->summary(case_index);
  const store::Box part{box.begin, box.shape};
  Picture picture;
  picture.box = box;
  picture.case_shape = summary.shape;
  picture.image = at::empty(
      {static_cast<std::int64_t>(channels_.size()), box.shape.depth, box.shape.height, box.shape.width}, at::kFloat);
  const auto& at = channel_at_[place_of_[case_index]];
  const bool labels = summary.has_labels && options_.read_labels;
  if (labels) reader_->prefetch(case_index, store::Reader::kLabels, part);
  for (const std::int64_t channel : at) {
    if (channel >= 0) reader_->prefetch(case_index, channel, part);
  }
  for (std::size_t c = 0; c < at.size(); ++c) {
    float* const to = picture.image.data_ptr<float>() + static_cast<std::int64_t>(c) * box.shape.voxels();
    if (at[c] >= 0) {
      write_as_float(reader_->read(case_index, at[c], part), to);
    } else {
      std::fill_n(to, box.shape.voxels(), 0.0f);
    }
  }
  if (labels) picture.labels = as_labels(reader_->read_labels(case_index, part));
  return picture;
}

Picture StoreDataset::picture(std::int64_t case_index, const volume::VoxelBox& box) const {
  GADOLIN_CHECK(case_index >= 0 && case_index < reader_->size() && place_of_[case_index] >= 0);
  const volume::Shape& shape = reader_->summary(case_index).shape;
  for (int a = 0; a < 3; ++a)
    GADOLIN_CHECK(box.begin[a] >= 0 && box.shape[a] > 0 && box.begin[a] + box.shape[a] <= shape[a]);
  if (!cache_) return read(case_index, box);
  return part_of(*cache_->get(case_index, [&] { return read(case_index, {{0, 0, 0}, shape}); }), box);
}

Sample StoreDataset::get(std::uint64_t number) const {
  const std::int64_t own = case_of(number);
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
    const std::int64_t from = maker_->of_partner(view) ? partner_of(number) : own;
    core::with_context("case " + reader_->summary(from).id, [&] {
      const auto drawing = maker_->draw(frame(from), {options_.seed, number}, view);
      sample.views.push_back(maker_->apply(*drawing, picture(from, drawing->box())));
    });
    sample.view_case.push_back(from);
    sample.view_case_shape.push_back(reader_->summary(from).shape);
  }
  return sample;
}

}  // namespace data
