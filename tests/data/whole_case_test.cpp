#include "data/whole_case.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace {

// One channel whose voxels hold the coordinate along `axis`, as int16 with a scale; a second one that is lacking.
data::Picture coordinates(const volume::Shape& shape, int axis) {
  volume::Volume image(shape, volume::VoxelType::kInt16, {});
  image.scale = 0.5;
  auto voxels = image.voxels<std::int16_t>();
  for (std::int64_t k = 0; k < shape.voxels(); ++k) {
    const std::array<std::int64_t, 3> at{k / (shape.height * shape.width), k / shape.width % shape.height,
                                         k % shape.width};
    voxels[static_cast<std::size_t>(k)] = static_cast<std::int16_t>(2 * at[static_cast<std::size_t>(axis)]);
  }
  data::Picture picture;
  picture.channels.push_back(std::move(image));
  picture.channels.emplace_back();
  picture.box = {{0, 0, 0}, shape};
  picture.case_shape = shape;
  return picture;
}

data::ViewSample seen(const volume::Shape& of_case, const volume::Shape& extent, int axis) {
  const auto maker = data::whole_case(extent);
  volume::Frame frame;
  frame.shape = of_case;
  const auto drawing = maker->draw(frame, {}, 0);
  EXPECT_EQ(drawing->box(), (volume::VoxelBox{{0, 0, 0}, of_case}));
  return maker->apply(*drawing, coordinates(of_case, axis));
}

}  // namespace

TEST(WholeCase, EveryVoxelShowsThePlaceThatItsTransformTells) {
  const volume::Shape of_case{12, 20, 6}, extent{4, 5, 12};  // coarser, coarser, finer
  for (int axis = 0; axis < 3; ++axis) {
    const data::ViewSample view = seen(of_case, extent, axis);
    ASSERT_EQ(view.image.sizes(), (std::vector<std::int64_t>{2, 4, 5, 12}));
    for (std::int64_t i = 0; i < extent[axis]; ++i) {
      volume::Index index{1, 1, 1};
      index[static_cast<std::size_t>(axis)] = static_cast<double>(i);
      const double told = std::clamp(view.voxel_to_case(index)[static_cast<std::size_t>(axis)], 0.0,
                                     static_cast<double>(of_case[axis] - 1));
      EXPECT_NEAR(view.image[0].select(axis, i).mean().item<double>(), told, 1e-5) << axis << " " << i;
    }
  }
}

TEST(WholeCase, ALackingChannelIsZeroAndAllIsValid) {
  const data::ViewSample view = seen({7, 9, 5}, {4, 4, 4}, 0);
  EXPECT_EQ(view.image[1].abs().max().item<double>(), 0);
  EXPECT_TRUE(view.valid.all().item<bool>());
  EXPECT_FALSE(view.labels.defined());
}

TEST(WholeCase, ACaseOfTheExtentIsShownAsItIs) {
  const data::ViewSample view = seen({4, 5, 6}, {4, 5, 6}, 2);
  EXPECT_EQ(view.voxel_to_case, volume::Transform{});
  EXPECT_TRUE(at::equal(view.image[0][3][4], at::arange(6, at::kFloat)));
}

TEST(WholeCase, NoiseIsAveragedNotPickedFromAPlace) {
  volume::Volume image({16, 16, 16}, volume::VoxelType::kFloat32, {});
  auto voxels = image.voxels<float>();
  for (std::size_t k = 0; k < voxels.size(); ++k) voxels[k] = (k + k / 16 + k / 256) % 2 == 0 ? 1.0F : -1.0F;
  data::Picture picture;
  picture.channels.push_back(std::move(image));
  picture.box = {{0, 0, 0}, {16, 16, 16}};
  picture.case_shape = {16, 16, 16};
  const auto maker = data::whole_case({4, 4, 4});
  volume::Frame frame;
  frame.shape = picture.case_shape;
  EXPECT_EQ(maker->apply(*maker->draw(frame, {}, 0), picture).image.abs().max().item<double>(), 0);
}
