#include "data/whole_case.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <vector>

#include "core/error.h"

namespace data {
namespace {

struct Whole final : ViewMaker::Drawing {
  explicit Whole(const volume::Shape& of_case) : shape(of_case) {}
  volume::VoxelBox box() const override { return {{0, 0, 0}, shape}; }
  volume::Shape shape;
};

class WholeCase final : public ViewMaker {
 public:
  explicit WholeCase(const volume::Shape& extent) : extent_(extent) {
    for (int a = 0; a < 3; ++a) GADOLIN_CHECK(extent[a] >= 1);
  }

  std::int64_t views() const override { return 1; }

  std::unique_ptr<Drawing> draw(const volume::Frame& frame, const Place&, std::int64_t) const override {
    return std::make_unique<Whole>(frame.shape);
  }

  ViewSample apply(const Drawing& drawing, const Picture& picture) const override {
    const volume::Shape& of_case = picture.case_shape;
    GADOLIN_CHECK(picture.box == drawing.box() && picture.box.shape == of_case);
    ViewSample view;
    std::vector<std::int64_t> fewer, wanted;
    for (int a = 0; a < 3; ++a) {
      fewer.push_back(std::min(of_case[a], extent_[a]));
      wanted.push_back(extent_[a]);
      const double ratio = static_cast<double>(of_case[a]) / static_cast<double>(extent_[a]);
      view.voxel_to_case.rows[a][a] = ratio;
      view.voxel_to_case.rows[a][3] = (ratio - 1) / 2;
    }
    at::Tensor image = at::adaptive_avg_pool3d(image_of(picture).unsqueeze(0), fewer);
    if (fewer != wanted) image = at::upsample_trilinear3d(image, wanted, /*align_corners=*/false);
    view.image = image.squeeze(0).contiguous();
    view.valid = at::ones(wanted, at::kByte);
    return view;
  }

 private:
  volume::Shape extent_;
};

}  // namespace

std::shared_ptr<const ViewMaker> whole_case(const volume::Shape& extent) { return std::make_shared<WholeCase>(extent); }

}  // namespace data
