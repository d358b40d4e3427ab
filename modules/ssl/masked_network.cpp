#include "ssl/masked_network.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <string>

#include "core/error.h"
#include "losses/masked.h"
#include "losses/precision.h"
#include "models/decoder.h"
#include "models/extent.h"
#include "models/vit.h"
#include "ssl/hidden_blocks.h"
#include "ssl/token_filler.h"

namespace ssl {
namespace {

using models::Extent;
using models::to_text;

class PaintingUNet final : public MaskedNetwork {
 public:
  PaintingUNet(std::shared_ptr<models::Encoder> encoder, const models::Input& input)
      : encoder_(std::move(encoder)), decoder_(models::make_decoder(*encoder_, input, input.channels, false)) {}

  Filled fill_and_embed(const at::Tensor& images, const at::Tensor& hidden) override {
    const at::Tensor seen = images.masked_fill(hidden.to(at::kBool), 0);
    const std::vector<at::Tensor> features = encoder_->features(seen);
    const at::Tensor coarsest = losses::at_least_float(features.back()).mean({2, 3, 4});
    return {decoder_->maps(features, seen).front(), coarsest};
  }
  std::vector<std::pair<std::string_view, std::shared_ptr<torch::nn::Module>>> parts() const override {
    return {{"decoder", decoder_}};
  }

 private:
  std::shared_ptr<models::Encoder> encoder_;
  std::shared_ptr<models::Decoder> decoder_;
};

class FillingVit final : public MaskedNetwork {
 public:
  FillingVit(std::shared_ptr<models::Vit> vit, const models::Input& input, const MaskedShape& shape)
      : vit_(std::move(vit)), channels_(input.channels), token_(vit_->patch()) {
    std::int64_t tokens = 1, blocks = 1, voxels = channels_;
    for (std::size_t a = 0; a < 3; ++a) {
      if (shape.block[a] % token_[a] != 0 || input.patch[a] % shape.block[a] != 0)
        throw core::usage_error("blocks of " + to_text(shape.block) + " voxels do not fit a patch of " +
                                    to_text(input.patch) + " with tokens of " + to_text(token_),
                                "a block must be made of whole tokens and the patch of whole blocks; leave "
                                "method.block empty for blocks of one token");
      grid_[a] = input.patch[a] / token_[a];
      tokens *= grid_[a];
      blocks *= input.patch[a] / shape.block[a];
      voxels *= token_[a];
    }
    visible_ = tokens - std::llround(shape.hidden * static_cast<double>(blocks)) * (tokens / blocks);
    filler_ = std::make_shared<TokenFiller>(
        TokenFillerShape{vit_->width(), tokens, shape.width, shape.depth, shape.heads, voxels});
  }

  Filled fill_and_embed(const at::Tensor& images, const at::Tensor& hidden) override {
    const at::Tensor of_token = hidden_tokens(hidden, token_);
    const at::Tensor places = of_token.argsort(/*stable=*/true, /*dim=*/1, /*descending=*/false).narrow(1, 0, visible_);
    // Elsewhere it would stall the device; the recipe of the views sees to it.
    if (images.is_cpu()) GADOLIN_CHECK(of_token.gather(1, places).max().item<double>() == 0);
    const at::Tensor tokens = vit_->tokens(images);
    const at::Tensor seen = tokens.gather(1, places.unsqueeze(2).expand({tokens.size(0), visible_, tokens.size(2)}));
    const models::Vit::Encoded encoded = vit_->encode_all(seen, {grid_, places});
    return {picture_of(filler_->forward(encoded.tokens, places), channels_, grid_, token_), encoded.summary};
  }
  std::vector<std::pair<std::string_view, std::shared_ptr<torch::nn::Module>>> parts() const override {
    return {{"filler", filler_}};
  }

 private:
  std::shared_ptr<models::Vit> vit_;
  std::int64_t channels_;
  Extent token_, grid_{};
  std::int64_t visible_ = 0;
  std::shared_ptr<TokenFiller> filler_;
};

}  // namespace

std::unique_ptr<MaskedNetwork> make_masked_network(const std::shared_ptr<models::Encoder>& encoder,
                                                   const models::Input& input, const MaskedShape& shape) {
  check_blocks(input, shape.block, shape.hidden, {1, 1, 1});
  if (auto vit = std::dynamic_pointer_cast<models::Vit>(encoder))
    return std::make_unique<FillingVit>(std::move(vit), input, shape);
  return std::make_unique<PaintingUNet>(encoder, input);
}

at::Tensor with_hidden_filled_in(MaskedNetwork& network, const data::View& view, const Extent& block, bool normalised) {
  const at::NoGradGuard no_gradient;
  const at::Tensor hidden = view.hidden.unsqueeze(1);
  at::Tensor filled = network.fill(view.images, hidden).to(at::kFloat);
  if (normalised) filled = losses::as_before_normalising(filled, view.images, block);
  return at::where(hidden > 0, filled, view.images);
}

}  // namespace ssl
