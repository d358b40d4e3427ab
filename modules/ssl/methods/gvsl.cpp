// Geometric visual similarity: views of two cases are laid on each other. What is alike in two people must have like
// features, or the network could not tell from them how one is moved onto the other; besides, damaged views are
// restored. He et al., "Geometric visual similarity learning in 3D medical image self-supervised pre-training", CVPR
// 2023.
//
// Both tasks look at the same features, those of the damaged views, so that a step needs each view once; likeness and
// restoration are measured on the views as they were before the damage.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "augment/ops/curve.h"
#include "augment/ops/inpaint.h"
#include "augment/ops/keep.h"
#include "augment/ops/local_shuffle.h"
#include "augment/recipes.h"
#include "core/error.h"
#include "losses/masked.h"
#include "losses/registration.h"
#include "models/decoder.h"
#include "ssl/counted.h"
#include "ssl/on_voxels.h"
#include "ssl/registration_head.h"
#include "ssl/warp_by.h"

namespace ssl {
namespace {

struct GvslOptions {
  GvslOptions() { warp.place.spread = 0; }
  double likeness_weight = 1, smoothness_weight = 1, restoration_weight = 1;
  std::int64_t radius = 4, dense_features = 16;
  augment::Warp warp;
  augment::LocalShuffle shuffle;
  augment::Curve curve;
  augment::Inpaint inpaint;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("likeness_weight", &GvslOptions::likeness_weight, "of how well the moved view lies on the other",
              Range{0, 1000}),
        field("smoothness_weight", &GvslOptions::smoothness_weight, "of moving neighbours alike", Range{0, 1000}),
        field("restoration_weight", &GvslOptions::restoration_weight, "of undoing the damage", Range{0, 1000}),
        field("radius", &GvslOptions::radius,
              "of the windows in which the views are compared, voxels: 4 is a window of 9", Range{1, 32}),
        field("dense_features", &GvslOptions::dense_features, "of each voxel, that the moves are told from",
              Range{1, 1024}),
        field("warp", &GvslOptions::warp,
              "where and how the views are taken; with a spread of 0 at like places of both cases"),
        field("shuffle", &GvslOptions::shuffle, "damage: voxels change places within small windows"),
        field("curve", &GvslOptions::curve, "damage: grey values bent"),
        field("inpaint", &GvslOptions::inpaint, "damage: boxes become noise"),
    };
  }
};

class Gvsl final : public OnVoxels {
 public:
  Gvsl(const GvslOptions& options, const Setup& setup)
      : OnVoxels("gvsl", setup),
        options_(options),
        decoder_(models::make_decoder(*encoder_, input_, options.dense_features, false)),
        restorer_(std::make_shared<models::Conv>(options.dense_features, input_.channels, kOne, kOne, true)),
        registration_(std::make_shared<RegistrationHead>(*encoder_, input_, options.dense_features)) {
    add("decoder", decoder_);
    add("restorer", restorer_);
    add("registration", registration_);
  }

  std::vector<augment::Recipe> views() const override {
    return std::vector<augment::Recipe>(
        2, {patch(),
            {augment::make(options_.warp), augment::make(augment::Keep{}), augment::make(options_.shuffle),
             augment::make(options_.curve), augment::make(options_.inpaint)}});
  }
  std::vector<bool> of_partner() const override { return {false, true}; }

  // The view of the second case is moved onto that of the first.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View &fixed = batch.views.at(0), &moving = batch.views.at(1);
    GADOLIN_CHECK(fixed.kept.defined() && moving.kept.defined());
    const Looked looked = looked_at(batch);
    const losses::Unlikeness unlike = losses::local_unlikeness(warp_by(moving.kept, looked.moves.total), fixed.kept,
                                                               fixed.valid.unsqueeze(1), 2 * options_.radius + 1);
    const at::Tensor apart = unlike.mean * weight_of(unlike.windows, comm());
    const at::Tensor rough = losses::roughness(looked.moves.local, input_.spacing_mm);
    const at::Tensor inside = at::cat({fixed.valid, moving.valid}).unsqueeze(1);
    const at::Tensor damage =
        losses::masked_mean_square(looked.restored, at::cat({fixed.kept, moving.kept}), inside, {}, false) *
        weight_of(inside, comm());
    const at::Tensor moved = looked.moves.total.detach().norm(2, {1}).mean();
    return {
        options_.likeness_weight * apart + options_.smoothness_weight * rough + options_.restoration_weight * damage,
        {{"unlikeness", apart.detach()},
         {"roughness", rough.detach()},
         {"apart", damage.detach()},
         {"moved_voxels", moved}}};
  }

  train::NamedTensors pictures(const data::Batch& batch) override {
    const at::NoGradGuard no_gradient;
    const Looked looked = looked_at(batch);
    return {{"restored", looked.restored.narrow(0, 0, batch.size()).to(at::kFloat)},
            {"the other case moved here", warp_by(batch.views.at(1).kept, looked.moves.total).to(at::kFloat)}};
  }

 private:
  static constexpr models::Extent kOne{1, 1, 1};

  struct Looked {
    at::Tensor restored;  // [2N, C, D, H, W]
    Moves moves;
  };
  Looked looked_at(const data::Batch& batch) {
    const at::Tensor images = at::cat({batch.views.at(0).images, batch.views.at(1).images});
    const std::vector<at::Tensor> features = encoder_->features(images);
    const at::Tensor dense = decoder_->maps(features, images).front();
    const std::vector<at::Tensor> coarsest = features.back().chunk(2), halves = dense.chunk(2);
    return {restorer_->forward(dense), registration_->moves({coarsest[0], halves[0]}, {coarsest[1], halves[1]})};
  }

  GvslOptions options_;
  std::shared_ptr<models::Decoder> decoder_;
  std::shared_ptr<models::Conv> restorer_;
  std::shared_ptr<RegistrationHead> registration_;
};

}  // namespace

extern const MethodEntry gvsl_entry;
const MethodEntry gvsl_entry{
    .name = "gvsl",
    .help = "views of two cases are laid on each other, and damaged ones restored",
    .family = "pretext",
    .year = 2023,
    .needs = "1 view, 1 view of a second case",
    .encoders = "any",
    .cost = 3,
    .choose =
        "segmentation of one region that all cases show (a heart, a head), where the same structures shall get the "
        "same features; cases that have nothing in common teach it nothing",
    .loss =
        "1 - squared correlation within small windows of the moved view and the other, roughness of the move, and mean "
        "square to the undamaged views",
    .formula = "mean (1 - r(x'(i + u(i)), x)^2) + mean |grad u|^2 + mean (restored - x)^2",
    .reference =
        "He et al., Geometric visual similarity learning in 3D medical image self-supervised pre-training, CVPR 2023, "
        "arXiv 2303.00874",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<GvslOptions, Gvsl>::defaults};

}  // namespace ssl
