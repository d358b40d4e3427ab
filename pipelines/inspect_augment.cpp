// What the augmentations do to a case: each op alone, beside the view as it is.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>

#include "augment/recipes.h"
#include "core/error.h"
#include "pipelines/inspect_subject.h"
#include "pipelines/view_maker.h"
#include "report/montage.h"

namespace pipelines {
namespace {

constexpr std::int64_t kLargestSide = 160;  // of the view, voxels
constexpr std::uint64_t kDraws = 11;        // of one op
constexpr std::int64_t kColumns = 3;

struct Shown {
  const volume::Channel& channel;
  volume::Frame frame;
  volume::Shape view;
  report::MontageOptions options;
};

Shown shown_of(const volume::Case& one) {
  const auto channel = std::ranges::find_if(one.channels, [](const auto& each) { return each.image.has_value(); });
  if (channel == one.channels.end()) throw core::Error("the case has no picture");
  const volume::Volume& image = *channel->image;
  const volume::Shape& shape = image.shape();
  Shown shown{*channel, {}, {}, {}};
  shown.frame.shape = shape;
  shown.frame.spacing_mm = image.geometry.spacing_mm;
  // Less than the case, so that ops which pick have something to pick.
  const auto side = [](std::int64_t extent) { return std::min((3 * extent + 3) / 4, kLargestSide); };
  shown.view = {side(shape.depth), side(shape.height), side(shape.width)};
  shown.options.tile_pixels = 128;
  shown.options.legend = false;
  shown.options.opacity = 0.12;  // what lies beneath is what the op put there
  shown.options.window = window_for(*channel);
  return shown;
}

volume::Volume image_of(const Shown& shown, const augment::View& view) {
  return volume_of(view.image[0], volume::VoxelType::kFloat32, shown.channel.image->geometry);
}

augment::View view_of(const Shown& shown, const augment::Recipe& recipe, std::uint64_t seed, std::uint64_t sample) {
  const volume::Shape& shape = shown.frame.shape;
  const volume::Volume* const channels[] = {&*shown.channel.image};
  return augment::apply(recipe.draw(shown.frame, seed, sample, 0), {channels, nullptr, {{0, 0, 0}, shape}, shape});
}

// The middle; where an op hides, in the middle of what is less, the hidden or the shown, so that both are seen.
volume::Index place_to_show(const augment::View& view) {
  volume::Index place{};
  for (int a = 0; a < 3; ++a) place[a] = static_cast<double>(view.valid.size(a) / 2);
  if (!view.hidden.defined()) return place;
  const at::Tensor hidden = view.hidden.nonzero(), shown = (view.hidden == 0).nonzero();
  const at::Tensor& fewer = hidden.size(0) < shown.size(0) ? hidden : shown;
  if (fewer.size(0) == 0) return place;
  const at::Tensor middle = fewer[fewer.size(0) / 2];
  for (int a = 0; a < 3; ++a) place[a] = static_cast<double>(middle[a].item<std::int64_t>());
  return place;
}

report::Picture picture_of(const Shown& shown, const augment::View& view, const std::string& title) {
  report::MontageOptions options = shown.options;
  options.title = title;
  const volume::Volume image = image_of(shown, view);
  options.centre_mm = image.geometry.world(place_to_show(view));
  if (!view.hidden.defined()) return report::montage(image, nullptr, nullptr, options);
  const volume::Volume hidden = volume_of(view.hidden, volume::VoxelType::kUInt8, image.geometry);
  return report::montage(image, &hidden, nullptr, options);
}

// The op with every chance at 1, in the middle of the case unless it picks a place itself.
augment::Recipe alone(const augment::OpEntry& entry, const Shown& shown) {
  std::vector<core::Setting> given;
  const std::string reference = entry.reference();
  for (const std::string key : {"chance", "rotation_chance", "scale_chance", "bend_chance", "channel_chance"}) {
    if (reference.find("`" + key + "`") != std::string::npos) given.push_back({key, {"1"}, false, "inspect"});
  }
  const augment::OpPointer op = entry.make(given);
  if (op->picks()) return {shown.view, {op}};
  return {shown.view, {augment::centre(shown.view).ops()[0], op}};
}

}  // namespace

report::Picture augmented_picture(const volume::Case& one, const std::string& op, std::uint64_t seed) {
  const at::NoGradGuard no_gradient;
  Shown shown = shown_of(one);
  const augment::View before = view_of(shown, augment::centre(shown.view), seed, 0);
  // One window for all, so that a brighter view looks brighter.
  if (!shown.options.window) shown.options.window = report::window_by_percentiles(image_of(shown, before));
  std::vector<report::Picture> pictures{
      picture_of(shown, before, fmt::format("{} {}, as it is", one.id, shown.channel.name))};
  if (!op.empty()) augment::make_op(op);  // an unknown name is an error that names the nearest
  for (const augment::OpEntry& entry : augment::ops()) {
    if (op.empty() ? entry.make({})->keeps() : entry.name != op) continue;
    const augment::Recipe recipe = alone(entry, shown);
    const std::uint64_t draws = op.empty() ? 1 : kDraws;
    for (std::uint64_t i = 0; i < draws; ++i) {
      const std::string title = draws == 1 ? std::string(entry.name) : fmt::format("{} {}", entry.name, i);
      // Numbered through, or the first numbers drawn would be the same for every op.
      pictures.push_back(picture_of(shown, view_of(shown, recipe, seed, pictures.size()), title));
    }
  }
  return report::contact_sheet(pictures, kColumns, 8);
}

}  // namespace pipelines
