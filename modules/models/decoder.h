#pragma once
// Features back to voxels: for segmentation and for masked modelling.

#include <torch/nn/module.h>

#include <memory>
#include <vector>

#include "models/encoder.h"

namespace models {

// Takes what Encoder::features() gives for the same image.
class Decoder : public torch::nn::Module {
 public:
  // Maps of `outputs` channels, finest (the image's size) first; the coarser ones are for deep supervision and come
  // only in training mode.
  virtual std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) = 0;
  // What extents these maps have for an image of this extent, known without computing them.
  virtual std::vector<Extent> extents(const Extent& image) const = 0;
};

// The decoder that belongs to the encoder's kind (U-Net decoder for a convolutional one, transposed convolutions for
// tokens, their own for Swin UNETR and MedNeXt). The encoder is used for its numbers only and not kept.
std::shared_ptr<Decoder> make_decoder(const Encoder& encoder, const Input& input, std::int64_t outputs,
                                      bool deep_supervision);

}  // namespace models
