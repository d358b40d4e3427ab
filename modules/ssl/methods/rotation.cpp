// Rotation: each view is turned by a multiple of 90 degrees, the network says which. Gidaris et al., "Unsupervised
// representation learning by predicting image rotations", ICLR 2018; in 3D Taleb et al., NeurIPS 2020.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "ssl/answered.h"
#include "ssl/cube_rotation.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct RotationOptions {
  std::int64_t rotations = 24;
  std::int64_t hidden_size = 256;
  augment::Warp warp;
  augment::Intensity intensity;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("rotations", &RotationOptions::rotations,
              "24: all of a cube; 10: quarter turns about each axis; 4: about axis d alone, for thick slices",
              Range{4, 24}),
        field("hidden_size", &RotationOptions::hidden_size, "width of the classifier's hidden layer", Range{2, 65536}),
        field("warp", &RotationOptions::warp, "where and how the view is taken, before it is turned"),
        field("intensity", &RotationOptions::intensity, "changes of the voxels' values"),
    };
  }
};

class TurnedViews final : public OneEncoder {
 public:
  TurnedViews(const RotationOptions& options, const Setup& setup)
      : OneEncoder("rotation", setup),
        options_(options),
        rotations_(rotations(options.rotations)),
        side_(turnable(input_.patch, options.rotations)),
        classifier_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.rotations, 2, Between::kReLU})) {
    encoder_->check_extent(side_);
    add("classifier", classifier_);
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  // Not mirrored: a body is nearly its own mirror image, and upside down would then be two answers. The largest cube
  // that the patch holds, so that what is turned has the shape of what is not.
  std::vector<augment::Recipe> views() const override {
    const augment::Intensity& values = options_.intensity;
    return {{{side_[0], side_[1], side_[2]},
             {augment::make(options_.warp), augment::make(values.noise), augment::make(values.blur),
              augment::make(values.brightness), augment::make(values.contrast), augment::make(values.low_resolution),
              augment::make(values.gamma)}}};
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    std::vector<std::int64_t> which;
    for (core::Rng& rng : draws_for(batch)) which.push_back(static_cast<std::int64_t>(rng.below(rotations_.size())));
    const at::Tensor& images = batch.views.at(0).images;
    std::vector<at::Tensor> shown;
    for (std::size_t i = 0; i < which.size(); ++i)
      shown.push_back(turned(images[static_cast<std::int64_t>(i)], rotations_[static_cast<std::size_t>(which[i])]));
    const at::Tensor right = at::tensor(which, at::kLong).to(images.device());
    const Answered result = answered(classifier_->forward(encoder_->embedding(at::stack(shown)), comm()), right);
    return {result.loss, {{"right", result.right}}};
  }

 private:
  RotationOptions options_;
  std::vector<Rotation> rotations_;
  models::Extent side_;
  std::shared_ptr<Head> classifier_;
};

}  // namespace

extern const MethodEntry rotation_entry;
const MethodEntry rotation_entry{
    .name = "rotation",
    .help = "a view is turned by quarter turns, the network says how",
    .family = "pretext",
    .year = 2018,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1,
    .choose = "a cheap first look at whole organs in one pose; not for thick slices unless rotations is 4",
    .loss = "cross-entropy over the rotations",
    .formula = "-log p(rotation | turned view)",
    .reference =
        "Gidaris et al., Unsupervised representation learning by predicting image rotations, ICLR 2018, arXiv "
        "1803.07728; in 3D Taleb et al., NeurIPS 2020, arXiv 2006.03829",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<RotationOptions, TurnedViews>::defaults};

}  // namespace ssl
