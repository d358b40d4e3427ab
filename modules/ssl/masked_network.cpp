#include "ssl/masked_network.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "core/error.h"
#include "models/decoder.h"
#include "models/vit.h"
#include "ssl/token_filler.h"

namespace ssl {
namespace {

using models::Extent;

std::string extent_text(const Extent& e) {
  return std::to_string(e[0]) + " x " + std::to_string(e[1]) + " x " + std::to_string(e[2]);
}

class PaintingUNet final : public MaskedNetwork {
 public:
  PaintingUNet(std::shared_ptr<models::Encoder> encoder, const models::Input& input)
      : encoder_(std::move(encoder)), decoder_(models::make_decoder(*encoder_, input, input.channels, false)) {}

  at::Tensor fill(const at::Tensor& images, const at::Tensor& hidden) override {
    const at::Tensor seen = images.masked_fill(hidden.to(at::kBool), 0);
    return decoder_->maps(encoder_->features(seen), seen).front();
  }
  std::vector<std::pair<std::string_view, std::shared_ptr<torch::nn::Module>>> parts() const override {
    return {{"decoder", decoder_}};
  }

 private:
  std::shared_ptr<models::Encoder> encoder_;
  std::shared_ptr<models::Decoder> decoder_;
};

// Tokens lie in the order of their blocks, {d, h, w}, width fastest; a token's numbers are {channel, d, h, w}.
class FillingVit final : public MaskedNetwork {
 public:
  FillingVit(std::shared_ptr<models::Vit> vit, const models::Input& input, const MaskedShape& shape)
      : vit_(std::move(vit)), channels_(input.channels), token_(vit_->patch()) {
    std::int64_t tokens = 1, blocks = 1, voxels = channels_;
    for (std::size_t a = 0; a < 3; ++a) {
      if (shape.block[a] % token_[a] != 0 || input.patch[a] % shape.block[a] != 0)
        throw core::usage_error("blocks of " + extent_text(shape.block) + " voxels do not fit a patch of " +
                                    extent_text(input.patch) + " with tokens of " + extent_text(token_),
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

  at::Tensor fill(const at::Tensor& images, const at::Tensor& hidden) override {
    const at::Tensor of_token = hidden.select(1, 0)
                                    .slice(1, 0, std::nullopt, token_[0])
                                    .slice(2, 0, std::nullopt, token_[1])
                                    .slice(3, 0, std::nullopt, token_[2])
                                    .flatten(1);
    const at::Tensor places = of_token.argsort(/*stable=*/true, /*dim=*/1, /*descending=*/false).narrow(1, 0, visible_);
    // Elsewhere it would stall the device; the recipe of the views sees to it.
    if (images.is_cpu()) GADOLIN_CHECK(of_token.gather(1, places).max().item<double>() == 0);
    const at::Tensor tokens = vit_->tokens(images);
    const at::Tensor seen = tokens.gather(1, places.unsqueeze(2).expand({tokens.size(0), visible_, tokens.size(2)}));
    return picture_of(filler_->forward(vit_->encode(seen), places));
  }
  std::vector<std::pair<std::string_view, std::shared_ptr<torch::nn::Module>>> parts() const override {
    return {{"filler", filler_}};
  }

 private:
  at::Tensor picture_of(const at::Tensor& numbers) const {
    const std::int64_t n = numbers.size(0);
    return numbers.view({n, grid_[0], grid_[1], grid_[2], channels_, token_[0], token_[1], token_[2]})
        .permute({0, 4, 1, 5, 2, 6, 3, 7})
        .reshape({n, channels_, grid_[0] * token_[0], grid_[1] * token_[1], grid_[2] * token_[2]});
  }

  std::shared_ptr<models::Vit> vit_;
  std::int64_t channels_;
  Extent token_, grid_{};
  std::int64_t visible_ = 0;
  std::shared_ptr<TokenFiller> filler_;
};

}  // namespace

std::array<std::int64_t, 3> natural_block(const models::Encoder& encoder, const models::Input& input) {
  if (const auto* vit = dynamic_cast<const models::Vit*>(&encoder)) return vit->patch();
  std::array<std::int64_t, 3> block{};
  for (std::size_t a = 0; a < 3; ++a) block[a] = std::min<std::int64_t>(input.patch[a] >= 96 ? 16 : 8, input.patch[a]);
  return block;
}

std::unique_ptr<MaskedNetwork> make_masked_network(const std::shared_ptr<models::Encoder>& encoder,
                                                   const models::Input& input, const MaskedShape& shape) {
  std::int64_t blocks = 1;
  for (std::size_t a = 0; a < 3; ++a) {
    if (shape.block[a] < 1 || shape.block[a] > input.patch[a])
      throw core::usage_error(
          "blocks of " + extent_text(shape.block) + " voxels do not fit a patch of " + extent_text(input.patch),
          "leave method.block empty for a size that suits");
    blocks *= (input.patch[a] + shape.block[a] - 1) / shape.block[a];
  }
  const std::int64_t hidden = std::llround(shape.hidden * static_cast<double>(blocks));
  if (hidden < 1 || hidden >= blocks)
    throw core::usage_error("of " + std::to_string(blocks) + " blocks " + std::to_string(hidden) +
                                " would be hidden: there must be one at least, and one left to see",
                            "take smaller blocks (method.block) or another share (method.hidden)");
  if (auto vit = std::dynamic_pointer_cast<models::Vit>(encoder))
    return std::make_unique<FillingVit>(std::move(vit), input, shape);
  return std::make_unique<PaintingUNet>(encoder, input);
}

}  // namespace ssl
