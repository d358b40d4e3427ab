// Volume fusion: within boxes two views of different cases are mixed, and each voxel is told by how much: segmentation
// without labels. Wang et al., "Volume fusion", arXiv 2306.16925.
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/overlap.h"
#include "models/decoder.h"
#include "ssl/counted.h"
#include "ssl/on_voxels.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct VolumeFusionOptions {
  std::int64_t classes = 5;
  std::int64_t boxes_low = 10, boxes_high = 40;
  double side_low = 0.1, side_high = 0.4;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("classes", &VolumeFusionOptions::classes,
              "shares of the other view that a voxel may have: class k of K has k / (K - 1)", Range{2, 64}),
        field("boxes_low", &VolumeFusionOptions::boxes_low, "least number of boxes", Range{1, 1000}),
        field("boxes_high", &VolumeFusionOptions::boxes_high, "greatest number of boxes", Range{1, 1000}),
        field("side_low", &VolumeFusionOptions::side_low, "least side of a box, part of the view's", Range{0, 1}),
        field("side_high", &VolumeFusionOptions::side_high, "greatest side", Range{0, 1}),
        field("warp", &VolumeFusionOptions::warp, "where and how each view is taken"),
        field("mirror", &VolumeFusionOptions::mirror, "axes turned around, of each view by itself"),
    };
  }
};

class VolumeFusion final : public OnVoxels {
 public:
  VolumeFusion(const VolumeFusionOptions& options, const Setup& setup)
      : OnVoxels("volume_fusion", setup),
        options_(options),
        decoder_(models::make_decoder(*encoder_, input_, options.classes, false)) {
    if (options.boxes_low > options.boxes_high || options.side_low > options.side_high)
      throw core::usage_error("volume_fusion: the least number or side of boxes is more than the greatest",
                              "look at method.boxes_low and boxes_high, side_low and side_high");
    add("decoder", decoder_);
  }

  std::vector<augment::Recipe> views() const override {
    return std::vector<augment::Recipe>(2, augment::placed(patch(), options_.warp, options_.mirror));
  }
  std::vector<bool> of_partner() const override { return {false, true}; }

  // A voxel outside of either case is not asked about.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View &one = batch.views.at(0), &other = batch.views.at(1);
    const at::Tensor classes = classes_of(batch, one.images.sizes().slice(2)).to(one.images.device());
    const at::Tensor share = classes.unsqueeze(1).to(at::kFloat) / static_cast<double>(options_.classes - 1);
    const at::Tensor fused = one.images + share * (other.images - one.images);
    const at::Tensor labels = classes.masked_fill((one.valid * other.valid) == 0, -1);
    const at::Tensor said = decoder_->maps(encoder_->features(fused), fused).front();
    const at::Tensor right = ((said.detach().argmax(1) == labels).sum() / (labels >= 0).sum().clamp_min(1));
    const at::Tensor loss =
        losses::soft_dice(said, labels) + losses::cross_entropy(said, labels) * weight_of(labels >= 0, comm());
    return {loss, {{"right", right.to(at::kFloat)}}};
  }

 private:
  // [N, D, H, W] int64: boxes of any class, later ones over earlier ones; 0 elsewhere.
  at::Tensor classes_of(const data::Batch& batch, at::IntArrayRef extent) const {
    at::Tensor classes = at::zeros({batch.size(), extent[0], extent[1], extent[2]}, at::kLong);
    std::vector<core::Rng> draws = draws_for(batch);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      core::Rng& rng = draws[i];
      const std::int64_t boxes =
          options_.boxes_low + static_cast<std::int64_t>(
                                   rng.below(static_cast<std::uint64_t>(options_.boxes_high - options_.boxes_low) + 1));
      for (std::int64_t box = 0; box < boxes; ++box) {
        at::Tensor part = classes[static_cast<std::int64_t>(i)];
        for (std::int64_t axis = 0; axis < 3; ++axis) {
          const std::int64_t whole = extent[static_cast<std::size_t>(axis)];
          const double wanted = rng.uniform(options_.side_low, options_.side_high) * static_cast<double>(whole);
          const std::int64_t side = std::clamp<std::int64_t>(std::llround(wanted), 1, whole);
          part = part.narrow(axis, static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(whole - side) + 1)),
                             side);
        }
        part.fill_(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(options_.classes))));
      }
    }
    return classes;
  }

  VolumeFusionOptions options_;
  std::shared_ptr<models::Decoder> decoder_;
};

}  // namespace

extern const MethodEntry volume_fusion_entry;
const MethodEntry volume_fusion_entry{
    .name = "volume_fusion",
    .help = "within boxes two cases are mixed, each voxel is told by how much",
    .family = "pretext",
    .year = 2023,
    .needs = "1 view, 1 view of a second case",
    .encoders = "any",
    .cost = 1.5,
    .choose = "segmentation with few labels: encoder and decoder are both trained as they will be used",
    .loss = "Dice and cross-entropy over the shares, inside both cases",
    .formula = "1 - Dice(p, k) - log p(k), of x + k / (K - 1) (x' - x)",
    .reference =
        "Wang et al., Volume fusion: self-supervised pretraining for 3D medical image segmentation, 2023, arXiv "
        "2306.16925",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<VolumeFusionOptions, VolumeFusion>::defaults};

}  // namespace ssl
