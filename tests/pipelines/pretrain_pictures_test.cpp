// Pictures of what a method is shown and of what it makes of it.
#include "pipelines/pretrain_pictures.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "../scratch.h"
#include "in_process.h"
#include "tiny_store.h"

namespace {

namespace fs = std::filesystem;

data::Batch batch_of(std::int64_t samples, std::int64_t views, bool hidden) {
  data::Batch batch;
  for (std::int64_t v = 0; v < views; ++v) {
    data::View view;
    view.images = at::sin(at::arange(samples * 16 * 16 * 16).to(at::kFloat) / 50).view({samples, 1, 16, 16, 16});
    if (hidden) {
      view.hidden = at::zeros({samples, 16, 16, 16}, at::kByte);
      view.hidden.narrow(3, 0, 8).fill_(1);
    }
    batch.views.push_back(std::move(view));
  }
  batch.ids.resize(static_cast<std::size_t>(samples));
  return batch;
}

TEST(Pictures, AreAtMostSixtyFourInARun) {
  EXPECT_EQ(pipelines::steps_between_pictures(1000, 2000), 1000);
  EXPECT_EQ(pipelines::steps_between_pictures(1, 64), 1);
  EXPECT_EQ(pipelines::steps_between_pictures(1, 65), 2);
  for (const std::int64_t steps : {1000, 123457, 10000000}) {
    const std::int64_t between = pipelines::steps_between_pictures(10, steps);
    EXPECT_EQ(between % 10, 0);
    EXPECT_LE(steps / between, 64);
    EXPECT_GT(steps / between, 31);
  }
}

TEST(Pictures, HaveARowForEachSampleAndAColumnForEachPictureOfIt) {
  const auto one = pipelines::batch_picture(batch_of(1, 1, false), {}, 4, {1, 1, 1});
  const auto wide = pipelines::batch_picture(batch_of(1, 2, false), {}, 4, {1, 1, 1});
  const auto tall = pipelines::batch_picture(batch_of(5, 1, false), {}, 3, {1, 1, 1});
  EXPECT_EQ(wide.width, 2 * one.width + 4);
  EXPECT_EQ(wide.height, one.height);
  EXPECT_EQ(tall.width, one.width);
  EXPECT_EQ(tall.height, 3 * one.height + 2 * 4) << "no more samples than asked for";
  const auto many = pipelines::batch_picture(batch_of(1, 11, false), {}, 1, {1, 1, 1});
  EXPECT_EQ(many.width, 4 * one.width + 3 * 4) << "of multi-crop the first four views";
  const auto hidden = pipelines::batch_picture(batch_of(1, 1, true), {}, 1, {1, 1, 1});
  EXPECT_EQ(hidden.height, one.height) << "all of a row stand at one height";
  EXPECT_GE(hidden.width, 2 * one.width) << "plain, and with what is hidden in colour";
}

// The pixels of a column below its titles.
std::vector<std::uint8_t> column(const report::Picture& picture, std::int64_t number, std::int64_t columns) {
  const std::int64_t width = (picture.width + 4) / columns;
  std::vector<std::uint8_t> pixels;
  for (std::int64_t y = 40; y < picture.height; ++y) {
    for (std::int64_t x = 0; x < width - 4; ++x) pixels.push_back(*picture.pixel(number * width + x, y));
  }
  return pixels;
}

TEST(Pictures, OfARowHaveOneGreyWindow) {
  const data::Batch batch = batch_of(1, 1, false);
  const at::Tensor& images = batch.views[0].images;
  const auto picture = pipelines::batch_picture(batch, {{"same", images}, {"brighter", images + 0.5}}, 1, {1, 1, 1});
  EXPECT_EQ(column(picture, 0, 3), column(picture, 1, 3));
  EXPECT_NE(column(picture, 0, 3), column(picture, 2, 3));
}

TEST(Pictures, OfTheFirstViewsStandBelowEachOther) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const Outcome outcome =
      gadolin_in_process("pretrain " + (folder / "store").string() + " --out " + (folder / "run").string() +
                         tiny::kSmall + " --set method.name=simclr --set trainer.steps=1 --set watch.every_steps=0");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const std::string png = bytes_of(folder / "run/views/sample-0000.png");
  const auto number_at = [&](std::size_t at) {  // of the header: big endian
    std::int64_t number = 0;
    for (std::size_t i = at; i < at + 4; ++i) number = number * 256 + static_cast<unsigned char>(png.at(i));
    return number;
  };
  const auto one = pipelines::batch_picture(batch_of(1, 1, false), {}, 1, {1, 1, 1});
  EXPECT_EQ(number_at(16), one.width);
  EXPECT_EQ(number_at(20), 2 * one.height + 4);
}

TEST(Pictures, OfARunLieInItsFolderAndInItsEvents) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const Outcome outcome =
      gadolin_in_process("pretrain " + (folder / "store").string() + " --out " + (folder / "run").string() +
                         tiny::kSmall + " --set trainer.steps=5 --set watch.pictures_every=2");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  std::string events;
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder / "run/pictures"))
    names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (std::vector<std::string>{"step-0000002.png", "step-0000004.png", "step-0000005.png"}));
  for (const auto& entry : fs::directory_iterator(folder / "run"))
    if (entry.path().filename().string().starts_with("events.")) events = bytes_of(entry.path());
  EXPECT_NE(events.find(bytes_of(folder / "run/pictures/step-0000004.png")), std::string::npos);
}

}  // namespace
