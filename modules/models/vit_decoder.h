#pragma once
// Tokens back to voxels: "stages.S." from the coarsest on, "seg_layers.S.".

#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/decoder.h"

namespace models {

// One transposed convolution for each prime factor of the patch, half the channels each time (16 at least), normalised
// between; no skips. As in Wald et al., "Primus", arXiv 2503.01835.
class VitDecoder : public Decoder {
 public:
  VitDecoder(const Extent& patch, std::int64_t width, std::int64_t outputs, bool deep_supervision);
  std::vector<at::Tensor> maps(const std::vector<at::Tensor>& features, const at::Tensor& image) override;
  std::vector<Extent> extents(const Extent& image) const override;

 private:
  struct Step : torch::nn::Module {
    Step(std::int64_t in, std::int64_t out, const Extent& stride);
    at::Tensor forward(const at::Tensor& x) const;
    std::shared_ptr<UpConv> up;
    std::shared_ptr<Norm> norm;
  };
  std::vector<std::shared_ptr<Step>> steps_;
  std::vector<std::shared_ptr<Conv>> heads_;  // the last, and where deep supervision is wanted one for each step
};

}  // namespace models
