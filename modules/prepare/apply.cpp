#include "prepare/apply.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/error.h"
#include "prepare/foreground.h"
#include "prepare/mask.h"
#include "prepare/values.h"
#include "volume/quantise.h"

namespace prepare {
namespace {

using volume::Grid;
using volume::Volume;

constexpr double kSameSpacing = 1e-3;         // relative: below, a case keeps its own grid
constexpr std::int64_t kSampled = 2'000'000;  // values of a picture that its percentiles are taken from

volume::Turn turn_of(const Plan& plan, const volume::Geometry& geometry) {
  return plan.orientation == "keep" ? volume::Turn{} : volume::turn_towards(geometry, plan.orientation);
}

Grid cropped(const Grid& grid, const volume::VoxelBox& box) {
  Grid result{grid.geometry, box.shape};
  result.geometry.origin_mm = grid.geometry.world(
      {static_cast<double>(box.begin[0]), static_cast<double>(box.begin[1]), static_cast<double>(box.begin[2])});
  return result;
}

volume::VoxelBox kept_box(const Plan& plan, const Grid& original, const volume::VoxelBox& content) {
  return plan.crop ? grown(content, original, plan.margin_mm) : volume::VoxelBox{{0, 0, 0}, original.shape};
}

// The plan's spacing, 0 along an axis where the grid has it already.
std::array<double, 3> new_spacing(const Plan& plan, const volume::Geometry& turned) {
  std::array<double, 3> spacing = plan.spacing_mm;
  for (std::size_t a = 0; a < 3; ++a) {
    if (std::abs(spacing[a] - turned.spacing_mm[a]) <= kSameSpacing * spacing[a]) spacing[a] = 0;
  }
  return spacing;
}

// The coarse axis when either grid is more anisotropic than the plan lets pass, else -1.
int separate_axis(const Plan& plan, const volume::Geometry& from, const volume::Geometry& to) {
  for (const auto& spacing : {from.spacing_mm, to.spacing_mm}) {
    const auto [least, most] = std::ranges::minmax_element(spacing);
    if (*most > plan.separate_above * *least) return static_cast<int>(most - spacing.begin());
  }
  return -1;
}

bool same_grid(const Volume& image, const Grid& grid) {
  return image.shape() == grid.shape && volume::same_place(image.geometry, grid.geometry, grid.shape, 1e-9);
}

Volume resampled_image(Volume image, const Grid& target, const Plan& plan) {
  if (same_grid(image, target)) return image;
  volume::ResampleOptions options;
  options.interpolation = volume::interpolation_named(plan.interpolation);
  options.anti_alias = true;
  const int coarse = separate_axis(plan, image.geometry, target.geometry);
  if (coarse < 0) return volume::resample(image, target, options);
  std::array<double, 3> in_plane = target.geometry.spacing_mm;
  in_plane[static_cast<std::size_t>(coarse)] = 0;
  const Grid between = volume::grid_with_spacing(image.geometry, image.shape(), in_plane);
  if (!same_grid(image, between)) image = volume::resample(image, between, options);
  if (same_grid(image, target)) return image;
  options.interpolation = volume::interpolation_named(plan.across);
  options.anti_alias = plan.across == "linear";
  return volume::resample(image, target, options);
}

struct Normalisation {
  double low, high, mean, deviation;
};

Normalisation normalisation_for(const ChannelPlan& plan, const Volume& image) {
  if (plan.scheme == Scheme::kCohort) return {plan.clip_low, plan.clip_high, plan.mean, plan.deviation};
  const ValueStatistics values = values_of(image, plan.modality, kSampled).statistics;
  if (plan.scheme == Scheme::kKeep) return {values.lowest, values.highest, 0, 1};
  Normalisation result{values.percentile_00_5, values.percentile_99_5, 0, 1};
  Moments moments;
  if (values.two_values) {
    result.low = values.lowest;
    result.high = values.highest;
    moments = {result.low + (result.high - result.low) / 2, (result.high - result.low) / 2};
  } else {
    // Where nearly all of the foreground has one value, what differs from it is what there is to see.
    const bool flat = !(result.low < result.high);
    if (flat) result = {values.lowest, values.highest, 0, 1};
    moments = clipped_moments(image, plan.modality, result.low, result.high, flat);
  }
  result.mean = moments.mean;
  result.deviation = moments.deviation > 0 ? moments.deviation : 1;
  return result;
}

Volume normalised(const Volume& image, const ChannelPlan& plan) {
  const Normalisation by = normalisation_for(plan, image);
  const double ground = plan.modality == "CT" ? kAirHu : 0;
  Volume result(image.shape(), volume::VoxelType::kFloat32, image.geometry);
  const std::span<float> out = result.voxels<float>();
  std::int64_t finite = 0;
  volume::with_type(image.type(), [&]<class T>(T) {
    std::ranges::transform(image.voxels<T>(), out.begin(), [&](T voxel) {
      double value = static_cast<double>(voxel) * image.scale + image.offset;
      if (std::isfinite(value)) {
        ++finite;
      } else {
        value = ground;
      }
      return static_cast<float>((std::clamp(value, by.low, by.high) - by.mean) / by.deviation);
    });
  });
  if (finite == 0) throw core::Error("it has no finite voxel", "the picture is damaged: export it again");
  return result;
}

// Cubic splines overshoot at edges.
void hold_range(Volume& image, float low, float high) {
  for (float& value : image.voxels<float>()) value = std::clamp(value, low, high);
}

Volume cropped(Volume raw, const volume::VoxelBox& box) {
  return box == volume::VoxelBox{{0, 0, 0}, raw.shape()} ? std::move(raw) : volume::crop(raw, box);
}

Volume after_turn(Volume raw, const volume::Turn& turn) {
  return turn == volume::Turn{} ? std::move(raw) : volume::turned(raw, turn);
}

Volume prepared_image(Volume raw, const volume::VoxelBox& box, const volume::Turn& turn, const Grid& target,
                      const Plan& plan, const ChannelPlan& channel) {
  raw = cropped(std::move(raw), box);
  if (plan.bias.correct && channel.modality == "MR") raw = without_bias(raw, plan.bias);
  Volume image = normalised(after_turn(std::move(raw), turn), channel);
  if (same_grid(image, target)) return image;
  const auto [low, high] = std::ranges::minmax(std::as_const(image).voxels<float>());
  image = resampled_image(std::move(image), target, plan);
  hold_range(image, low, high);
  return image;
}

// The case's channel for each of the plan; one to one where both have a single one.
void choose_channels(const Plan& plan, volume::Case& one) {
  std::vector<volume::Channel> chosen;
  bool any = false;
  std::string there;
  for (const volume::Channel& channel : one.channels) there += (there.empty() ? "" : ", ") + channel.name;
  const bool single = plan.channels.size() == 1 && one.channels.size() == 1;
  for (const ChannelPlan& wanted : plan.channels) {
    auto found = std::ranges::find(one.channels, wanted.name, &volume::Channel::name);
    if (single) found = one.channels.begin();
    volume::Channel channel{wanted.name, wanted.modality, std::nullopt};
    if (found != one.channels.end() && found->image) {
      if (found->modality != wanted.modality && found->modality != "OT" && wanted.modality != "OT") {
        throw core::Error(
            "channel '" + found->name + "' is " + found->modality + ", the plan is for " + wanted.modality,
            "prepare it with a plan made for such pictures");
      }
      channel.image = std::move(found->image);
      any = true;
    }
    chosen.push_back(std::move(channel));
  }
  if (!any) {
    std::string known;
    for (const ChannelPlan& wanted : plan.channels) known += (known.empty() ? "" : ", ") + wanted.name;
    throw core::Error("none of the plan's channels (" + known + ") is there, but " + there,
                      "give the channels the plan's names, or edit channels.0.name of the plan");
  }
  one.channels = std::move(chosen);
}

// One voxel more on both sides along the axes marked, each the copy of its neighbour.
Volume padded(const Volume& labels, const std::array<bool, 3>& along) {
  const volume::Shape& old = labels.shape();
  const std::array<std::int64_t, 3> pad{along[0] ? 1 : 0, along[1] ? 1 : 0, along[2] ? 1 : 0};
  volume::Geometry geometry = labels.geometry;
  geometry.origin_mm =
      labels.geometry.world({-static_cast<double>(pad[0]), -static_cast<double>(pad[1]), -static_cast<double>(pad[2])});
  Volume result({old.depth + 2 * pad[0], old.height + 2 * pad[1], old.width + 2 * pad[2]}, labels.type(), geometry);
  volume::with_type(labels.type(), [&]<class T>(T) {
    const std::span<const T> in = labels.voxels<T>();
    T* out = result.voxels<T>().data();
    const auto inside = [](std::int64_t at, std::int64_t size) { return std::clamp<std::int64_t>(at, 0, size - 1); };
    for (std::int64_t d = 0; d < result.shape().depth; ++d) {
      for (std::int64_t h = 0; h < result.shape().height; ++h) {
        const std::int64_t row = inside(d - pad[0], old.depth) * old.height + inside(h - pad[1], old.height);
        for (std::int64_t w = 0; w < result.shape().width; ++w) {
          *out++ = in[static_cast<std::size_t>(row * old.width + inside(w - pad[2], old.width))];
        }
      }
    }
  });
  return result;
}

// Spacing of the grid along the direction of one axis of the other: that of the axis most parallel to it.
double spacing_along(const volume::Geometry& grid, const volume::Point& direction) {
  double best = -1, spacing = 0;
  for (std::size_t a = 0; a < 3; ++a) {
    double cosine = 0;
    for (std::size_t x = 0; x < 3; ++x) cosine += grid.direction[a][x] * direction[x];
    if (std::abs(cosine) <= best) continue;
    best = std::abs(cosine);
    spacing = grid.spacing_mm[a];
  }
  return spacing;
}

}  // namespace

volume::Grid prepared_grid(const Plan& plan, const volume::Grid& original, const volume::VoxelBox& content) {
  const Grid kept = cropped(original, kept_box(plan, original, content));
  const volume::Turn turn = turn_of(plan, kept.geometry);
  const Grid turned{volume::turned(kept.geometry, kept.shape, turn), volume::turned(kept.shape, turn)};
  return volume::grid_with_spacing(turned.geometry, turned.shape, new_spacing(plan, turned.geometry));
}

volume::Case apply(const Plan& plan, volume::Case raw) {
  raw.check();
  return core::with_context("case " + raw.id, [&] {
    choose_channels(plan, raw);
    keep_inside(raw, plan.mask);
    const Grid original{raw.reference().geometry, raw.reference().shape()};
    const volume::VoxelBox content = plan.crop ? content_box(raw) : volume::VoxelBox{{0, 0, 0}, original.shape};
    const volume::VoxelBox box = kept_box(plan, original, content);
    const volume::Turn turn = turn_of(plan, original.geometry);
    const Grid target = prepared_grid(plan, original, content);
    for (std::size_t i = 0; i < raw.channels.size(); ++i) {
      volume::Channel& channel = raw.channels[i];
      if (!channel.image) continue;
      core::with_context("channel '" + channel.name + "'", [&] {
        // Grids that agree within Case::check's tolerance become one.
        channel.image->geometry = original.geometry;
        channel.image = prepared_image(std::move(*channel.image), box, turn, target, plan, plan.channels[i]);
      });
    }
    if (raw.label_map) {
      raw.label_map->geometry = original.geometry;
      Volume labels = after_turn(cropped(std::move(*raw.label_map), box), turn);
      raw.label_map = same_grid(labels, target)
                          ? std::move(labels)
                          : volume::resample(labels, target, {volume::Interpolation::kLabel, 0, false, 1});
    }
    return std::move(raw);
  });
}

volume::Case in_stored_voxels(const Plan& plan, volume::Case ready) {
  if (plan.voxels != "int16") return ready;
  for (volume::Channel& channel : ready.channels) {
    if (channel.image) channel.image = volume::as_int16(*channel.image);
  }
  return ready;
}

volume::Volume label_map_to(const volume::Grid& original, const volume::Volume& prepared_labels) {
  // A coarser grid may end up to half of its voxel before the original does: its outermost voxels reach further there.
  std::array<bool, 3> coarser{};
  bool any = false;
  for (std::size_t a = 0; a < 3; ++a) {
    const double finer = spacing_along(original.geometry, prepared_labels.geometry.direction[a]);
    coarser[a] = prepared_labels.geometry.spacing_mm[a] > finer * (1 + kSameSpacing);
    any = any || coarser[a];
  }
  const volume::ResampleOptions options{volume::Interpolation::kLabel, 0, false, 1};
  return any ? volume::resample(padded(prepared_labels, coarser), original, options)
             : volume::resample(prepared_labels, original, options);
}

}  // namespace prepare
