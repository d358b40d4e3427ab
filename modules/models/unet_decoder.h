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

 private:
  bool deep_supervision_;
  std::vector<std::shared_ptr<UpConv>> up_;
  std::vector<std::shared_ptr<Chain<ConvNorm>>> stages_;
  std::vector<std::shared_ptr<Conv>> heads_;
};

}  // namespace models
