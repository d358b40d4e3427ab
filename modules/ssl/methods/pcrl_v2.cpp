// PCRLv2: damaged views are restored from their coarsest features alone, at full resolution and at coarser scales, and
// at each scale of the way back a view's features tell what those of the sample's other views are: one view's pixels
// and what views have in common are learnt in the same features. Zhou et al., "A unified visual information
// preservation framework for self-supervised pre-training in medical image analysis", IEEE TPAMI 45, 2023.
//
// The authors' code draws one scale at each step, for the coarser restoration and for the comparison; here it is the
// mean over all scales, which a draw has as its mean. Both large views are restored, there the first one.
#include <ATen/ATen.h>

#include <cmath>
#include <numbers>

#include "augment/ops/keep.h"
#include "core/error.h"
#include "losses/agreement.h"
#include "losses/masked.h"
#include "losses/precision.h"
#include "models/batch_norm.h"
#include "ssl/counted.h"
#include "ssl/decoder_without_skips.h"
#include "ssl/head.h"
#include "ssl/on_voxels.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct PcrlOptions {
  double agreement_weight = 1;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("agreement_weight", &PcrlOptions::agreement_weight, "of the comparison of views beside the restoration",
              Range{0, 1000}),
        field("views", &PcrlOptions::views,
              "how views are made; what changes the values of the large ones is damage, which is undone"),
    };
  }
};

// The large views of a batch, one after the other: as they were before the damage, and where they lie in their case.
struct Wanted {
  at::Tensor kept, inside;  // [L N, C, D, H, W], [L N, 1, D, H, W]
};

class Pcrl final : public OnVoxels {
 public:
  Pcrl(const PcrlOptions& options, const Setup& setup)
      : OnVoxels("pcrl_v2", setup),
        options_(options),
        small_(small_patch_of(options.views, setup)),
        decoder_(std::make_shared<DecoderWithoutSkips>(*encoder_)) {
    if (options.views.crops.large < 2)
      throw core::usage_error("pcrl_v2 has one large view: there is no other to compare it with",
                              "method.views.crops.large: 2");
    add("rebuilder", decoder_);
    for (const std::int64_t channels : decoder_->channels()) {
      const std::string number = std::to_string(painters_.size());
      painters_.push_back(std::make_shared<models::Conv>(channels, input_.channels, kOne, kOne, true));
      predictors_.push_back(std::make_shared<Head>(HeadShape{channels, 2 * channels, channels}));
      add("painter" + number, painters_.back());
      add("predictor" + number, predictors_.back());
    }
  }

  std::vector<augment::Recipe> views() const override {
    std::vector<augment::Recipe> all = recipes_of(options_.views, input_, small_);
    for (std::size_t v = 0; v < large(); ++v) {
      std::vector<augment::OpPointer> ops = all[v].ops();
      ops.insert(ops.begin() + 1, augment::make(augment::Keep{}));  // behind what picks the view
      all[v] = augment::Recipe(all[v].patch(), std::move(ops));
    }
    return all;
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment& moment) override {
    need_samples(batch, comm(), 2, "pcrl_v2", "its predictors are normalised over the batch");
    const std::span<const data::View> all(batch.views);
    const std::vector<at::Tensor> of_large = scales_of(all.first(large()));
    std::vector<at::Tensor> of_small;
    if (all.size() > large()) of_small = scales_of(all.subspan(large()));

    const Wanted wanted = wanted_of(all.first(large()));
    const at::Tensor weight = weight_of(wanted.inside, comm());
    const at::Tensor apart = apart_at(of_large.size() - 1, of_large, wanted) * weight;
    at::Tensor coarser = at::zeros_like(apart, apart.options().requires_grad(false));
    const auto scales = static_cast<double>(of_large.size());
    for (std::size_t s = 0; s + 1 < of_large.size(); ++s)
      coarser = coarser + apart_at(s, of_large, wanted) * weight / (scales - 1);

    losses::ViewsAgreement agreement;
    for (std::size_t s = 0; s < of_large.size(); ++s) {
      const losses::ViewsAgreement here = agreement_at(s, of_large, of_small, batch.size());
      agreement.large = s == 0 ? here.large / scales : agreement.large + here.large / scales;
      agreement.small = s == 0 ? here.small / scales : agreement.small + here.small / scales;
    }
    const double fading = (1 + std::cos(std::numbers::pi * moment.done())) / 2;
    const at::Tensor unlike = of_small.empty() ? 1 - agreement.large : 2 - agreement.large - agreement.small;
    return {apart + fading * coarser + options_.agreement_weight * unlike,
            {{"apart", apart.detach()},
             {"apart_coarser", coarser.detach()},
             {"agreement", agreement.large.detach()},
             {"agreement_small", agreement.small.detach()}}};
  }

