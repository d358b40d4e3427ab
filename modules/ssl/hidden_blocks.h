#pragma once
// Which blocks of a picture a masked method hides, and pictures as rows of tokens. Tokens lie in the order of voxels,
// {d, h, w}, width fastest; the numbers of a token are {channel, d, h, w}.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "augment/recipes.h"
#include "models/encoder.h"

namespace ssl {

// The block that suits the encoder: a ViT's token; otherwise 16 voxels along a patch of 96 or more, 8 below, never
// more than the patch.
models::Extent natural_block(const models::Encoder& encoder, const models::Input& input);

// What method.block says: {d, h, w}, one number for all three, or nothing for the natural one. Throws usage Error for
// two numbers, or more than three.
models::Extent chosen_block(const std::vector<std::int64_t>& given, const models::Encoder& encoder,
                            const models::Input& input);

// Throws usage Error when a block is larger than the patch or not made of whole `unit`s (a ViT's token, the stride of
// a convolutional encoder), and when nothing or everything would be hidden.
void check_blocks(const models::Input& input, const models::Extent& block, double hidden, const models::Extent& unit);

// A view of which this share of the blocks is hidden.
augment::Recipe hiding(const volume::Shape& patch, const models::Extent& block, double hidden,
                       const augment::Warp& warp, const augment::Mirror& mirror);

// hidden [N, 1, D, H, W] -> [N, T]: of each token's first voxel. The tokens must lie in blocks as a whole.
at::Tensor hidden_tokens(const at::Tensor& hidden, const models::Extent& token);

// numbers [N, T, channels times voxels of a token] -> [N, channels, D, H, W] of a grid of T tokens.
at::Tensor picture_of(const at::Tensor& numbers, std::int64_t channels, const models::Extent& grid,
                      const models::Extent& token);

// The first voxels of pictures [N, C, D, H, W] along each axis: where a grid of whole tokens reaches beyond the patch.
at::Tensor cut_to(const at::Tensor& pictures, const models::Extent& extent);

}  // namespace ssl
