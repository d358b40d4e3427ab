#pragma once
// The decoder of Swin UNETR: Hatamizadeh et al., arXiv 2201.01266. Names and numbers are those of MONAI's SwinUNETR:
// "encoderN.layer." of what the encoder gives, "decoderN." from the coarsest on, "out.conv.conv.".

#include <memory>
#include <vector>

#include "models/bare_residual.h"
#include "models/decoder.h"
#include "models/swin.h"

namespace models {

// The finest step is joined with the picture itself, so a method must hand in what the encoder saw. Where extents are
// no multiples of the strides, what is too much at the far end is cut off. For deep supervision the coarser steps have
// heads "seg_layers.S" from the coarsest on, which are not MONAI's and are not there without it.
class SwinDecoder : public Decoder {
 public:
  SwinDecoder(const Swin& encoder, std::int64_t outputs, bool deep_supervision);
  std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) override;
  std::vector<Extent> extents(const Extent& image) const override;

 private:
  // To the next finer scale: up, joined with what lies there, then a residual block.
  struct Step : torch::nn::Module {
    Step(std::int64_t in, std::int64_t out, const Stage& finer, const Extent& stride);
    at::Tensor forward(const at::Tensor& x, const at::Tensor& around) const;
    std::shared_ptr<UpConv> up;
    std::shared_ptr<BareResidual> merge;
  };
  std::vector<Extent> strides_;                        // of the picture and of the encoder's scales
  std::vector<std::shared_ptr<BareResidual>> beside_;  // of the picture and of each scale; of the last but one none
  std::vector<std::shared_ptr<Step>> steps_;           // coarsest first
  std::vector<std::shared_ptr<Conv>> heads_;           // of each step; the last is "out"
};

}  // namespace models
