#pragma once
// A Swin transformer in 3D: windows of tokens, shifted in every other block, and grids that are merged between stages.
// Liu et al., ICCV 2021; in 3D Hatamizadeh et al., "Swin UNETR", arXiv 2201.01266. Names of parameters and numbers are
// those of MONAI's SwinTransformer, so weights travel.

#include <memory>
#include <vector>

#include "models/encoder.h"
#include "models/stages.h"

namespace models {

struct SwinPlan {
  std::vector<Stage> stages;         // of the picture itself, then of each scale
  std::int64_t base = 24;            // channels of the finest scale; each further one has twice as many
  std::vector<std::int64_t> depths;  // blocks in front of each scale but the finest
  std::vector<std::int64_t> heads;   // of these blocks
  Extent window{7, 7, 7};
  double mlp_ratio = 4;
  bool convolutions = false;  // a residual block in front of each stage
  bool first_places = false;  // Windows
};

// Scale 0 are the patches as they are embedded, half the picture's extent along the axes of the first stride; each
// further scale comes out of a stage. All are normalised over their channels. Extents are rounded up, with zeros at the
// far end; any will do as long as the coarsest scale has more than one voxel.
class Swin : public Encoder {
 public:
  Swin(const SwinPlan& plan, const Input& input);

  std::vector<at::Tensor> features(const at::Tensor& image) override { return scales_of(patches(image)); }
  std::vector<std::int64_t> channels() const override;
  std::vector<Extent> stride() const override;
  void check_extent(const Extent& extent) const override;
  std::int64_t layers() const override;
  std::int64_t layer_of(const std::string& parameter) const override;
  std::vector<at::Tensor> spared_from_decay() const override;

  const SwinPlan& plan() const { return plan_; }
  std::int64_t inputs() const { return inputs_; }
  // features() in two: methods that hide patches do it between them. [N, base, d, h, w] of the finest scale's extent,
  // float32 or better.
  at::Tensor patches(const at::Tensor& image);
  std::vector<at::Tensor> scales_of(const at::Tensor& patches);

 private:
  struct Step;  // from a scale to the next
  SwinPlan plan_;
  std::int64_t inputs_;
  at::Tensor patch_weight_, patch_bias_;
  std::vector<std::shared_ptr<Step>> steps_;
};

}  // namespace models
