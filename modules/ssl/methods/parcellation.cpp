// Parcellation: one case is cut into parcels without labels, all others are laid over it by registration, and a network
// learns to find the parcels it was thus told of in augmented crops: segmentation without labels. A recipe of our own;
// labels carried by registration as in Dalca et al., "Anatomical priors in convolutional networks for unsupervised
// biomedical segmentation", CVPR 2018.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/overlap.h"
#include "models/decoder.h"
#include "ssl/atlases.h"
#include "ssl/counted.h"
#include "ssl/on_voxels.h"

namespace ssl {
namespace {

struct ParcellationOptions {
  ParcellationOptions() {
    views.warp.bend_chance = 0;
    views.mirror.chance = 0;
  }
  AtlasOptions atlas;
  double dice_weight = 1, cross_entropy_weight = 1;
  augment::Supervised views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("atlas", &ParcellationOptions::atlas, "which cases are cut into parcels, and how others are laid over"),
        field("dice_weight", &ParcellationOptions::dice_weight, "of the Dice loss", Range{0, 1000}),
        field("cross_entropy_weight", &ParcellationOptions::cross_entropy_weight, "of the cross-entropy",
              Range{0, 1000}),
        field("views", &ParcellationOptions::views,
              "how the view is made; where it is bent or mirrored, its parcels are known less well or look alike"),
    };
  }
};

// Mean over the classes that are there of 2 |said and is| / (|said| + |is|), over the whole batch; 0 where none is.
at::Tensor dice_of(const at::Tensor& said, const at::Tensor& labels) {
  const at::Tensor classes = at::arange(said.size(1), labels.options()).view({1, -1, 1});
  const at::Tensor is = labels.flatten(1).unsqueeze(1) == classes;
  const at::Tensor guess = said.argmax(1).masked_fill(labels < 0, -1).flatten(1).unsqueeze(1) == classes;
  const at::Tensor there = is.sum({0, 2}), both = is.logical_and(guess).sum({0, 2});
  const at::Tensor dice = 2 * both / (there + guess.sum({0, 2})).clamp_min(1);
  return dice.sum() / there.gt(0).sum().clamp_min(1);
}

class Parcellation final : public OnVoxels {
 public:
  Parcellation(const ParcellationOptions& options, const Setup& setup)
      : OnVoxels("parcellation", setup),
        options_(options),
        atlases_(options.atlas, setup.input.channels, setup.cases, setup.device),
        decoder_(models::make_decoder(*encoder_, input_, options.atlas.count * options.atlas.parcels, false)) {
    if (options.dice_weight + options.cross_entropy_weight <= 0)
      throw core::usage_error("parcellation: both weights are 0", "dice_weight: 1, cross_entropy_weight: 1");
    add("decoder", decoder_);
  }

  std::vector<augment::Recipe> views() const override { return {augment::supervised(patch(), 0, options_.views)}; }

  bool wants_pass() const override { return !atlases_.known(); }
  std::optional<volume::Shape> whole_cases() const override {
    return volume::Shape{options_.atlas.grid, options_.atlas.grid, options_.atlas.grid};
  }
  void before_epoch(data::BatchSource& pass, const train::Moment&) override {
    if (!atlases_.known()) atlases_.find(pass, comm());
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor labels = atlases_.parcels_in(view);
    const std::vector<at::Tensor> said = said_of(view.images);
    at::Tensor loss, dice;
    for (std::size_t a = 0; a < said.size(); ++a) {
      const at::Tensor& is = labels[static_cast<std::int64_t>(a)];
      const at::Tensor one =
          options_.dice_weight * losses::soft_dice(said[a], is) +
          options_.cross_entropy_weight * losses::cross_entropy(said[a], is) * weight_of(is >= 0, comm());
      const at::Tensor right = dice_of(said[a].detach(), is);
      loss = loss.defined() ? loss + one : one;
      dice = dice.defined() ? dice + right : right;
    }
    const auto atlases = static_cast<double>(said.size());
    return {loss / atlases, {{"parcel_dice", dice / atlases}}};
  }

  // Of the first atlas.
  train::NamedTensors pictures(const data::Batch& batch) override {
    const at::NoGradGuard no_gradient;
    const data::View& view = batch.views.at(0);
    const at::Tensor labels = atlases_.parcels_in(view)[0];
    const at::Tensor said = said_of(view.images).front().argmax(1);
    return {{"parcels predicted", as_grey(said, view.images)}, {"parcels carried over", as_grey(labels, view.images)}};
  }

  void save(runtime::Archive& archive) const override { atlases_.save(archive); }
  void load(const runtime::Archive& archive) override { atlases_.load(archive); }

 private:
  // Logits [N, parcels, D, H, W] of each atlas.
  std::vector<at::Tensor> said_of(const at::Tensor& images) {
    return decoder_->maps(encoder_->features(images), images).front().chunk(options_.atlas.count, 1);
  }

  // Parcels [N, D, H, W] as greys from dark to bright within those of images [N, C, D, H, W].
  at::Tensor as_grey(const at::Tensor& parcels, const at::Tensor& images) const {
    const std::vector<std::int64_t> space{2, 3, 4};
    const at::Tensor middle = images.mean(space, /*keepdim=*/true);
    const at::Tensor spread = images.std(space, /*unbiased=*/false, /*keepdim=*/true);
    const at::Tensor part =
        (parcels.unsqueeze(1) + 1).to(images.scalar_type()) / static_cast<double>(options_.atlas.parcels);
    return middle + spread * (3 * part - 1.5);
  }

  ParcellationOptions options_;
  Atlases atlases_;
  std::shared_ptr<models::Decoder> decoder_;
};

}  // namespace

extern const MethodEntry parcellation_entry;
const MethodEntry parcellation_entry{
    .name = "parcellation",
    .help = "one case is cut into parcels, registration carries them to all others, a network learns to find them",
    .family = "pretext",
    .year = 2026,
    .needs = "1 view, positions, case number, a pass over whole cases before the first step",
    .encoders = "any",
    .cost = 1.5,
    .choose = "segmentation with few labels where cases show the same anatomy in the same posture",
    .loss = "Dice and cross-entropy over parcels, inside the case and the atlas",
    .formula = "1 - Dice(p, k) - log p(k), k the atlas' parcel at A x + b(x)",
    .reference =
        "a recipe of our own; labels carried by registration as in Dalca et al., Anatomical priors in convolutional "
        "networks, CVPR 2018, arXiv 1903.03148",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<ParcellationOptions, Parcellation>::defaults};

}  // namespace ssl
