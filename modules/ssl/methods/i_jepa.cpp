// I-JEPA: from the tokens of a context block the teacher's embeddings of other blocks are predicted; no voxels, no
// views. Assran et al., "Self-supervised learning from images with a joint-embedding predictive architecture", CVPR
// 2023. All blocks of a step are predicted at once, as in V-JEPA, and lie at the same places in all samples of the
// step, so that every sample has as many tokens; the next step draws others.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/prediction.h"
#include "models/vit.h"
#include "ssl/token_blocks.h"
#include "ssl/token_filler.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct IJepaOptions {
  std::int64_t targets = 4, predictor_width = 64, predictor_depth = 2, predictor_heads = 2;
  double target_low = 0.15, target_high = 0.2, context_low = 0.85, context_high = 1, momentum = 0.99;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("targets", &IJepaOptions::targets, "blocks that are predicted", Range{1, 64}),
        field("target_low", &IJepaOptions::target_low, "least share of the picture of such a block", Range{0.001, 1}),
        field("target_high", &IJepaOptions::target_high, "greatest", Range{0.001, 1}),
        field("context_low", &IJepaOptions::context_low,
              "least share of the block that is seen, before the others are taken out", Range{0.001, 1}),
        field("context_high", &IJepaOptions::context_high, "greatest", Range{0.001, 1}),
        field("predictor_width", &IJepaOptions::predictor_width, "of the predictor's tokens", Range{1, 8192}),
        field("predictor_depth", &IJepaOptions::predictor_depth, "its blocks", Range{1, 64}),
        field("predictor_heads", &IJepaOptions::predictor_heads, "its heads", Range{1, 128}),
        field("momentum", &IJepaOptions::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.996 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("warp", &IJepaOptions::warp, "where and how the view is taken"),
        field("mirror", &IJepaOptions::mirror, "axes turned around"),
    };
  }
};

std::shared_ptr<models::Vit> vit_of(const std::shared_ptr<models::Encoder>& encoder) {
  auto vit = std::dynamic_pointer_cast<models::Vit>(encoder);
  if (!vit)
    throw core::usage_error("i_jepa predicts tokens, and this encoder has none", "take encoder.name: vit or primus");
  return vit;
}

class IJepa final : public WithTeacher {
 public:
  IJepa(const IJepaOptions& options, const Setup& setup)
      : WithTeacher("i_jepa", setup, options.momentum), options_(options), vit_(vit_of(encoder_)) {
    if (options.target_low > options.target_high || options.context_low > options.context_high)
      throw core::usage_error("i_jepa: a least share is greater than the greatest", "put the smaller first");
    teacher_vit_ = vit_of(teacher_encoder_);
    for (std::size_t a = 0; a < 3; ++a) grid_[a] = input_.patch[a] / vit_->patch()[a];
    token_blocks(grid_, shape(), 0);  // refuses what leaves nothing
    predictor_ = std::make_shared<TokenFiller>(TokenFillerShape{vit_->width(), grid_[0] * grid_[1] * grid_[2],
                                                                options.predictor_width, options.predictor_depth,
                                                                options.predictor_heads, vit_->width()});
    add("predictor", predictor_);
  }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment& moment) override {
    const at::Tensor& images = batch.views.at(0).images;
    const TokenBlocks blocks = token_blocks(grid_, shape(), static_cast<std::uint64_t>(moment.step));
    const at::Tensor context = blocks.context.to(images.device()),
                     targets = blocks.targets.flatten().to(images.device());
    const at::Tensor places = context.unsqueeze(0);
    const at::Tensor seen = vit_->encode(vit_->tokens(images).index_select(1, context), {grid_, places});
    const at::Tensor all = predictor_->forward(seen, places.expand({images.size(0), -1}));
    const at::Tensor wanted = taught(images).index_select(1, targets);
    const at::Tensor predicted = all.index_select(1, targets);
    const at::Tensor loss = losses::smooth_distance(predicted, wanted);
    return {loss, {{"target_spread", wanted.std(0).mean()}}};
  }

 private:
  TokenBlocksShape shape() const {
    return {options_.targets, options_.target_low, options_.target_high, options_.context_low, options_.context_high};
  }
  // The teacher sees the whole picture; its tokens are normalised, so that none counts for its length.
  at::Tensor taught(const at::Tensor& images) {
    const at::NoGradGuard no_gradient;
    const at::Tensor tokens = teacher_vit_->encode(teacher_vit_->tokens(images)).to(at::kFloat);
    return at::layer_norm(tokens, {tokens.size(2)});
  }

  IJepaOptions options_;
  std::shared_ptr<models::Vit> vit_, teacher_vit_;
  models::Extent grid_{};
  std::shared_ptr<TokenFiller> predictor_;
};

}  // namespace

extern const MethodEntry i_jepa_entry;
const MethodEntry i_jepa_entry{
    .name = "i_jepa",
    .help = "from some tokens the teacher's embeddings of other blocks are predicted, no voxels",
    .family = "predictive",
    .year = 2023,
    .needs = "1 view",
    .encoders = "vit, primus",
    .cost = 1,
    .choose = "a ViT without any thought about which changes of a picture do not matter; cheap, long runs",
    .loss = "smooth absolute distance of predicted tokens from the teacher's, normalised, over the target blocks",
    .formula = "mean of h(p - norm(t)), h(d) = d^2 / 2 up to 1, |d| - 1/2 beyond",
    .reference =
        "Assran et al., Self-supervised learning from images with a joint-embedding predictive architecture, "
        "CVPR 2023, arXiv 2301.08243",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<IJepaOptions, IJepa>::defaults};

}  // namespace ssl
