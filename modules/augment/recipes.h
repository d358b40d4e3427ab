#pragma once
// The recipes that methods and tasks use. Settings nest in the settings of whoever uses them (core/config.h).

#include <vector>

#include "augment/artefacts.h"
#include "augment/ops/block_mask.h"
#include "augment/ops/blur.h"
#include "augment/ops/brightness.h"
#include "augment/ops/contrast.h"
#include "augment/ops/crop.h"
#include "augment/ops/gamma.h"
#include "augment/ops/low_resolution.h"
#include "augment/ops/mirror.h"
#include "augment/ops/noise.h"
#include "augment/ops/warp.h"
#include "augment/recipe.h"

namespace augment {

// What a scanner and its settings change; in this order.
struct Intensity {
  Noise noise;
  Blur blur;
  Brightness brightness;
  Contrast contrast;
  LowResolution low_resolution;
  Gamma gamma;

  static constexpr auto fields() {
    using core::field;
    return std::tuple{
        field("noise", &Intensity::noise, "Gaussian noise"),
        field("blur", &Intensity::blur, "Gaussian blur"),
        field("brightness", &Intensity::brightness, "a channel brighter or darker as a whole"),
        field("contrast", &Intensity::contrast, "a channel's contrast about its mean"),
        field("low_resolution", &Intensity::low_resolution, "as if scanned with larger voxels"),
        field("gamma", &Intensity::gamma, "a channel's range raised to a power"),
    };
  }
};

// Training with labels: chances after Isensee et al., "nnU-Net", Nature Methods 18, 2021.
struct Supervised {
  Warp warp;
  Mirror mirror;
  Intensity intensity;
  Artefacts artefacts;

  static constexpr auto fields() {
    return std::tuple{core::field("warp", &Supervised::warp, "where and how the patch is taken"),
                      core::field("mirror", &Supervised::mirror, "axes turned around"),
                      core::field("intensity", &Supervised::intensity, "changes of the voxels' values"),
                      core::field("artefacts", &Supervised::artefacts, "what goes wrong in an MR scanner; off")};
  }
};
// `foreground`: chance to centre the patch on a labelled voxel; it replaces settings.warp.place.foreground.
Recipe supervised(const volume::Shape& patch, double foreground, Supervised settings = {});

// Two views of one sample that shall be recognised as such: the same ops as Supervised, more often and stronger.
struct Contrastive {
  Contrastive();
  Warp warp;
  Mirror mirror;
  Intensity intensity;
  Artefacts artefacts;

  static constexpr auto fields() {
    return std::tuple{core::field("warp", &Contrastive::warp, "where and how a view is taken"),
                      core::field("mirror", &Contrastive::mirror, "axes turned around"),
                      core::field("intensity", &Contrastive::intensity, "changes of the voxels' values"),
                      core::field("artefacts", &Contrastive::artefacts, "what goes wrong in an MR scanner; off")};
  }
};
Recipe contrastive(const volume::Shape& patch, const Contrastive& settings = {});
// Two of them; how far apart the views of a sample lie is settings.warp.place.spread.
std::vector<Recipe> two_view_crop(const volume::Shape& patch, const Contrastive& settings = {});

// A view that is taken and turned, and nothing else.
Recipe placed(const volume::Shape& patch, const Warp& warp, const Mirror& mirror);

// Large views and small ones that lie within them but for the shift of warp.place.spread: large ones first.
struct MultiCrop {
  std::int64_t large = 2, small = 4;
  double small_scale_low = 0.7, small_scale_high = 1.2;
  Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("large", &MultiCrop::large, "number of large views", Range{1, 16}),
        field("small", &MultiCrop::small, "number of small views", Range{0, 32}),
        field("small_scale_low", &MultiCrop::small_scale_low, "as warp.scale_low, small views", Range{0.1, 10}),
        field("small_scale_high", &MultiCrop::small_scale_high, "as warp.scale_high, small views", Range{0.1, 10}),
        field("views", &MultiCrop::views, "how every view is made"),
    };
  }
};
std::vector<Recipe> multi_crop(const volume::Shape& large, const volume::Shape& small, const MultiCrop& settings = {});

// A view of which blocks are hidden, to be filled in: moved and mirrored, values as they are.
struct Masked {
  Warp warp;
  Mirror mirror;
  BlockMask mask;

  static constexpr auto fields() {
    return std::tuple{core::field("warp", &Masked::warp, "where and how the view is taken"),
                      core::field("mirror", &Masked::mirror, "axes turned around"),
                      core::field("mask", &Masked::mask, "what is hidden")};
  }
};
Recipe masked(const volume::Shape& patch, const Masked& settings = {});

// The middle of the case, nothing changed: validation, probes.
Recipe centre(const volume::Shape& patch);

}  // namespace augment
