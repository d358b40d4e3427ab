#include "pipelines/view_maker.h"

#include <utility>

#include "core/error.h"

namespace pipelines {
namespace {

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
    return std::make_unique<Drawn>(recipe.draw(frame, place.seed, place.sample, static_cast<std::uint32_t>(view)));
  }

  data::ViewSample apply(const Drawing& drawing, const data::Picture& picture) const override {
    const auto* drawn = dynamic_cast<const Drawn*>(&drawing);
    GADOLIN_CHECK(drawn != nullptr && "a drawing of another view maker");
    std::vector<const volume::Volume*> channels;
    for (const auto& channel : picture.channels) channels.push_back(channel ? &*channel : nullptr);
    augment::View view = augment::apply(
        drawn->drawing, {channels, picture.labels ? &*picture.labels : nullptr, picture.box, picture.case_shape});
    return {std::move(view.image), std::move(view.labels), std::move(view.valid), std::move(view.hidden),
            view.voxel_to_case};
  }

 private:
  struct Drawn final : Drawing {
    explicit Drawn(augment::Drawing drawing) : drawing(std::move(drawing)) {}
    volume::VoxelBox box() const override { return drawing.box(); }
    augment::Drawing drawing;
  };

  std::vector<augment::Recipe> recipes_;
  std::vector<bool> of_partner_;
};

}  // namespace

std::shared_ptr<data::ViewMaker> view_maker(std::vector<augment::Recipe> recipes, std::vector<bool> of_partner) {
  if (recipes.empty()) throw core::usage_error("a method without views cannot be trained");
  return std::make_shared<RecipeViews>(std::move(recipes), std::move(of_partner));
}

}  // namespace pipelines
