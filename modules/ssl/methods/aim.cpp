// AIM: the tokens of a view are read one after the other, from each the next is foretold. El-Nouby et al., "Scalable
// pre-training of large autoregressive image models", ICML 2024.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>
#include <torch/nn/modules/normalization.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/masked.h"
#include "models/vit.h"
#include "ssl/counted.h"
#include "ssl/hidden_blocks.h"
#include "ssl/method.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct AimOptions {
  std::int64_t head_depth = 2;
  bool normalise = true;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("head_depth", &AimOptions::head_depth, "residual blocks between the encoder and what is foretold",
              Range{0, 64}),
        field("normalise", &AimOptions::normalise,
              "compare with the picture brought to mean 0 and variance 1 in each token"),
        field("warp", &AimOptions::warp, "where and how the view is taken"),
        field("mirror", &AimOptions::mirror, "axes turned around"),
    };
  }
};

std::shared_ptr<models::Vit> transformer(const Setup& setup) {
  auto vit = std::dynamic_pointer_cast<models::Vit>(setup.encoder);
  if (!vit)
    throw core::usage_error("aim reads tokens one after the other, and this encoder has none",
                            "take encoder.name: vit or primus");
  return vit;
}

// Each token by itself: residual blocks (norm, wider, GELU, narrow), then a norm and one linear layer.
class Foretelling : public torch::nn::Module {
 public:
  Foretelling(std::int64_t width, std::int64_t depth, std::int64_t voxels) {
    for (std::int64_t i = 0; i < depth; ++i) {
      const std::string name = "block" + std::to_string(i);
      blocks_.push_back({register_module(name + "_norm", norm_of(width)),
                         register_module(name + "_widen", std::make_shared<torch::nn::LinearImpl>(width, 4 * width)),
                         register_module(name + "_narrow", std::make_shared<torch::nn::LinearImpl>(4 * width, width))});
    }
    norm_ = register_module("norm", norm_of(width));
    out_ = register_module("out", std::make_shared<torch::nn::LinearImpl>(width, voxels));
  }

  at::Tensor forward(const at::Tensor& tokens) const {
    at::Tensor x = tokens;
    for (const Block& block : blocks_)
      x = x + block.narrow->forward(at::gelu(block.widen->forward(block.norm->forward(x))));
    return out_->forward(norm_->forward(x));
  }

 private:
  struct Block {
    std::shared_ptr<torch::nn::LayerNormImpl> norm;
    std::shared_ptr<torch::nn::LinearImpl> widen, narrow;
  };
  static std::shared_ptr<torch::nn::LayerNormImpl> norm_of(std::int64_t width) {
    return std::make_shared<torch::nn::LayerNormImpl>(torch::nn::LayerNormOptions({width}));
  }
  std::vector<Block> blocks_;
  std::shared_ptr<torch::nn::LayerNormImpl> norm_;
  std::shared_ptr<torch::nn::LinearImpl> out_;
};

class Aim final : public OneEncoder {
 public:
  Aim(const AimOptions& options, const Setup& setup)
      : OneEncoder("aim", setup), options_(options), vit_(transformer(setup)), token_(vit_->patch()) {
    tokens_ = 1;
    for (std::size_t a = 0; a < 3; ++a) {
      grid_[a] = input_.patch[a] / token_[a];
      tokens_ *= grid_[a];
    }
    if (tokens_ < 2)
      throw core::usage_error("a patch of one token has no next one to foretell",
                              "take smaller tokens (encoder.patch) or larger patches");
    head_ = std::make_shared<Foretelling>(vit_->width(), options.head_depth,
                                          input_.channels * token_[0] * token_[1] * token_[2]);
    add("head", head_);
  }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  // Of each sample a first part, as long as drawn, is seen as a whole; what comes behind it is foretold.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    std::vector<std::int64_t> drawn;
    for (core::Rng& rng : draws_for(batch))
      drawn.push_back(1 + static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(tokens_ - 1))));
    const at::Tensor prefix = at::tensor(drawn, at::kLong).to(view.images.device());
    const at::Tensor said = head_->forward(vit_->encode_all(vit_->tokens(view.images), {grid_, {}}, prefix).tokens);
    // Token i is said by token i - 1; the first, by none, is in every prefix.
    const at::Tensor foretold = at::cat({at::zeros_like(said.slice(1, 0, 1)), said.slice(1, 0, tokens_ - 1)}, 1);
    const at::Tensor behind = at::arange(tokens_, prefix.options()) >= prefix.unsqueeze(1);
    const std::int64_t voxels = token_[0] * token_[1] * token_[2];
    const at::Tensor counted =
        picture_of(behind.unsqueeze(2).expand({-1, -1, voxels}), 1, grid_, token_) * view.valid.unsqueeze(1);
    const at::Tensor loss = losses::masked_mean_square(picture_of(foretold, input_.channels, grid_, token_),
                                                       view.images, counted, token_, options_.normalise);
    return {loss * weight_of(counted, comm()), {}};
  }

 private:
  AimOptions options_;
  std::shared_ptr<models::Vit> vit_;
  models::Extent token_, grid_{};
  std::int64_t tokens_;
  std::shared_ptr<Foretelling> head_;
};

}  // namespace

extern const MethodEntry aim_entry;
const MethodEntry aim_entry{
    .name = "aim",
    .help = "tokens of a view are read one after the other, from each the next is foretold",
    .family = "predictive",
    .year = 2024,
    .needs = "1 view",
    .encoders = "vit, primus",
    .cost = 1,
    .choose = "large transformers on much data, with no other view and no decoder; probe tokens, not the class token",
    .loss = "mean square of what was foretold, over voxels behind the prefix inside the case, normalised in tokens",
    .formula = "sum over i >= prefix of (said(tokens before i) - norm(x_i))^2 / voxels",
    .reference =
        "El-Nouby et al., Scalable pre-training of large autoregressive image models, ICML 2024, arXiv 2401.08541",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<AimOptions, Aim>::defaults};

}  // namespace ssl
