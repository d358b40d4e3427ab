#include "pipelines/view_maker.h"

#include <algorithm>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "data/dataset.h"

namespace pipelines {
namespace {

// A part of a case as augment sees it.
class AsSource {
 public:
  explicit AsSource(const data::Picture& picture) : picture_(picture) {
    for (const auto& channel : picture.channels) channels_.push_back(channel ? &*channel : nullptr);
  }
  augment::Source source() const {
    return {channels_, picture_.labels ? &*picture_.labels : nullptr, picture_.box, picture_.case_shape};
  }

 private:
  const data::Picture& picture_;
  std::vector<const volume::Volume*> channels_;
};

struct RecipeDrawing final : data::ViewMaker::Drawing {
  explicit RecipeDrawing(augment::Drawing drawing) : drawing(std::move(drawing)) {}
  volume::VoxelBox box() const override { return drawing.box(); }
  augment::Drawing drawing;
};

const augment::Drawing& drawing_of(const data::ViewMaker::Drawing& drawing) {
  const auto* drawn = dynamic_cast<const RecipeDrawing*>(&drawing);
  GADOLIN_CHECK(drawn != nullptr && "a drawing of another view maker");
  return drawn->drawing;
}

class RecipeViews final : public data::ViewMaker {
 public:
  RecipeViews(std::vector<augment::Recipe> recipes, std::vector<bool> of_partner)
      : recipes_(std::move(recipes)), of_partner_(std::move(of_partner)) {}

  std::int64_t views() const override { return static_cast<std::int64_t>(recipes_.size()); }

  bool of_partner(std::int64_t view) const override {
    const auto at = static_cast<std::size_t>(view);
    return at < of_partner_.size() && of_partner_[at];
  }

  std::unique_ptr<Drawing> draw(const volume::Frame& frame, const Place& place, std::int64_t view) const override {
    GADOLIN_CHECK(view >= 0 && view < views());
    const augment::Recipe& recipe = recipes_[static_cast<std::size_t>(view)];
    return std::make_unique<RecipeDrawing>(
        recipe.draw(frame, place.seed, place.sample, static_cast<std::uint32_t>(view)));
  }

  data::ViewSample apply(const Drawing& drawing, const data::Picture& picture) const override {
    augment::View view = augment::apply(drawing_of(drawing), AsSource(picture).source());
    return {std::move(view.image),  std::move(view.labels), std::move(view.valid),
            std::move(view.hidden), std::move(view.kept),   view.voxel_to_case};
  }

 private:
  std::vector<augment::Recipe> recipes_;
  std::vector<bool> of_partner_;
};

class GpuBatches final : public data::BatchMaker {
 public:
  GpuBatches(std::shared_ptr<const data::ViewMaker> maker, std::unique_ptr<augment::GpuViews> gpu)
      : maker_(std::move(maker)), gpu_(std::move(gpu)) {}

  std::unique_ptr<Begun> begin(std::vector<data::DrawnView> views) const override {
    auto begun = std::make_unique<OnItsWay>();
    std::vector<augment::Drawing> drawings;
    for (const data::DrawnView& view : views) drawings.push_back(drawing_of(*view.drawing));
    if (!std::ranges::all_of(drawings, augment::supports)) {
      for (const data::DrawnView& view : views) begun->one_by_one.push_back(maker_->apply(*view.drawing, view.picture));
      return begun;
    }
    std::vector<AsSource> pictures;
    for (const data::DrawnView& view : views) pictures.emplace_back(view.picture);
    std::vector<augment::Source> sources;
    for (const AsSource& picture : pictures) sources.push_back(picture.source());
    begun->on_gpu = gpu_->begin(drawings, sources);
    return begun;
  }

  void finish(Begun& of, data::View& view) const override {
    auto* const begun = dynamic_cast<OnItsWay*>(&of);
    GADOLIN_CHECK(begun != nullptr && "a batch of another maker");
    if (!begun->on_gpu) return data::stack_into(view, begun->one_by_one);
    augment::ViewBatch made = gpu_->finish(*begun->on_gpu);
    view.images = std::move(made.image);
    view.labels = std::move(made.labels);
    view.valid = std::move(made.valid);
    view.hidden = std::move(made.hidden);
    view.voxel_to_case = std::move(made.voxel_to_case);
  }

 private:
  struct OnItsWay final : Begun {
    std::unique_ptr<augment::GpuViews::Begun> on_gpu;
    std::vector<data::ViewSample> one_by_one;
  };

  std::shared_ptr<const data::ViewMaker> maker_;
  std::unique_ptr<augment::GpuViews> gpu_;
};

}  // namespace

std::shared_ptr<data::ViewMaker> view_maker(std::vector<augment::Recipe> recipes, std::vector<bool> of_partner) {
  if (recipes.empty()) throw core::usage_error("a method without views cannot be trained");
  return std::make_shared<RecipeViews>(std::move(recipes), std::move(of_partner));
}

std::shared_ptr<data::BatchMaker> batch_maker(std::shared_ptr<const data::ViewMaker> maker,
                                              std::unique_ptr<augment::GpuViews> gpu) {
  return std::make_shared<GpuBatches>(std::move(maker), std::move(gpu));
}

std::shared_ptr<const data::BatchMaker> batch_maker_on(const std::string& views_on, const c10::Device& device,
                                                       std::shared_ptr<const data::ViewMaker> maker) {
  if (views_on == "cpu") return nullptr;
  if (views_on != "gpu") throw core::usage_error("data.views_on is '" + views_on + "'", "there are cpu and gpu");
  if constexpr (runtime::kCudaKernels) {
    if (device.is_cuda()) return batch_maker(std::move(maker), augment::gpu_views(std::max<int>(device.index(), 0)));
  }
  core::log_info(std::string("views are made on the CPU: ") +
                 (device.is_cuda() ? "this build has no kernels (--preset cuda)" : "so is the training"));
  return nullptr;
}

volume::Volume volume_of(const at::Tensor& voxels, volume::VoxelType type, const volume::Geometry& geometry) {
  volume::Volume made({voxels.size(0), voxels.size(1), voxels.size(2)}, type, geometry);
  const at::Tensor plain = voxels.contiguous();
  const auto* bytes = static_cast<const std::byte*>(plain.const_data_ptr());
  std::copy_n(bytes, made.bytes().size(), made.bytes().begin());
  return made;
}

}  // namespace pipelines
