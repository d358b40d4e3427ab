// VoCo: a view is cut into base crops; how much a crop at any place shares with each of them is told by how much their
// embeddings are alike. Wu et al., "VoCo: a simple-yet-effective volume contrastive learning framework", CVPR 2024.
#include <ATen/ATen.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/position.h"
#include "losses/precision.h"
#include "models/extent.h"
#include "ssl/head.h"
#include "ssl/sample_draws.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

using models::Extent;

struct VocoOptions {
  VocoOptions() { warp.rotation_chance = warp.bend_chance = 0; }
  std::vector<std::int64_t> bases{1, 4, 4};
  std::int64_t crops = 4;
  double apart_weight = 1;
  double momentum = 0.9;
  std::int64_t hidden_size = 2048;
  std::int64_t projection_size = 2048;
  augment::Warp warp;
  augment::Mirror mirror;
  augment::Intensity intensity;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("bases", &VocoOptions::bases, "base crops along {d, h, w} of the patch; the encoder sees one at a time",
              Range{1, 64}),
        field("crops", &VocoOptions::crops, "crops at any place, told in a sample", Range{1, 64}),
        field("apart_weight", &VocoOptions::apart_weight, "of bases being unlike each other", Range{0, 1000}),
        field("momentum", &VocoOptions::momentum, "of the teacher at the begin of the run; rises to 1", Range{0, 1}),
        field("hidden_size", &VocoOptions::hidden_size, "width of the projector's hidden layer", Range{2, 65536}),
        field("projection_size", &VocoOptions::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("warp", &VocoOptions::warp, "where and how the view is taken"),
        field("mirror", &VocoOptions::mirror, "axes turned around"),
        field("intensity", &VocoOptions::intensity, "changes of the voxels' values, of the view as a whole"),
    };
  }
};

// The part of a crop at `crop` that lies in the base crop at `base`, both of this extent.
double shared(const Extent& crop, const Extent& base, const Extent& extent) {
  double share = 1;
  for (std::size_t a = 0; a < 3; ++a)
    share *= static_cast<double>(std::max<std::int64_t>(extent[a] - std::abs(crop[a] - base[a]), 0)) /
             static_cast<double>(extent[a]);
  return share;
}

