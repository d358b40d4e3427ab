#pragma once
// The decoder of nnU-Net: "transpconvs.S.", "stages.S.convs.B.", "seg_layers.S.", from the coarsest on.

#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/conv_encoder.h"
#include "models/decoder.h"

namespace models {

// Where the extents of the image are no multiples of the strides, what is too much at the far end is cut off. All
// seg_layers are there whether they are used or not, so that weights fit both.
class UnetDecoder : public Decoder {
 public:
  UnetDecoder(const ConvPlan& plan, std::int64_t outputs, bool deep_supervision);
  std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) override;
  std::vector<Extent> extents(const Extent& image) const override;

 private:
  bool deep_supervision_;
  std::vector<Extent> strides_;  // of the encoder's scales
  // To the next finer scale: up, then merged with what the encoder has there.
  struct Step {
    at::Tensor forward(const at::Tensor& x, const at::Tensor& around) const;
    std::vector<at::Tensor> parameters() const;
    std::shared_ptr<UpConv> up;
    std::shared_ptr<Chain<ConvNorm>> merge;
  };
  std::vector<Step> steps_;
  std::vector<std::shared_ptr<Conv>> heads_;
};

}  // namespace models
