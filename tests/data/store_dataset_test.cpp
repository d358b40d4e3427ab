#include "data/store_dataset.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/error.h"
#include "core/rng.h"
#include "data/loader.h"
#include "store/writer.h"

namespace {

namespace fs = std::filesystem;

// Voxel {d, h, w} of channel 0 of case i is 1000 i + 100 d + 10 h + w, stored halved with scale 2.
volume::Case make_case(int i, const volume::Shape& shape) {
  volume::Case one;
  one.id = "case-" + std::to_string(i);
  one.scalars["score"] = i;
  one.report = "report " + std::to_string(i);
  volume::Geometry geometry;
  geometry.spacing_mm = {3, 1, 1};
  volume::Volume image(shape, volume::VoxelType::kFloat32, geometry);
  image.scale = 2;
  image.offset = -1;
  auto voxels = image.voxels<float>();
  for (std::int64_t k = 0; k < shape.voxels(); ++k) {
    const auto d = k / (shape.height * shape.width), h = k / shape.width % shape.height, w = k % shape.width;
    voxels[k] = static_cast<float>(1000 * i + 100 * d + 10 * h + w + 1) / 2;
  }
  one.channels.push_back({"T1", "MR", std::move(image)});
  one.channels.push_back({"T2", "MR", std::nullopt});
  if (i % 2 == 0) {
    volume::Volume second(shape, volume::VoxelType::kInt16, geometry);
    for (auto& voxel : second.voxels<std::int16_t>()) voxel = static_cast<std::int16_t>(i + 7);
    one.channels[1].image = std::move(second);
    volume::Volume labels(shape, volume::VoxelType::kUInt8, geometry);
    labels.voxels<std::uint8_t>()[5] = 3;
    one.label_map = std::move(labels);
  }
  return one;
}

class Store {
 public:
  explicit Store(int cases, store::WriterOptions options = {})
      : path_(fs::temp_directory_path() / ("gadolin-data-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    store::Writer writer(path_, options);
    for (int i = 0; i < cases; ++i) writer.add(make_case(i, {4, 5, 6 + i % 2}));
    writer.commit();
  }
  ~Store() { fs::remove_all(path_); }
  std::shared_ptr<const store::Reader> reader() const { return std::make_shared<store::Reader>(path_); }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

// Views of 2 x 2 x 2, at a place drawn by the key; the second view is the partner's.
class Corner : public data::ViewMaker {
 public:
  explicit Corner(std::int64_t views = 1) : views_(views) {}
  struct Box : Drawing {
    volume::VoxelBox box() const override { return {begin, {2, 2, 2}}; }
    std::array<std::int64_t, 3> begin{};
  };
  std::int64_t views() const override { return views_; }
  bool of_partner(std::int64_t view) const override { return view == 1; }
  std::unique_ptr<Drawing> draw(const volume::Frame& frame, const Place& place, std::int64_t view) const override {
    core::Rng rng({place.seed, place.sample, static_cast<std::uint32_t>(view), 0});
    auto box = std::make_unique<Box>();
    for (int a = 0; a < 3; ++a) box->begin[a] = static_cast<std::int64_t>(rng.below(frame.shape[a] - 1));
    return box;
  }
  data::ViewSample apply(const Drawing& drawing, const data::Picture& picture) const override {
    EXPECT_EQ(picture.box, drawing.box());
    data::ViewSample view;
    view.image = data::image_of(picture);
    view.labels = data::labels_of(picture);
    view.valid = at::ones({2, 2, 2}, at::kByte);
    for (int a = 0; a < 3; ++a) view.voxel_to_case.rows[a][3] = static_cast<double>(picture.box.begin[a]);
    return view;
  }

 private:
  std::int64_t views_;
};

TEST(StoreDataset, AViewHoldsTheVoxelsOfItsPlaceWithScaleAndOffset) {
  const Store store(4);
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(2), {});
  for (std::uint64_t n = 0; n < 8; ++n) {
    const data::Sample sample = dataset.get(n);
    for (int v = 0; v < 2; ++v) {
      const volume::Index at = sample.views[v].voxel_to_case({1, 0, 1});
      const double expected = 1000.0 * sample.view_case[v] + 100 * at[0] + 10 * at[1] + at[2];
      EXPECT_EQ(sample.views[v].image[0][1][0][1].item<float>(), static_cast<float>(expected));
    }
    EXPECT_EQ(sample.view_case[0], sample.case_index);
    EXPECT_NE(sample.view_case[1], sample.case_index);
    EXPECT_EQ(sample.view_case[1], dataset.partner_of(n));
    EXPECT_EQ(sample.targets.at("score"), sample.case_index);
    EXPECT_EQ(sample.report, "report " + std::to_string(sample.case_index));
    EXPECT_EQ(sample.view_case_shape[0], (volume::Shape{4, 5, 6 + sample.case_index % 2}));
  }
}

TEST(StoreDataset, EveryEpochVisitsEachCaseOnceInAnOrderOfItsOwn) {
  const Store store(9);
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(), {});
  std::set<std::vector<std::int64_t>> orders;
  for (std::uint64_t epoch = 0; epoch < 6; ++epoch) {
    std::vector<std::int64_t> order;
    for (std::uint64_t i = 0; i < 9; ++i) order.push_back(dataset.case_of(9 * epoch + i));
    EXPECT_EQ(std::set(order.begin(), order.end()).size(), 9u);
    orders.insert(order);
  }
  EXPECT_EQ(orders.size(), 6u);
  data::StoreDatasetOptions other;
  other.seed = 1;
  const data::StoreDataset second(store.reader(), std::make_shared<Corner>(), other);
  bool differs = false;
  for (std::uint64_t i = 0; i < 9; ++i) differs |= second.case_of(i) != dataset.case_of(i);
  EXPECT_TRUE(differs);
}

TEST(StoreDataset, AnAbsentChannelIsZeroAndFlaggedAndSoAreLabels) {
  const Store store(4);
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(), {});
  EXPECT_EQ(dataset.channels(), (std::vector<std::string>{"T1", "T2"}));
  for (std::uint64_t n = 0; n < 4; ++n) {
    const data::Sample sample = dataset.get(n);
    const bool even = sample.case_index % 2 == 0;
    EXPECT_EQ(sample.channels_present, (std::vector<std::uint8_t>{1, even ? std::uint8_t{1} : std::uint8_t{0}}));
    EXPECT_EQ(sample.views[0].image[1].max().item<float>(), even ? static_cast<float>(sample.case_index + 7) : 0.0f);
    EXPECT_EQ(sample.has_labels, even);
    EXPECT_EQ(sample.views[0].labels.defined(), even);
  }
  const volume::Frame frame = *dataset.frame(2);
  ASSERT_EQ(frame.locations.size(), 4u);
  EXPECT_EQ(frame.locations[3], (std::vector<volume::Voxel>{{0, 0, 5}}));
  EXPECT_EQ(frame.spacing_mm[0], 3);
  EXPECT_TRUE(dataset.frame(1)->locations.empty());
}