class Voco final : public WithTeacher {
 public:
  Voco(const VocoOptions& options, const Setup& setup)
      : WithTeacher("voco", setup, options.momentum), options_(options) {
    if (options.bases.size() != 3)
      throw core::usage_error("method.bases has " + std::to_string(options.bases.size()) + " numbers",
                              "bases: [1, 4, 4], how many along depth, height, width");
    if (options.bases[0] * options.bases[1] * options.bases[2] < 2)
      throw core::usage_error("one base crop leaves nothing to compare", "bases: [1, 4, 4]");
    for (std::size_t a = 0; a < 3; ++a) extent_[a] = input_.patch[a] / options.bases[a];
    core::with_context(
        "voco cuts a patch of " + models::to_text(input_.patch) + " voxels into crops of " + models::to_text(extent_),
        [&] { encoder_->check_extent(extent_); });
    const HeadShape shape{encoder_->embedding_size(), options.hidden_size, options.projection_size, 2, Between::kReLU};
    projector_ = std::make_shared<Head>(shape);
    teacher_projector_ = std::make_shared<Head>(shape);
    add_followed("projector", projector_, teacher_projector_);
    for (std::int64_t d = 0; d < options.bases[0]; ++d) {
      for (std::int64_t h = 0; h < options.bases[1]; ++h) {
        for (std::int64_t w = 0; w < options.bases[2]; ++w)
          bases_.push_back({d * extent_[0], h * extent_[1], w * extent_[2]});
      }
    }
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  std::vector<augment::Recipe> views() const override {
    const augment::Intensity& values = options_.intensity;
    return {{patch(),
             {augment::make(options_.warp), augment::make(values.noise), augment::make(values.blur),
              augment::make(values.brightness), augment::make(values.contrast), augment::make(values.low_resolution),
              augment::make(values.gamma), augment::make(options_.mirror)}}};
  }

  // Crops of the student are compared with bases of the teacher and the other way round; each sample by itself.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor& images = batch.views.at(0).images;
    std::vector<at::Tensor> crops;
    std::vector<float> shares;
    std::vector<core::Rng> draws = draws_for(batch);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const at::Tensor picture = images[static_cast<std::int64_t>(i)];
      for (const Extent& base : bases_) crops.push_back(cut(picture, base));
      for (std::int64_t c = 0; c < options_.crops; ++c) {
        const Extent place = anywhere(draws[i]);
        crops.push_back(cut(picture, place));
        for (const Extent& base : bases_) shares.push_back(static_cast<float>(shared(place, base, extent_)));
      }
    }
    const auto bases = static_cast<std::int64_t>(bases_.size());
    const at::Tensor all = at::stack(crops);
    const at::Tensor share = at::tensor(shares).view({batch.size(), options_.crops, bases}).to(images.device());
    const at::Tensor student = by_sample(projector_->forward(encoder_->embedding(all), comm()), bases);
    const at::Tensor teacher = [&] {
      const at::NoGradGuard no_gradient;
      return by_sample(teacher_projector_->forward(teacher_encoder_->embedding(all), comm()), bases);
    }();
    const at::Tensor told = (cosines(student.slice(1, bases), teacher.slice(1, 0, bases)) +
                             cosines(teacher.slice(1, bases), student.slice(1, 0, bases))) /
                            2;
    at::Tensor position = at::zeros({}, told.options());
    for (std::int64_t i = 0; i < batch.size(); ++i) position = position + losses::overlap_told(told[i], share[i]);
    position = position / static_cast<double>(batch.size());
    const at::Tensor apart = losses::bases_apart(student.slice(1, 0, bases));
    return {position + options_.apart_weight * apart,
            {{"position", position.detach()}, {"bases_alike", apart.detach()}}};
  }

 private:
  at::Tensor cut(const at::Tensor& picture, const Extent& begin) const {
    return picture.slice(1, begin[0], begin[0] + extent_[0])
        .slice(2, begin[1], begin[1] + extent_[1])
        .slice(3, begin[2], begin[2] + extent_[2]);
  }
  // Within what the bases cover.
  Extent anywhere(core::Rng& rng) const {
    Extent place{};
    for (std::size_t a = 0; a < 3; ++a)
      place[a] =
          static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>((options_.bases[a] - 1) * extent_[a]) + 1));
    return place;
  }
  // [N, bases + crops, C] float32, of length 1.
  at::Tensor by_sample(const at::Tensor& rows, std::int64_t bases) const {
    return unit_rows(rows).unflatten(0, {-1, bases + options_.crops});
  }
  // relu of them, [N, crops, bases]
  static at::Tensor cosines(const at::Tensor& crops, const at::Tensor& bases) {
    const losses::WithoutAutocast exact;
    return crops.matmul(bases.transpose(1, 2)).relu();
  }

  VocoOptions options_;
  Extent extent_{};
  std::vector<Extent> bases_;  // where each begins
  std::shared_ptr<Head> projector_, teacher_projector_;
};

}  // namespace

extern const MethodEntry voco_entry;
const MethodEntry voco_entry{
    .name = "voco",
    .help = "how much a crop shares with base crops of the same view is told by how alike their embeddings are",
    .family = "predictive",
    .year = 2024,
    .needs = "1 view",
    .encoders = "any",
    .cost = 2,
    .choose = "large fields of view of the body in one pose (CT); the patch is cut, so give a wide one: data.patch",
    .loss = "-log(1 - |share - cosine|) where crops share voxels, cosine^2 where not, and bases unlike each other",
    .formula = "sum -y log(1 - |y - s|) / sum y + mean over y = 0 of s^2 + mean relu(cos(b, b'))^2",
    .reference =
        "Wu et al., VoCo: a volume contrastive learning framework, CVPR 2024, arXiv 2402.17300 (the loss is that "
        "of the authors' code)",
    .probe = "finetune",
    .improves = "position",
    .settings = SettingsOf<VocoOptions, Voco>::defaults};

}  // namespace ssl
