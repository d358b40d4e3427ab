#pragma once
// The decoder of MedNeXt, with MONAI's names: "up_blocks.S.", "dec_stages.S.B.", "out_0.conv_out.", and for deep
// supervision "out_blocks.S.conv_out.", from the coarsest on.

#include <memory>
#include <vector>

#include "models/decoder.h"
#include "models/mednext.h"

namespace models {

// What comes up is added to what the encoder has there. Where extents are no multiples of the strides, what is too much
// at the far end is cut off. Deep supervision begins at the coarsest features themselves.
class MednextDecoder : public Decoder {
 public:
  MednextDecoder(const MednextPlan& plan, std::int64_t outputs, bool deep_supervision);
  std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) override;
  std::vector<Extent> extents(const Extent& image) const override;

 private:
  struct Step {
    at::Tensor forward(const at::Tensor& x, const at::Tensor& around) const;
    std::vector<at::Tensor> parameters() const;
    std::shared_ptr<MednextBlock> up;
    std::shared_ptr<MednextStage> stage;
  };
  std::vector<Extent> strides_;                 // of the encoder's scales
  std::vector<Step> steps_;                     // coarsest first
  std::vector<std::shared_ptr<UpConv>> heads_;  // of the input of each step, where deep supervision is wanted
  std::shared_ptr<UpConv> out_;
};

}  // namespace models