TEST(StoreDataset, OptionsChooseCasesAndChannels) {
  const Store store(5);
  data::StoreDatasetOptions options;
  options.cases = {4, 1, 2};
  options.need_labels = true;
  options.channels = {"T2"};
  options.shuffle = false;
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(), options);
  EXPECT_EQ(dataset.cases(), (std::vector<std::int64_t>{4, 2}));
  EXPECT_EQ(dataset.get(1).views[0].image.sizes(), (at::IntArrayRef{1, 2, 2, 2}));
  const auto refused = [&](const data::StoreDatasetOptions& wrong) {
    EXPECT_THROW(data::StoreDataset(store.reader(), std::make_shared<Corner>(), wrong), core::Error);
  };
  refused({.cases = {5}});
  refused({.cases = {1, 1}});
  refused({.cases = {1, 3}, .need_labels = true});
  refused({.channels = {"T9"}});
  refused({.cases = {1, 2}, .channels = {"T2"}});
}

TEST(StoreDataset, TheCacheChangesNothing) {
  const Store store(4);
  const data::StoreDataset plain(store.reader(), std::make_shared<Corner>(2), {});
  const auto reader =
      std::make_shared<store::Reader>(store.path(), store::ReaderOptions{.cache_bytes = 3 * 4 * 5 * 7 * 4});
  const data::StoreDataset cached(reader, std::make_shared<Corner>(2), {});
  for (std::uint64_t n = 0; n < 12; ++n) {
    const data::Sample a = plain.get(n), b = cached.get(n);
    for (int v = 0; v < 2; ++v) {
      EXPECT_TRUE(at::equal(a.views[v].image, b.views[v].image));
      EXPECT_EQ(a.views[v].labels.defined(), b.views[v].labels.defined());
      const at::Tensor none = at::zeros({1});
      EXPECT_TRUE(at::equal(a.views[v].labels.defined() ? a.views[v].labels : none,
                            b.views[v].labels.defined() ? b.views[v].labels : none));
    }
  }
}

