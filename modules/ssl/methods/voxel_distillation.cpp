// Self-distillation of voxels: a place of a case, seen at all scales of the encoder in one view, is answered as a
// teacher answers the same place in the other view. DINO (Caron et al., "Emerging properties in self-supervised vision
// transformers", ICCV 2021) on the voxel embeddings of Goncharov et al., "vox2vec", MICCAI 2023, instead of contrast.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "augment/recipes.h"
#include "losses/distillation.h"
#include "ssl/head.h"
#include "ssl/matching_points.h"
#include "ssl/on_voxels.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct VoxelDistillationOptions {
  VoxelDistillationOptions() { views.warp.bend_chance = 0; }
  std::int64_t points = 64, prototypes = 256, hidden_size = 256, bottleneck = 64;
  double student_temperature = 0.1, teacher_temperature = 0.04, centre_momentum = 0.9, momentum = 0.99;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using Own = VoxelDistillationOptions;
    return std::tuple{
        field("points", &Own::points, "places of each sample", Range{1, 65536}),
        field("prototypes", &Own::prototypes, "of which an answer is made", Range{2, 1e6}),
        field("hidden_size", &Own::hidden_size, "width of the head", Range{2, 65536}),
        field("bottleneck", &Own::bottleneck, "what the head gives to the prototypes", Range{2, 65536}),
        field("student_temperature", &Own::student_temperature, "of the student's answer", Range{0.01, 10}),
        field("teacher_temperature", &Own::teacher_temperature, "of the teacher's: lower is sharper", Range{0.01, 10}),
        field("centre_momentum", &Own::centre_momentum, "of what is taken off the teacher's scores", Range{0, 1}),
        field("momentum", &Own::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.996 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("views", &Own::views,
              "how the two views are made; bent ones match less well, and with a spread of 1 or more they may have no "
              "place in common"),
    };
  }
};

class VoxelDistillation final : public WithTeacher {
 public:
  VoxelDistillation(const VoxelDistillationOptions& options, const Setup& setup)
      : WithTeacher("voxel_distillation", setup, options.momentum),
        options_(options),
        head_(make_head(options)),
        teacher_head_(make_head(options)),
        prototypes_(std::make_shared<Prototypes>(options.bottleneck, options.prototypes)),
        teacher_prototypes_(std::make_shared<Prototypes>(options.bottleneck, options.prototypes)),
        centre_(at::zeros({options.prototypes}).to(setup.device)) {
    add_followed("head", head_, teacher_head_);
    add_followed("prototypes", prototypes_, teacher_prototypes_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  // A ViT's class token is not part of it.
  at::Tensor embedding(const at::Tensor& images) override {
    const at::NoGradGuard no_gradient;
    return mean_over_space(encoder_->features(images).back());
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View &first = batch.views.at(0), &second = batch.views.at(1);
    const at::Tensor images = at::cat({first.images, second.images});
    const MatchingPoints points = matching_points(first, second, batch.sample, options_.points);
    const at::Tensor places = at::cat({points.first, points.second});
    const at::Tensor scores = prototypes_->forward(
        head_->forward(features_at(encoder_->features(images), places, images.sizes().slice(2)), comm()));
    const at::Tensor taught = teacher_scores(images, places);
    found_ = losses::mean_of_all(taught, comm());
    // Row by row the same place in the other view.
    const at::Tensor other = at::cat({taught.chunk(2)[1], taught.chunk(2)[0]});
    const at::Tensor shared = points.shared.flatten().repeat({2}).nonzero().flatten();
    const at::Tensor picture = shared.div(options_.points, "floor").to(images.device());
    const at::Tensor rows = shared.to(images.device());
    const at::Tensor answers =
        losses::centred_answer(other.index_select(0, rows), centre_, options_.teacher_temperature);
    const at::Tensor loss = losses::token_distillation(answers, scores.index_select(0, rows), picture, images.size(0),
                                                       options_.student_temperature);
    const at::Tensor entropy =
        losses::token_distillation(answers, answers.clamp_min(1e-12).log(), picture, images.size(0), 1);
    return {loss,
            {{"teacher_entropy", entropy},
             {"divergence", loss.detach() - entropy},
             {"shared", points.shared.mean().to(images.device())}}};
  }

  void after_update(const train::Moment& moment) override {
    WithTeacher::after_update(moment);
    centre_ = options_.centre_momentum * centre_ + (1 - options_.centre_momentum) * found_;
  }
  void save(runtime::Archive& archive) const override { archive.tensors["centre"] = centre_; }
  void load(const runtime::Archive& archive) override { centre_ = archive.tensors.at("centre").to(centre_.device()); }

 private:
  std::shared_ptr<Head> make_head(const VoxelDistillationOptions& options) const {
    return std::make_shared<Head>(
        HeadShape{channels_of_all_scales(*encoder_), options.hidden_size, options.bottleneck, 3, Between::kGELU});
  }
  at::Tensor teacher_scores(const at::Tensor& images, const at::Tensor& places) {
    const at::NoGradGuard no_gradient;
    const at::Tensor rows = features_at(teacher_encoder_->features(images), places, images.sizes().slice(2));
    return teacher_prototypes_->forward(teacher_head_->forward(rows, comm()));
  }

  VoxelDistillationOptions options_;
  std::shared_ptr<Head> head_, teacher_head_;
  std::shared_ptr<Prototypes> prototypes_, teacher_prototypes_;
  at::Tensor centre_;  // [prototypes]
  at::Tensor found_;   // of the step at hand, of all ranks
};

}  // namespace

extern const MethodEntry voxel_distillation_entry;
const MethodEntry voxel_distillation_entry{
    .name = "voxel_distillation",
    .help = "a place of a case, at all scales, is answered as a slowly moving teacher answers it in another view",
    .family = "self-distillation",
    .year = 2023,
    .needs = "2 views, positions",
    .encoders = "any",
    .cost = 2.7,
    .choose = "as voxel_contrast, where the same kind of place in other patients shall not be pushed away",
    .loss = "cross-entropy of the student's answer at a place with the teacher's, centred and sharpened, both ways",
    .formula = "-mean over shared places of sum_k softmax_k((t' - c) / 0.04) log softmax_k(s / 0.1)",
    .reference =
        "DINO, Caron et al., ICCV 2021, arXiv 2104.14294, on the voxels of vox2vec, Goncharov et al., MICCAI 2023, "
        "arXiv 2307.14725",
    .probe = "finetune",
    .improves = "divergence",
    .settings = SettingsOf<VoxelDistillationOptions, VoxelDistillation>::defaults};

}  // namespace ssl
