#pragma once
// The encoder of MedNeXt: Roy et al., MICCAI 2023, arXiv 2303.09975. Names of parameters and numbers are those of
// MONAI's MedNeXt ("stem.", "enc_stages.S.B.", "down_blocks.S.", "bottleneck.B."), so weights travel.

#include <memory>
#include <vector>

#include "models/mednext_block.h"
#include "models/stages.h"

namespace models {

struct MednextPlan {
  std::vector<Stage> stages;                    // two at least; kernels say only along which axes there is one
  std::int64_t base = 32;                       // channels of the first stage; each further one has twice as many
  std::vector<std::int64_t> blocks, expansion;  // of each stage
  std::int64_t kernel = 3;
  bool responses = false;

  std::int64_t channels(std::size_t stage) const { return base << stage; }
  MednextShape shape_of(std::size_t stage) const;  // of its blocks
};

// Any extent will do as long as the coarsest scale has more than one voxel to normalise over.
class Mednext : public Encoder {
 public:
  Mednext(const MednextPlan& plan, const Input& input);

  std::vector<at::Tensor> features(const at::Tensor& image) override;
  std::vector<std::int64_t> channels() const override;
  std::vector<Extent> stride() const override { return total_strides(plan_.stages); }
  void check_extent(const Extent& extent) const override { check_coarsest(extent, stride().back()); }
  std::int64_t layers() const override { return static_cast<std::int64_t>(plan_.stages.size()) + 1; }
  std::int64_t layer_of(const std::string& parameter) const override;
  std::vector<at::Tensor> spared_from_decay() const override;
  const MednextPlan& plan() const { return plan_; }

 private:
  MednextPlan plan_;
  std::int64_t inputs_;
  std::shared_ptr<Conv> stem_;
  std::vector<std::shared_ptr<MednextStage>> stages_;  // the last is the bottleneck
  std::vector<std::shared_ptr<MednextBlock>> downs_;
};

}  // namespace models
