#include "data/loader.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <optional>
#include <set>
#include <thread>

#include "core/error.h"
#include "data/subset.h"

namespace {

// Case i is a picture full of its sample's number; some lack labels, a target or a report.
class Numbers : public data::Dataset {
 public:
  explicit Numbers(std::int64_t size) : size_(size) {}
  std::int64_t size() const override { return size_; }
  data::Sample get(std::uint64_t number) const override {
    if (number == broken) throw core::Error("case " + std::to_string(number) + ": chunk is damaged");
    if (number % 3 == 0) std::this_thread::sleep_for(std::chrono::microseconds(300));
    ++drawn;
    data::Sample sample;
    sample.number = number;
    sample.case_index = static_cast<std::int64_t>(number) % size_;
    sample.id = "case-" + std::to_string(sample.case_index);
    sample.channels_present = {1, static_cast<std::uint8_t>(number % 2)};
    data::ViewSample view;
    view.image = at::full({2, 2, 3, 4}, static_cast<double>(number), at::kFloat);
    view.valid = at::ones({2, 3, 4}, at::kByte);
    if (number % 2 == 0) view.labels = at::full({2, 3, 4}, static_cast<std::int64_t>(number), at::kLong);
    view.voxel_to_case.rows[0][3] = static_cast<double>(number);
    sample.has_labels = number % 2 == 0;
    sample.views = {view};
    sample.view_case = {sample.case_index};
    sample.view_case_shape = {{9, 9, 9}};
    if (number % 2 == 1) sample.targets["score"] = static_cast<double>(number) / 2;
    return sample;
  }
  std::uint64_t broken = ~std::uint64_t{0};
  mutable std::atomic<int> drawn{0};

