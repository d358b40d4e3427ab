#pragma once
// A picture of which blocks are hidden, filled in: what masked methods share. Which network does it follows from the
// encoder.

#include <ATen/core/Tensor.h>

#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "data/batch.h"
#include "models/encoder.h"

namespace ssl {

struct Filled {
  at::Tensor pictures;   // [N, C, D, H, W]
  at::Tensor embedding;  // [N, encoder's embedding_size()] of what was visible
};

class MaskedNetwork {
 public:
  virtual ~MaskedNetwork() = default;
  // images [N, C, D, H, W], hidden [N, 1, D, H, W] (1 = hidden). Nothing that is returned depends on the hidden voxels.
  virtual Filled fill_and_embed(const at::Tensor& images, const at::Tensor& hidden) = 0;
  at::Tensor fill(const at::Tensor& images, const at::Tensor& hidden) {
    return fill_and_embed(images, hidden).pictures;
  }
  // Its networks besides the encoder, by name.
  virtual std::vector<std::pair<std::string_view, std::shared_ptr<torch::nn::Module>>> parts() const = 0;
};

struct MaskedShape {
  double hidden = 0.75;                            // share of the blocks
  models::Extent block{};                          // voxels
  std::int64_t width = 128, depth = 2, heads = 4;  // of the decoder over tokens
};

// Of an encoder with a U-Net decoder: hidden voxels are 0, the decoder ("decoder") paints. Of a ViT: the encoder sees
// the visible tokens only, a TokenFiller ("filler") does the rest; the same number of tokens must be hidden in every
// picture, so the blocks must be made of whole tokens and the patch of whole blocks. Draws weights from torch's
// generator. Throws usage Error when the encoder has no decoder (naming those that have), when the blocks do not fit,
// and when nothing or everything would be hidden.
std::unique_ptr<MaskedNetwork> make_masked_network(const std::shared_ptr<models::Encoder>& encoder,
                                                   const models::Input& input, const MaskedShape& shape);

// The view's pictures with what the network fills in where they are hidden: for people to look at. No gradient.
// `normalised` in these blocks is what was filled in (losses/masked.h).
at::Tensor with_hidden_filled_in(MaskedNetwork& network, const data::View& view, const models::Extent& block,
                                 bool normalised);

}  // namespace ssl
