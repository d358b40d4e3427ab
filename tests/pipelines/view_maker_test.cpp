#if __has_include("augment/recipe.h")  // not in the torch-free half
#include "pipelines/view_maker.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numeric>

#include "augment/recipes.h"

namespace {

TEST(ViewMaker, GivesDataWhatTheRecipeGives) {
  volume::Frame frame;
  frame.shape = {12, 14, 16};
  data::Picture picture;
  picture.channels.emplace_back(volume::Volume(frame.shape, volume::VoxelType::kInt16, {}));
  const auto voxels = picture.channels[0]->voxels<std::int16_t>();
  std::iota(voxels.begin(), voxels.end(), std::int16_t{0});
  picture.box = {{0, 0, 0}, frame.shape};
  picture.case_shape = frame.shape;
  const std::vector<augment::Recipe> recipes{augment::contrastive({8, 8, 8}), augment::masked({8, 8, 8})};
  const auto maker = pipelines::view_maker(recipes, {false, true});
  ASSERT_EQ(maker->views(), 2);
  EXPECT_FALSE(maker->of_partner(0));
  EXPECT_TRUE(maker->of_partner(1));
  for (std::int64_t view = 0; view < 2; ++view) {
    const auto drawing = maker->draw(frame, {7, 42}, view);
    const data::ViewSample made = maker->apply(*drawing, picture);
    const auto expected = recipes[static_cast<std::size_t>(view)].draw(frame, 7, 42, static_cast<std::uint32_t>(view));
    EXPECT_EQ(drawing->box(), expected.box());
    const volume::Volume* const channels[] = {&*picture.channels[0]};
    const augment::View same = augment::apply(expected, {channels, nullptr, picture.box, frame.shape});
    EXPECT_TRUE(at::equal(made.image, same.image));
    EXPECT_TRUE(at::equal(made.valid, same.valid));
    EXPECT_EQ(made.hidden.defined(), view == 1);
    EXPECT_FALSE(made.labels.defined());
    EXPECT_EQ(made.voxel_to_case, same.voxel_to_case);
  }
}

}  // namespace
#endif