 private:
  std::int64_t size_;
};

std::vector<std::int64_t> numbers(const data::Batch& batch) {
  const at::Tensor sample = batch.sample.contiguous();
  return {sample.data_ptr<std::int64_t>(), sample.data_ptr<std::int64_t>() + sample.numel()};
}

data::LoaderOptions options(std::int64_t batch_size, int workers) {
  data::LoaderOptions options;
  options.batch_size = batch_size;
  options.workers = workers;
  return options;
}

TEST(Loader, GivesTheSameBatchesWhateverTheNumberOfWorkers) {
  const auto dataset = std::make_shared<Numbers>(7);
  data::Loader one(dataset, options(3, 1)), four(dataset, options(3, 4));
  for (int i = 0; i < 20; ++i) {
    const data::Batch a = one.next(), b = four.next();
    EXPECT_EQ(numbers(a), (std::vector<std::int64_t>{3 * i, 3 * i + 1, 3 * i + 2}));
    EXPECT_EQ(numbers(a), numbers(b));
    EXPECT_TRUE(at::equal(a.views[0].images, b.views[0].images));
    EXPECT_EQ(a.ids, b.ids);
    EXPECT_EQ(a.views[0].voxel_to_case, b.views[0].voxel_to_case);
  }
  EXPECT_EQ(one.position(), 60u);
}

TEST(Loader, SeekingIsSkipping) {
  const auto dataset = std::make_shared<Numbers>(5);
  data::Loader skipped(dataset, options(2, 2)), sought(dataset, options(2, 2));
  for (int i = 0; i < 7; ++i) skipped.next();
  sought.next();
  sought.seek(14);
  EXPECT_EQ(skipped.position(), sought.position());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(numbers(skipped.next()), numbers(sought.next()));
}

TEST(Loader, TellsHowLongItsThreadsHaveWorked) {
  const auto numbers = std::make_shared<Numbers>(6);
  data::Loader loader(numbers, options(3, 2));
  EXPECT_EQ(loader.worked_s(), 0);
  for (int i = 0; i < 4; ++i) loader.next();
  const double worked = loader.worked_s();
  EXPECT_GE(worked, 4 * 0.0003) << "of 12 samples 4 take 0.3 ms at the least";
  loader.next();
  EXPECT_GE(loader.worked_s(), worked);
  loader.seek(0);
  EXPECT_EQ(loader.worked_s(), 0);
}

TEST(Loader, RanksShareEachStepAndTheUnionIsThatOfOneRank) {
  const auto dataset = std::make_shared<Numbers>(5);
  data::Loader whole(dataset, options(4, 1));
  auto first = options(2, 1), second = options(2, 1);
  first.ranks = second.ranks = 2;
  second.rank = 1;
  data::Loader a(dataset, first), b(dataset, second);
  for (int i = 0; i < 6; ++i) {
    auto both = numbers(a.next());
    for (const auto number : numbers(b.next())) both.push_back(number);
    EXPECT_EQ(both, numbers(whole.next()));
    EXPECT_EQ(a.position(), whole.position());
  }
}

TEST(Loader, APassGivesEachCaseOnceAndLeavesThePositionAlone) {
  const auto dataset = std::make_shared<Numbers>(7);
  data::Loader loader(dataset, options(3, 2));
  for (int i = 0; i < 3; ++i) loader.next();  // in the second epoch: 9 of 14
  const auto pass = loader.pass();
  std::vector<std::int64_t> met;
  while (pass->position() < static_cast<std::uint64_t>(pass->epoch_size())) {
    for (const auto number : numbers(pass->next())) met.push_back(number);
  }
  EXPECT_EQ(met, (std::vector<std::int64_t>{7, 8, 9, 10, 11, 12, 13}));
  EXPECT_EQ(loader.position(), 9u);
  EXPECT_EQ(numbers(loader.next()), (std::vector<std::int64_t>{9, 10, 11}));
}

TEST(Loader, APassMayGiveOtherViewsOfTheSameCases) {
  const auto dataset = std::make_shared<Numbers>(5), whole = std::make_shared<Numbers>(5);
  auto with = options(2, 1);
  with.passed = whole;
  data::Loader loader(dataset, with);
  const auto pass = loader.pass();
  pass->seek(3);
  EXPECT_EQ(numbers(pass->next()), (std::vector<std::int64_t>{3, 4}));
  EXPECT_EQ(pass->position(), 5u);
  EXPECT_EQ(dataset->drawn, 0);
  EXPECT_GE(whole->drawn, 2);
}

TEST(Loader, AWorkersErrorComesOutOfNextAtItsBatch) {
  const auto dataset = std::make_shared<Numbers>(9);
  dataset->broken = 5;
  data::Loader loader(dataset, options(2, 3));
  loader.next();
  loader.next();
  for (int again = 0; again < 2; ++again) {
    try {
      loader.next();
      FAIL();
    } catch (const core::Error& error) {
      EXPECT_EQ(error.story(), "case 5: chunk is damaged");
    }
  }
  EXPECT_EQ(loader.position(), 4u);
}

TEST(Loader, MakesNoMoreAheadThanItWasAllowed) {
  const auto dataset = std::make_shared<Numbers>(9);
  auto few = options(2, 4);
  few.prefetch = 1;
  data::Loader loader(dataset, few);
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  EXPECT_LE(dataset->drawn, 6);
}

// Asked by one thread: what is expected while sample i is made is i + 1.
class Expecting : public Numbers {
 public:
  using Numbers::Numbers;
  void expect(std::uint64_t number) const override { told = number; }
  data::Sample get(std::uint64_t number) const override {
    right += told == number + 1 ? 1 : 0;
    wrong += told && told != number + 1 ? 1 : 0;
    told.reset();
    return Numbers::get(number);
  }
  mutable std::optional<std::uint64_t> told;
  mutable std::atomic<int> right{0}, wrong{0};
};

TEST(Loader, TellsTheDataSetWhichSampleComesNext) {
  const auto dataset = std::make_shared<Expecting>(7);
  data::Loader loader(dataset, options(3, 1));
  for (int i = 0; i < 8; ++i) loader.next();
  EXPECT_GE(dataset->right, 12) << "all but those at the end of what is planned";
  EXPECT_EQ(dataset->wrong, 0);
}

TEST(Loader, LeavesTorchsThreadsOfTheTrainingThreadAlone) {
  const int before = at::get_num_threads();
  data::Loader loader(std::make_shared<Numbers>(4), options(2, 2));
  loader.next();
  EXPECT_EQ(at::get_num_threads(), before);
}

TEST(Loader, RefusesNumbersThatMakeNoSense) {
  EXPECT_THROW(data::Loader(std::make_shared<Numbers>(4), options(0, 1)), core::Error);
  EXPECT_THROW(data::Loader(std::make_shared<Numbers>(4), options(1, -1)), core::Error);
  EXPECT_THROW(data::Loader(std::make_shared<Numbers>(0), options(1, 1)), core::Error);
}

// Samples that are only drawn: a picture of one voxel that holds the sample's number.
class OnlyDrawn : public Numbers {
 public:
  using Numbers::Numbers;
  data::Sample get(std::uint64_t number) const override {
    data::Sample sample = Numbers::get(number);
    sample.views.clear();
    data::DrawnView drawn;
    drawn.picture.channels.emplace_back(volume::Volume({1, 1, 1}, volume::VoxelType::kFloat32, {}));
    drawn.picture.channels[0]->voxels<float>()[0] = static_cast<float>(number);
    drawn.picture.box = {{0, 0, 0}, {1, 1, 1}};
    sample.drawn.push_back(std::move(drawn));
    return sample;
  }
};

// Begins on the loader's threads and finishes on the test's.
class Stacker : public data::BatchMaker {
 public:
  struct Begun : data::BatchMaker::Begun {
    std::vector<data::DrawnView> views;
  };
  std::unique_ptr<data::BatchMaker::Begun> begin(std::vector<data::DrawnView> views) const override {
    strangers += std::this_thread::get_id() == trains ? 0 : 1;
    auto begun = std::make_unique<Begun>();
    begun->views = std::move(views);
    return begun;
  }
  void finish(data::BatchMaker::Begun& begun, data::View& view) const override {
    EXPECT_EQ(std::this_thread::get_id(), trains);
    std::vector<at::Tensor> images;
    for (const data::DrawnView& drawn : dynamic_cast<Begun&>(begun).views)
      images.push_back(data::image_of(drawn.picture));
    view.images = at::stack(images);
  }
  std::thread::id trains = std::this_thread::get_id();
  mutable std::atomic<int> strangers{0};
};

TEST(Loader, LetsAMakerOfBatchesMakeWhatIsOnlyDrawn) {
  const auto dataset = std::make_shared<OnlyDrawn>(7);
  const auto maker = std::make_shared<Stacker>();
  data::LoaderOptions with = options(3, 3);
  with.batch_maker = maker;
  data::Loader loader(dataset, with);
  for (int i = 0; i < 20; ++i) {
    const data::Batch batch = loader.next();
    ASSERT_EQ(batch.views.size(), 1u);
    EXPECT_EQ(batch.views[0].images.sizes(), (std::vector<std::int64_t>{3, 1, 1, 1, 1}));
    for (int n = 0; n < 3; ++n) EXPECT_EQ(batch.views[0].images[n].item<float>(), static_cast<float>(3 * i + n));
    EXPECT_EQ(batch.views[0].case_index[1].item<std::int64_t>(), (3 * i + 1) % 7);
  }
  EXPECT_GE(maker->strangers, 20);
}

template <class... Samples>
std::vector<data::Sample> list(Samples... samples) {
  std::vector<data::Sample> all;
  (all.push_back(std::move(samples)), ...);
  return all;
}

TEST(Collate, FlagsSayWhatIsThereAndTheRestIsMarkedAsMissing) {
  const Numbers dataset(9);
  const data::Batch batch = data::collate(list(dataset.get(4), dataset.get(5)));
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.views[0].images.sizes(), (at::IntArrayRef{2, 2, 2, 3, 4}));
  EXPECT_EQ(batch.has_labels[0].item<int>(), 1);
  EXPECT_EQ(batch.has_labels[1].item<int>(), 0);
  EXPECT_EQ(batch.views[0].labels[0].max().item<int>(), 4);
  EXPECT_EQ(batch.views[0].labels[1].max().item<int>(), -1);
  EXPECT_FALSE(batch.views[0].hidden.defined());
  EXPECT_TRUE(std::isnan(batch.targets.at("score")[0].item<float>()));
  EXPECT_EQ(batch.targets.at("score")[1].item<float>(), 2.5f);
  EXPECT_EQ(batch.channels_present[0][1].item<int>(), 0);
  EXPECT_EQ(batch.channels_present[1][1].item<int>(), 1);
  EXPECT_FALSE(data::collate(list(dataset.get(1), dataset.get(3))).views[0].labels.defined());
}

