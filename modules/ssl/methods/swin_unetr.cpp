// What Swin UNETR is pretrained with, on any encoder: two views are damaged and turned; by how much they were turned is
// told, what was damaged is painted, and the two are found among those of other samples. Tang et al., "Self-supervised
// pre-training of Swin transformers for 3D medical image analysis", CVPR 2022.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "augment/ops/inpaint.h"
#include "augment/ops/keep.h"
#include "augment/recipes.h"
#include "core/error.h"
#include "losses/contrastive.h"
#include "losses/masked.h"
#include "models/decoder.h"
#include "ssl/answered.h"
#include "ssl/counted.h"
#include "ssl/cube_rotation.h"
#include "ssl/head.h"
#include "ssl/on_voxels.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct SwinUnetrOptions {
  SwinUnetrOptions() {
    warp.place.spread = 0;
    inpaint.chance = 1;
  }
  std::int64_t rotations = 4;
  double rotation_weight = 1, contrast_weight = 1, inpaint_weight = 1;
  double temperature = 0.5;
  std::int64_t projection_size = 512;
  std::int64_t hidden_size = 256;
  augment::Warp warp;
  augment::Inpaint inpaint;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("rotations", &SwinUnetrOptions::rotations,
              "4: quarter turns about axis d; 10: about each axis; 24: all of a cube", Range{4, 24}),
        field("rotation_weight", &SwinUnetrOptions::rotation_weight, "of telling the rotation", Range{0, 1000}),
        field("contrast_weight", &SwinUnetrOptions::contrast_weight, "of finding the other view", Range{0, 1000}),
        field("inpaint_weight", &SwinUnetrOptions::inpaint_weight, "of painting what was damaged", Range{0, 1000}),
        field("temperature", &SwinUnetrOptions::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("projection_size", &SwinUnetrOptions::projection_size, "length of the projected embedding",
              Range{2, 65536}),
        field("hidden_size", &SwinUnetrOptions::hidden_size, "width of the classifier's hidden layer", Range{2, 65536}),
        field("warp", &SwinUnetrOptions::warp, "where and how the views are taken, around one place"),
        field("inpaint", &SwinUnetrOptions::inpaint, "the damage: boxes become noise"),
    };
  }
};

// Both views of a batch, one after the other, damaged and turned.
struct Shown {
  at::Tensor images, kept, inside;  // [2N, C, D, H, W], the same, [2N, 1, D, H, W]
  at::Tensor rotation;              // [2N] int64
};

class SwinUnetr final : public OnVoxels {
 public:
  SwinUnetr(const SwinUnetrOptions& options, const Setup& setup)
      : OnVoxels("swin_unetr", setup),
        options_(options),
        rotations_(rotations(options.rotations)),
        extent_(turnable(input_.patch, options.rotations)),
        decoder_(models::make_decoder(*encoder_, input_, input_.channels, false)),
        classifier_(std::make_shared<Head>(
            HeadShape{encoder_->channels().back(), options.hidden_size, options.rotations, 2, Between::kReLU})),
        projection_(std::make_shared<torch::nn::LinearImpl>(encoder_->channels().back(), options.projection_size)) {
    encoder_->check_extent(extent_);
    add("decoder", decoder_);
    add("classifier", classifier_);
    add("projection", projection_);
  }

  std::vector<augment::Recipe> views() const override {
    return std::vector<augment::Recipe>(
        2, {{extent_[0], extent_[1], extent_[2]},
            {augment::make(options_.warp), augment::make(augment::Keep{}), augment::make(options_.inpaint)}});
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    if (batch.size() * comm().size() < 2)
      throw core::usage_error("swin_unetr compares samples with each other: a batch of one has nothing to compare",
                              "give data.batch_size of 2 or more");
    const Shown shown = shown_of(batch);
    const std::vector<at::Tensor> features = encoder_->features(shown.images);
    const at::Tensor painted = decoder_->maps(features, shown.images).front();
    const at::Tensor embedded = mean_over_space(features.back());
    const Answered turn = answered(classifier_->forward(embedded, comm()), shown.rotation);
    const std::vector<at::Tensor> halves = projection_->forward(embedded).to(at::kFloat).chunk(2);
    const at::Tensor contrast = losses::nt_xent(halves[0], halves[1], options_.temperature, comm());
    const at::Tensor apart =
        losses::masked_mean_absolute(painted, shown.kept, shown.inside) * weight_of(shown.inside, comm());
    return {
        options_.rotation_weight * turn.loss + options_.contrast_weight * contrast + options_.inpaint_weight * apart,
        {{"rotation_right", turn.right}, {"contrast", contrast.detach()}, {"apart", apart.detach()}}};
  }

 private:
  Shown shown_of(const data::Batch& batch) const {
    std::vector<at::Tensor> images, kept, inside;
    std::vector<std::int64_t> which;
    for (std::uint32_t v = 0; v < 2; ++v) {
      const data::View& view = batch.views.at(v);
      GADOLIN_CHECK(view.kept.defined());
      std::vector<core::Rng> draws = draws_for(batch, v);
      for (std::size_t i = 0; i < draws.size(); ++i) {
        which.push_back(static_cast<std::int64_t>(draws[i].below(rotations_.size())));
        const Rotation& rotation = rotations_[static_cast<std::size_t>(which.back())];
        const auto sample = static_cast<std::int64_t>(i);
        images.push_back(turned(view.images[sample], rotation));
        kept.push_back(turned(view.kept[sample], rotation));
        inside.push_back(turned(view.valid[sample], rotation).unsqueeze(0));
      }
    }
    const at::Tensor all = at::stack(images);
    return {all, at::stack(kept), at::stack(inside), at::tensor(which, at::kLong).to(all.device())};
  }

  SwinUnetrOptions options_;
  std::vector<Rotation> rotations_;
  models::Extent extent_;
  std::shared_ptr<models::Decoder> decoder_;
  std::shared_ptr<Head> classifier_;
  std::shared_ptr<torch::nn::LinearImpl> projection_;
};

}  // namespace

extern const MethodEntry swin_unetr_entry;
const MethodEntry swin_unetr_entry{
    .name = "swin_unetr",
    .help = "two damaged, turned views: the turn is told, the damage painted, the pair found among other samples",
    .family = "hybrid",
    .year = 2022,
    .needs = "2 views",
    .encoders = "any",
    .cost = 3,
    .choose = "one run for segmentation and for whole pictures, of organs in one pose; dear, and wants batches of 8",
    .loss = "cross-entropy over the rotations, NT-Xent between the views, mean absolute difference to the undamaged",
    .formula = "-log p(rotation) + nt_xent(z, z') + mean |painted - x|",
    .reference =
        "Tang et al., Self-supervised pre-training of Swin transformers for 3D medical image analysis, CVPR 2022, "
        "arXiv 2111.14791",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<SwinUnetrOptions, SwinUnetr>::defaults};

}  // namespace ssl
