#if __has_include("augment/recipe.h")  // not in the torch-free half
#include "pipelines/view_maker.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <numeric>

#include "augment/recipes.h"
#include "core/error.h"
#include "data/dataset.h"

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

// What a GPU does, on the CPU.
class PretendedGpu final : public augment::GpuViews {
 public:
  struct Made final : Begun {
    std::vector<augment::View> views;
  };
  explicit PretendedGpu(int& batches) : batches_(batches) {}
  std::unique_ptr<Begun> begin(std::span<const augment::Drawing> drawings,
                               std::span<const augment::Source> sources) override {
    auto made = std::make_unique<Made>();
    for (std::size_t n = 0; n < drawings.size(); ++n) made->views.push_back(augment::apply(drawings[n], sources[n]));
    ++batches_;
    return made;
  }
  augment::ViewBatch finish(Begun& begun) override {
    augment::ViewBatch batch;
    std::vector<at::Tensor> images, valid;
    for (const augment::View& view : dynamic_cast<Made&>(begun).views) {
      images.push_back(view.image);
      valid.push_back(view.valid);
      batch.voxel_to_case.push_back(view.voxel_to_case);
    }
    batch.image = at::stack(images);
    batch.valid = at::stack(valid);
    return batch;
  }

 private:
  int& batches_;
};

TEST(BatchMaker, GivesBatchesToTheGpuAndMakesTheRestOneByOne) {
  volume::Frame frame;
  frame.shape = {12, 14, 16};
  const auto picture = [&] {
    data::Picture made;
    made.channels.emplace_back(volume::Volume(frame.shape, volume::VoxelType::kInt16, {}));
    const auto voxels = made.channels[0]->voxels<std::int16_t>();
    std::iota(voxels.begin(), voxels.end(), std::int16_t{0});
    made.box = {{0, 0, 0}, frame.shape};
    made.case_shape = frame.shape;
    return made;
  };
  const augment::Recipe on_gpu = augment::contrastive({8, 8, 8});
  const augment::Recipe on_cpu({8, 8, 8}, {augment::make_op("crop"), augment::make_op("keep")});
  const auto maker = pipelines::view_maker({on_gpu, on_cpu});
  int batches = 0;
  const auto whole = pipelines::batch_maker(maker, std::make_unique<PretendedGpu>(batches));
  for (std::int64_t view = 0; view < 2; ++view) {
    std::vector<data::DrawnView> drawn;
    std::vector<data::ViewSample> singles;
    for (std::uint64_t sample = 0; sample < 3; ++sample) {
      drawn.push_back({maker->draw(frame, {7, sample}, view), picture()});
      singles.push_back(maker->apply(*drawn.back().drawing, drawn.back().picture));
    }
    data::View expected, made;
    data::stack_into(expected, singles);
    whole->finish(*whole->begin(std::move(drawn)), made);
    EXPECT_TRUE(at::equal(made.images, expected.images));
    EXPECT_TRUE(at::equal(made.valid, expected.valid));
    EXPECT_EQ(made.kept.defined(), view == 1);
    EXPECT_EQ(made.voxel_to_case, expected.voxel_to_case);
    EXPECT_EQ(batches, 1) << "the second recipe has no form on a GPU";
  }
}

TEST(BatchMaker, IsNoneWithoutAGpuAndTheWordIsChecked) {
  const auto maker = pipelines::view_maker({augment::centre({8, 8, 8})});
  const c10::Device cpu(c10::kCPU);
  EXPECT_EQ(pipelines::batch_maker_on("cpu", cpu, maker), nullptr);
  testing::internal::CaptureStderr();
  EXPECT_EQ(pipelines::batch_maker_on("gpu", cpu, maker), nullptr);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("views are made on the CPU"), std::string::npos);
  EXPECT_THROW(pipelines::batch_maker_on("tpu", cpu, maker), core::Error);
}

}  // namespace
#endif
