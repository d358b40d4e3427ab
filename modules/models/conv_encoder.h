#pragma once
// What the convolutional encoders share: a stem, then stages of residual blocks; "stem.convs.0.", "stages.S.blocks.B.".

#include <memory>
#include <vector>

#include "models/blocks.h"
#include "models/stages.h"

namespace models {

struct ConvPlan {
  std::vector<Stage> stages;
  std::vector<std::int64_t> channels;  // of each stage
  std::vector<std::int64_t> blocks;    // of each stage
  Between between;
  std::int64_t bottleneck = 1;  // a block's channels over those of its 3x3x3 convolution; 1: no bottleneck
};

// Any extent will do as long as the coarsest scale has more than one voxel to normalise over.
class ConvEncoder : public Encoder {
 public:
  ConvEncoder(const ConvPlan& plan, const Input& input);

  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<std::int64_t> channels() const override { return plan_.channels; }
  std::vector<Extent> stride() const override { return total_strides(plan_.stages); }
  void check_extent(const Extent& extent) const override;
  std::int64_t layers() const override { return static_cast<std::int64_t>(plan_.stages.size()) + 1; }
  std::int64_t layer_of(const std::string& parameter) const override;
  const ConvPlan& plan() const { return plan_; }
  const Chain<ConvNorm>& stem() const { return *stem_; }
  const std::vector<std::shared_ptr<Chain<Residual>>>& stages() const { return stages_; }

 private:
  ConvPlan plan_;
  std::int64_t inputs_;
  std::shared_ptr<Chain<ConvNorm>> stem_;
  std::vector<std::shared_ptr<Chain<Residual>>> stages_;
};

}  // namespace models
