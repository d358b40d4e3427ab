// Context encoder: what is hidden is painted in, and a critic that tells painted pictures from real ones keeps the
// painting sharp. Pathak et al., "Context encoders: feature learning by inpainting", CVPR 2016.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/adversarial.h"
#include "losses/masked.h"
#include "ssl/counted.h"
#include "ssl/critic.h"
#include "ssl/hidden_blocks.h"
#include "ssl/masked_network.h"
#include "ssl/method.h"

namespace ssl {
namespace {

struct ContextEncoderOptions {
  double hidden = 0.25;
  std::vector<std::int64_t> block;
  double adversarial = 0.001;
  std::int64_t critic_base = 16;
  double critic_rate = 0.1;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden", &ContextEncoderOptions::hidden, "share of the blocks that are hidden", Range{0, 1}),
        field("block", &ContextEncoderOptions::block,
              "side of a block in voxels, {d, h, w} or one number for all; empty: what suits the encoder (a token; 16, "
              "or 8 along a patch below 96)",
              Range{1, 1024}),
        field("adversarial", &ContextEncoderOptions::adversarial,
              "weight of being taken for real; the mean square has what is left of 1", Range{0, 1}),
        field("critic_base", &ContextEncoderOptions::critic_base, "channels of the critic's first convolution",
              Range{1, 256}),
        field("critic_rate", &ContextEncoderOptions::critic_rate, "the critic's learning rate, part of trainer's",
              Range{0, 100}),
        field("warp", &ContextEncoderOptions::warp, "where and how the view is taken"),
        field("mirror", &ContextEncoderOptions::mirror, "axes turned around"),
    };
  }
};

class ContextEncoder final : public OneEncoder {
 public:
  ContextEncoder(const ContextEncoderOptions& options, const Setup& setup)
      : OneEncoder("painter", setup),
        options_(options),
        block_(chosen_block(options.block, *setup.encoder, setup.input)),
        network_(make_masked_network(encoder_, input_, {options.hidden, block_})),
        critic_(std::make_shared<Critic>(input_, options.critic_base, 0)) {
    for (const auto& [name, part] : network_->parts()) add(std::string(name), part);
    add("critic", critic_, /*trained=*/false);  // by the painter's phase
  }

  std::vector<train::Phase> phases() override {
    std::vector<train::Phase> both = OneEncoder::phases();
    both.push_back({"critic", {}, options_.critic_rate});
    for (const auto& item : critic_->named_parameters())
      both.back().parameters.emplace_back("critic." + item.key(), item.value());
    return both;
  }

  std::vector<augment::Recipe> views() const override {
    return {hiding(patch(), block_, options_.hidden, options_.warp, options_.mirror)};
  }

  // The critic learns from what the painter made before its update of the same step.
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    GADOLIN_CHECK(view.hidden.defined());
    if (phase == 0) return painter_step(view);
    const at::Tensor real = critic_->forward(view.images), made = critic_->forward(painted_);
    const at::Tensor told = ((real > 0).to(at::kFloat).mean() + (made <= 0).to(at::kFloat).mean()) / 2;
    return {losses::told_apart(real, made), {{"critic_right", told}}};
  }

 private:
  train::StepResult painter_step(const data::View& view) {
    const at::Tensor counted = hidden_inside(view), hidden = view.hidden.unsqueeze(1);
    const at::Tensor filled = network_->fill(view.images, hidden);
    const at::Tensor picture = at::where(counted > 0, filled, view.images.to(filled.scalar_type()));
    painted_ = picture.detach();
    const at::Tensor apart =
        losses::masked_mean_square(filled, view.images, counted, block_, false) * weight_of(counted, comm());
    const at::Tensor fooled = losses::taken_for_real(critic_->forward(picture));
    return {(1 - options_.adversarial) * apart + options_.adversarial * fooled,
            {{"apart", apart.detach()}, {"taken_for_real", fooled.detach()}}};
  }

  ContextEncoderOptions options_;
  models::Extent block_;
  std::unique_ptr<MaskedNetwork> network_;
  std::shared_ptr<Critic> critic_;
  at::Tensor painted_;  // of the step at hand, from its first phase for its second
};

}  // namespace

extern const MethodEntry context_encoder_entry;
const MethodEntry context_encoder_entry{
    .name = "context_encoder",
    .help = "what is hidden is painted in, a critic keeps the painting sharp",
    .family = "pretext",
    .year = 2016,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.7,
    .choose = "as mae where sharp texture matters more than a stable loss; two optimisers, more to tune",
    .loss = "mean square of what was painted, and the critic's belief that the picture is real",
    .formula = "(1 - a) mean over hidden (painted - x)^2 - a log D(painted); D: -log D(x) - log(1 - D(painted))",
    .reference = "Pathak et al., Context encoders: feature learning by inpainting, CVPR 2016, arXiv 1604.07379",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<ContextEncoderOptions, ContextEncoder>::defaults};

}  // namespace ssl