  train::NamedTensors pictures(const data::Batch& batch) override {
    const at::NoGradGuard no_gradient;
    const std::vector<at::Tensor> scales = scales_of({batch.views.data(), 1});
    return {{"restored", painters_.back()->forward(scales.back()).to(at::kFloat)}};
  }

 private:
  static constexpr models::Extent kOne{1, 1, 1};

  std::size_t large() const { return static_cast<std::size_t>(options_.views.crops.large); }

  // Of views of one size, one after the other.
  std::vector<at::Tensor> scales_of(std::span<const data::View> views) {
    std::vector<at::Tensor> images;
    for (const data::View& view : views) images.push_back(view.images);
    const at::Tensor together = images.size() == 1 ? images[0] : at::cat(images);
    return decoder_->scales(encoder_->features(together).back(), together.sizes().slice(2));
  }

  static Wanted wanted_of(std::span<const data::View> views) {
    std::vector<at::Tensor> kept, inside;
    for (const data::View& view : views) {
      GADOLIN_CHECK(view.kept.defined());
      kept.push_back(view.kept);
      inside.push_back(view.valid.unsqueeze(1));
    }
    return {at::cat(kept), at::cat(inside)};
  }

  // Painted at scale `s`, made as fine as the view.
  at::Tensor apart_at(std::size_t s, const std::vector<at::Tensor>& scales, const Wanted& wanted) const {
    at::Tensor painted = losses::at_least_float(painters_[s]->forward(scales[s]));
    const auto extent = wanted.kept.sizes().slice(2);
    if (painted.sizes().slice(2) != extent)
      painted = at::upsample_trilinear3d(painted, extent, /*align_corners=*/false);
    return losses::masked_mean_square(painted, wanted.kept, wanted.inside, {}, false);
  }

  losses::ViewsAgreement agreement_at(std::size_t s, const std::vector<at::Tensor>& of_large,
                                      const std::vector<at::Tensor>& of_small, std::int64_t samples) {
    const auto mean = [](const at::Tensor& features) { return losses::at_least_float(features).mean({2, 3, 4}); };
    const at::Tensor rows = of_small.empty() ? mean(of_large[s]) : at::cat({mean(of_large[s]), mean(of_small[s])});
    const at::Tensor projected = models::batch_norm(rows, {}, {}, comm());
    const at::Tensor predicted = predictors_[s]->forward(projected, comm());
    const auto by_view = [&](const at::Tensor& each) { return each.view({-1, samples, each.size(1)}); };
    return losses::views_agreement(by_view(predicted), by_view(projected), options_.views.crops.large);
  }

  PcrlOptions options_;
  models::Extent small_;
  std::shared_ptr<DecoderWithoutSkips> decoder_;
  std::vector<std::shared_ptr<models::Conv>> painters_;  // by scale, coarsest first
  std::vector<std::shared_ptr<Head>> predictors_;
};

}  // namespace

extern const MethodEntry pcrl_v2_entry;
const MethodEntry pcrl_v2_entry{
    .name = "pcrl_v2",
    .help = "damaged views are restored from their coarsest features, and compared with other views at each scale",
    .family = "hybrid",
    .year = 2023,
    .needs = "2 large views and 4 small ones",
    .encoders = "any",
    .cost = 3.8,
    .choose = "one encoder for dense tasks and for whole pictures; wants batches of a dozen, over all ranks together",
    .loss =
        "mean square to the undamaged views at full resolution, at coarser scales ever less, and 1 - cosine of "
        "prediction and projection between views at each scale",
    .formula =
        "mean (G(E(x')) - x)^2 + b mean (up(G_s) - x)^2 + 1 - cos(p_s, stop(z_s)) of large pairs and of large with "
        "small, b = (1 + cos(pi t)) / 2",
    .reference =
        "Zhou et al., A unified visual information preservation framework for self-supervised pre-training in medical "
        "image analysis, IEEE TPAMI 45, 2023, arXiv 2301.00772",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<PcrlOptions, Pcrl>::defaults};

}  // namespace ssl
