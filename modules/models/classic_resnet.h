#pragma once
// The residual network as it was first, in 3D, with the names and numbers of MONAI 1.6.1's ResNet ("conv1.", "bn1.",
// "layerL.B."; shortcuts of type B), so that weights travel both ways.

#include <cstdint>
#include <memory>
#include <vector>

#include "models/conv_encoder.h"

namespace models {

struct ClassicPlan {
  std::vector<std::int64_t> blocks;  // of each of four stages
  bool bottleneck = false;           // a block's channels are four times those of its 3x3x3 convolution
  std::int64_t base = 64;            // of the 3x3x3 convolutions of the first stage
  std::int64_t groups = 0;           // of the normalisation; 0: one for each channel (instance normalisation)
  // In place of groups: what batch normalisation does in evaluation, by statistics that came with weights from
  // elsewhere ("running_mean", "running_var") and stay as they are. There is no normalisation by the batch at hand.
  bool fixed_statistics = false;
};

// Scale 0 is the stem (a 7x7x7 convolution at the image's resolution), scales 1 to 4 are the stages, each half as fine
// as the one before along every axis, whatever the spacing. He et al., "Deep residual learning", CVPR 2016.
class ClassicResnet final : public Encoder {
 public:
  ClassicResnet(const ClassicPlan& plan, const Input& input);

  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<std::int64_t> channels() const override { return scales_.channels; }
  std::vector<Extent> stride() const override { return total_strides(scales_.stages); }
  void check_extent(const Extent& extent) const override { check_coarsest(extent, stride().back()); }
  std::int64_t layers() const override { return 5; }
  std::int64_t layer_of(const std::string& parameter) const override;
  // Its scales as a U-Net decoder wants to know them.
  const ConvPlan& scales() const { return scales_; }

 private:
  struct Part;  // the stem or a stage
  ConvPlan scales_;
  std::int64_t inputs_;
  std::vector<std::shared_ptr<Part>> parts_;
};

}  // namespace models
