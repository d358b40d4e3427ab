#include "augment/recipes.h"

namespace augment {
namespace {

// Of Supervised or Contrastive. Artefacts come last, so that what is drawn for the others stays when they are turned
// on.
template <class Views>
std::vector<OpPointer> ops_of_views(const Views& views) {
  const Intensity& intensity = views.intensity;
  std::vector<OpPointer> ops{make(views.warp),           make(intensity.noise),    make(intensity.blur),
                             make(intensity.brightness), make(intensity.contrast), make(intensity.low_resolution),
                             make(intensity.gamma),      make(views.mirror)};
  const std::vector<OpPointer> artefacts = ops_of(views.artefacts);
  ops.insert(ops.end(), artefacts.begin(), artefacts.end());
  return ops;
}

}  // namespace

Recipe supervised(const volume::Shape& patch, double foreground, Supervised settings) {
  settings.warp.place.foreground = foreground;
  return {patch, ops_of_views(settings)};
}

Contrastive::Contrastive() {
  warp.place.spread = 0.5;
  warp.rotation_chance = warp.scale_chance = 0.5;
  warp.bend_chance = 0.3;
  intensity.noise.chance = 0.5;
  intensity.blur.chance = 0.5;
  intensity.blur.high = 1.5;
  intensity.brightness = {0.5, 0.5};
  intensity.contrast = {0.5, 0.65, 1.5};
  intensity.low_resolution.chance = 0.25;
  intensity.gamma = {0.5, 0.25, 0.5, 2.0};
}

Recipe contrastive(const volume::Shape& patch, const Contrastive& settings) { return {patch, ops_of_views(settings)}; }

std::vector<Recipe> two_view_crop(const volume::Shape& patch, const Contrastive& settings) {
  return std::vector<Recipe>(2, contrastive(patch, settings));
}

Recipe placed(const volume::Shape& patch, const Warp& warp, const Mirror& mirror) {
  return {patch, {make(warp), make(mirror)}};
}

std::vector<Recipe> multi_crop(const volume::Shape& large, const volume::Shape& small, const MultiCrop& settings) {
  std::vector<Recipe> recipes(static_cast<std::size_t>(settings.large), contrastive(large, settings.views));
  Contrastive closer = settings.views;
  closer.warp.scale_low = settings.small_scale_low;
  closer.warp.scale_high = settings.small_scale_high;
  recipes.insert(recipes.end(), static_cast<std::size_t>(settings.small), contrastive(small, closer));
  return recipes;
}

Recipe masked(const volume::Shape& patch, const Masked& settings) {
  return {patch, {make(settings.warp), make(settings.mirror), make(settings.mask)}};
}

Recipe centre(const volume::Shape& patch) {
  Crop settings;
  settings.place.centre = true;
  return {patch, {make(settings)}};
}

}  // namespace augment