TEST(Collate, SizesThatDifferAreAnErrorThatNamesTheCases) {
  const Numbers dataset(9);
  data::Sample odd = dataset.get(1);
  odd.views[0].image = at::zeros({2, 2, 3, 5});
  try {
    data::collate(list(dataset.get(0), std::move(odd)));
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(error.story().find("case-0"), std::string::npos);
    EXPECT_NE(error.story().find("case-1"), std::string::npos);
  }
}

TEST(Batch, MovingToTheDeviceItIsOnSharesItsTensors) {
  const Numbers dataset(9);
  const data::Batch batch = data::collate(list(dataset.get(0)));
  const data::Batch same = batch.to(at::kCPU);
  EXPECT_EQ(same.views[0].images.data_ptr(), batch.views[0].images.data_ptr());
  EXPECT_EQ(same.ids, batch.ids);
}

TEST(Subset, GivesTheChosenCasesInItsOwnNumbering) {
  const data::Subset subset(std::make_shared<Numbers>(10), {8, 2, 5});
  EXPECT_EQ(subset.size(), 3);
  EXPECT_EQ(subset.get(0).case_index, 8);
  EXPECT_EQ(subset.get(5).case_index, 5);
  EXPECT_EQ(subset.get(5).number, 5u);
  EXPECT_EQ(subset.get(5).views[0].image[0][0][0][0].item<float>(), 15) << "the second epoch draws anew";
  EXPECT_THROW(data::Subset(std::make_shared<Numbers>(10), {10}), core::Error);
}

}  // namespace
