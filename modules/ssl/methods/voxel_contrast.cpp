// Contrast of voxels: the same place of a case in two of its views, seen at all scales of the encoder, is told from all
// other places of the batch. Goncharov et al., "vox2vec: a framework for self-supervised contrastive learning of
// voxel-level representations in medical images", MICCAI 2023.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "losses/contrastive.h"
#include "ssl/head.h"
#include "ssl/matching_points.h"
#include "ssl/method.h"

namespace ssl {
namespace {

struct VoxelContrastOptions {
  VoxelContrastOptions() { views.warp.bend_chance = 0; }
  std::int64_t points = 32, hidden_size = 128, projection_size = 64;
  double temperature = 0.1;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("points", &VoxelContrastOptions::points, "places of each sample", Range{1, 65536}),
        field("hidden_size", &VoxelContrastOptions::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &VoxelContrastOptions::projection_size, "length of a projected voxel",
              Range{2, 65536}),
        field("temperature", &VoxelContrastOptions::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("views", &VoxelContrastOptions::views,
              "how the two views are made; bent ones match less well, and with a spread of 1 or more they may have no "
              "place in common"),
    };
  }
};

class VoxelContrast final : public OneEncoder {
 public:
  VoxelContrast(const VoxelContrastOptions& options, const Setup& setup)
      : OneEncoder("voxel_contrast", setup),
        options_(options),
        projector_(std::make_shared<Head>(
            HeadShape{channels_of_all_scales(*encoder_), options.hidden_size, options.projection_size})) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View &first = batch.views.at(0), &second = batch.views.at(1);
    const MatchingPoints points = matching_points(first, second, batch.sample, options_.points);
    const std::vector<at::Tensor> scales = encoder_->features(at::cat({first.images, second.images}));
    const at::Tensor rows = features_at(scales, at::cat({points.first, points.second}), first.images.sizes().slice(2));
    const std::vector<at::Tensor> z = projector_->forward(rows, comm()).chunk(2);
    const at::Tensor counted = points.shared.flatten().to(rows.device());
    const double t = options_.temperature;
    const at::Tensor loss =
        (losses::info_nce(z[0], z[1], t, comm(), counted) + losses::info_nce(z[1], z[0], t, comm(), counted)) / 2;
    const at::Tensor alike = at::cosine_similarity(z[0].detach().to(at::kFloat), z[1].detach().to(at::kFloat));
    return {loss, {{"agreement", (alike * counted).sum() / counted.sum().clamp_min(1)}, {"shared", counted.mean()}}};
  }

 private:
  VoxelContrastOptions options_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry voxel_contrast_entry;
const MethodEntry voxel_contrast_entry{
    .name = "voxel_contrast",
    .help = "the same place of a case in two views, at all scales, is told from all other places of the batch",
    .family = "contrastive",
    .year = 2023,
    .needs = "2 views, positions",
    .encoders = "any",
    .cost = 2,
    .choose = "segmentation or landmarks with light heads: every voxel gets an embedding of its own",
    .loss = "softmax cross-entropy of a voxel's partner in the other view among all voxels drawn, by cosine, both ways",
    .formula = "-log exp(cos(v, v') / T) / sum over all voxels of the other views of exp(cos(v, other) / T)",
    .reference = "Goncharov et al., vox2vec, MICCAI 2023, arXiv 2307.14725",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<VoxelContrastOptions, VoxelContrast>::defaults};

}  // namespace ssl
