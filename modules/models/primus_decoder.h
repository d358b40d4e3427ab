#pragma once
// Tokens back to voxels as light as can be: "decode.S." from the coarsest on; "seg_layers.S." for deep supervision.

#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/decoder.h"
#include "models/token_parts.h"

namespace models {

// Transposed convolutions of stride 2, as many as the longest side of a token has halvings, shorter sides waiting until
// the end; between them each voxel's channels are normalised, then GELU. Channels fall in equal steps from the width to
// twice the outputs, to multiples of 8; the last convolution gives the outputs themselves. No skips. Names and numbers
// are those of Primus' `up_projection` in dynamic_network_architectures 0.4.4; heads of one voxel's channels for the
// coarser maps are there only with deep supervision, which it does not have. Wald et al., arXiv 2503.01835.
class PrimusDecoder : public Decoder {
 public:
  // The sides of `patch` are powers of 2, one of them 2 at least.
  PrimusDecoder(const Extent& patch, std::int64_t width, std::int64_t outputs, bool deep_supervision);
  std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) override;
  std::vector<Extent> extents(const Extent& image) const override;

 private:
  struct Step : torch::nn::Module {
    Step(std::int64_t in, std::int64_t out, const Extent& stride);
    at::Tensor forward(const at::Tensor& x) const;
    std::shared_ptr<UpConv> up;
    std::shared_ptr<LayerNorm> norm;
  };
  std::vector<std::shared_ptr<Step>> steps_;  // all but the last
  std::shared_ptr<UpConv> last_;
  std::vector<std::shared_ptr<Conv>> heads_;  // one for each of steps_, or none
};

}  // namespace models