TEST(StoreDataset, OneOrFourWorkersGiveTheSameBatches) {
  const Store store(6);
  const auto dataset =
      std::make_shared<data::StoreDataset>(store.reader(), std::make_shared<Corner>(2), data::StoreDatasetOptions{});
  data::Loader one(dataset, {.batch_size = 3, .workers = 1}), four(dataset, {.batch_size = 3, .workers = 4});
  for (int i = 0; i < 6; ++i) {
    const data::Batch a = one.next(), b = four.next();
    EXPECT_EQ(a.ids, b.ids);
    for (int v = 0; v < 2; ++v) EXPECT_TRUE(at::equal(a.views[v].images, b.views[v].images));
  }
}

TEST(StoreDataset, ACorruptCaseIsAnErrorWithItsName) {
  const Store store(2);
  const auto reader = std::make_shared<store::Reader>(store.path());
  for (const auto& file : fs::recursive_directory_iterator(store.path() / "shards")) {
    const auto size = fs::file_size(file);
    std::fstream bytes(file.path(), std::ios::in | std::ios::out | std::ios::binary);
    bytes.seekp(static_cast<std::streamoff>(size / 2));
    bytes.write("damaged damaged", 15);
  }
  const auto dataset =
      std::make_shared<data::StoreDataset>(reader, std::make_shared<Corner>(), data::StoreDatasetOptions{});
  data::Loader loader(dataset, {.batch_size = 2, .workers = 2});
  try {
    loader.next();
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find(reader->summary(dataset->case_of(0)).id), std::string::npos) << error.what();
  }
}

// Cuts the shards of these cases, one case a shard.
void cut(const Store& store, const std::vector<std::string>& ids) {
  const auto reader = store.reader();
  for (const std::string& id : ids) {
    const auto number = id.substr(id.find('-') + 1);
    const fs::path shard = store.path() / "shards" / ("shard-" + std::string(4 - number.size(), '0') + number + ".h5");
    fs::resize_file(shard, fs::file_size(shard) / 2);
  }
}

data::StoreDatasetOptions skipping() {
  data::StoreDatasetOptions options;
  options.skip_damaged = true;
  return options;
}

TEST(StoreDataset, ADamagedCaseIsLeftOutWhereThatIsWantedAndTheNextOneStandsIn) {
  const Store store(12, {.cases_per_shard = 1});
  const data::StoreDataset sound(store.reader(), std::make_shared<Corner>(2), {});
  std::vector<data::Sample> expected;
  for (std::uint64_t n = 0; n < 24; ++n) expected.push_back(sound.get(n));
  cut(store, {"case-3"});
  const auto dataset = std::make_shared<data::StoreDataset>(store.reader(), std::make_shared<Corner>(2), skipping());
  EXPECT_TRUE(dataset->left_out().empty());
  int replaced = 0;
  data::Loader loader(dataset, {.batch_size = 1, .workers = 4});
  for (const data::Sample& sample : expected) {
    const data::Batch batch = loader.next();
    const bool own = sample.id == "case-3", partner = store.reader()->summary(sample.view_case[1]).id == "case-3";
    EXPECT_EQ(batch.ids[0], own ? "case-4" : sample.id);
    replaced += own || partner ? 1 : 0;
    if (!own) {
      EXPECT_TRUE(at::equal(batch.views[0].images[0], sample.views[0].image));
    }
    if (!own && !partner) {
      EXPECT_TRUE(at::equal(batch.views[1].images[0], sample.views[1].image));
    }
  }
  EXPECT_GE(replaced, 2);
  EXPECT_EQ(dataset->left_out(), std::vector<std::string>{"case-3"});
  const data::StoreDataset strict(store.reader(), std::make_shared<Corner>(), {});
  EXPECT_THROW(for (std::uint64_t n = 0; n < 12; ++n) strict.get(n), core::Error);
}

TEST(StoreDataset, MoreThanATenthOfDamagedCasesIsAnErrorThatCountsThem) {
  const Store store(12, {.cases_per_shard = 1});
  cut(store, {"case-3", "case-8"});
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(), skipping());
  try {
    for (std::uint64_t n = 0; n < 12; ++n) dataset.get(n);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("2 of 12 cases"), std::string::npos) << error.what();
  }
  EXPECT_THROW(dataset.get(0), core::Error) << "and stays one";
}

TEST(StoreDataset, AStoreOfNothingButDamageIsAnErrorAndNotAnEndlessSearch) {
  const Store store(1, {.cases_per_shard = 1});
  cut(store, {"case-0"});
  const data::StoreDataset dataset(store.reader(), std::make_shared<Corner>(), skipping());
  EXPECT_THROW(dataset.get(0), core::Error);
  EXPECT_THROW(dataset.get(1), core::Error);
}

}  // namespace
