// What is special to parcellation: parcels, atlases, and what a view is told of them.
#include <gtest/gtest.h>

#include <cmath>

#include "made.h"
#include "runtime/comm.h"
#include "ssl/atlases.h"
#include "ssl/parcels.h"
#include "story_of.h"

namespace {

using Arguments = std::vector<std::string>;

std::unique_ptr<ssl::Method> parcellation(const Arguments& arguments = {}, std::uint64_t seed = 1) {
  return made::method("parcellation", "resenc", seed, arguments);
}

// The same ball in every case.
at::Tensor always_alike(std::uint64_t) { return made::picture(7); }

// Begins with whole cases drawn otherwise than made::begin_epoch does.
void begin_with(ssl::Method& method, const std::function<at::Tensor(std::uint64_t)>& draw, std::int64_t cases = 6) {
  const data::Batch all = made::whole_cases(*method.whole_cases(), cases, draw);
  made::Pass pass(all);
  method.before_epoch(pass, {});
}

runtime::Archive state_of(const ssl::Method& method) {
  runtime::Archive state;
  method.save(state);
  return state;
}

void expect_same(const runtime::Archive& one, const runtime::Archive& other) {
  ASSERT_EQ(one.tensors.size(), 4u);
  ASSERT_EQ(other.tensors.size(), 4u);
  for (const auto& [name, tensor] : one.tensors) EXPECT_TRUE(at::equal(tensor, other.tensors.at(name))) << name;
}

ssl::AtlasOptions small_atlas() {
  ssl::AtlasOptions options;
  options.grid = 8;
  options.parcels = 5;
  options.candidates = 3;
  options.registration.control_points = 3;
  options.registration.iterations = 3;
  return options;
}

}  // namespace

TEST(Parcels, PartAPictureOfOneValueByPlaceAlone) {
  const at::Tensor parcels = ssl::parcels_of(at::full({1, 8, 8, 8}, 3.0), 8, 1);
  const at::Tensor sizes = parcels.flatten().bincount({}, 8);
  EXPECT_EQ(sizes.numel(), 8);
  EXPECT_GT(sizes.min().item<std::int64_t>(), 20);
  EXPECT_LT(sizes.max().item<std::int64_t>(), 150);
}

TEST(Parcels, FollowTheGreyValueWherePlaceCountsLittleAndTheDarkestIsTheFirst) {
  const at::Tensor image = made::picture(7);
  const at::Tensor parcels = ssl::parcels_of(image, 2, 0.05);
  const at::Tensor bright = image[0] > 0.5 * (image.max() + image.min());
  EXPECT_GT((parcels == bright.to(at::kLong)).to(at::kFloat).mean().item<double>(), 0.95);
}

TEST(Parcels, AreTheSameWhateverTheUnitOfGreyIs) {
  const at::Tensor image = made::picture(7);
  EXPECT_TRUE(at::equal(ssl::parcels_of(image, 6, 1), ssl::parcels_of(4 * image, 6, 1)));
}

TEST(Parcels, CompactOnesAreRounder) {
  const at::Tensor image = made::picture(9);
  // Mean squared distance from the middle of the own parcel, voxels.
  const auto width = [&](double compactness) {
    const at::Tensor parcels = ssl::parcels_of(image, 6, compactness).flatten();
    const at::Tensor places = at::stack(at::meshgrid({at::arange(24), at::arange(24), at::arange(24)}, "ij"));
    double sum = 0;
    for (int k = 0; k < 6; ++k) {
      const at::Tensor own = places.flatten(1).to(at::kFloat).index_select(1, (parcels == k).nonzero().squeeze(1));
      if (own.size(1) > 0) sum += (own - own.mean(1, true)).square().sum().item<double>();
    }
    return sum / static_cast<double>(parcels.numel());
  };
  EXPECT_LT(width(3), 0.8 * width(0.1));
}

TEST(MostCentral, IsTheOneBetweenTheOthersAndThenWhatIsUnlikeIt) {
  const at::Tensor places = ssl::voxel_places({12, 12, 12}, at::kFloat);
  std::vector<at::Tensor> pictures;
  for (const double middle : {-0.3, -0.15, 0.0, 0.15, 0.3, 5.0})  // the last: nothing but a slope
    pictures.push_back(((places[0] - middle).square() * -4).exp().unsqueeze(0));
  EXPECT_EQ(ssl::most_central(at::stack(pictures), 1), (std::vector<std::int64_t>{2}));
  const std::vector<std::int64_t> two = ssl::most_central(at::stack(pictures), 2);
  EXPECT_EQ(two.front(), 2);
  EXPECT_NE(two.back(), 2);
}

TEST(Atlases, TellTheParcelAtThePlaceOfEveryVoxelOfATurnedScaledAndMirroredView) {
  const auto method =
      parcellation({"views.mirror.chance=0.5", "views.warp.rotation_chance=1", "views.warp.scale_chance=1"});
  ssl::Atlases atlases(small_atlas(), 1, made::kCases, c10::Device(c10::kCPU));
  const data::Batch whole = made::whole_cases({8, 8, 8}, 6, always_alike);
  made::Pass pass(whole);
  const auto comm = runtime::alone();
  atlases.find(pass, *comm);
  runtime::Archive state;
  atlases.save(state);
  const at::Tensor parcels = state.tensors.at("atlas.parcels")[0].to(at::kLong);
  const data::Batch batch = made::batch(*method, 4, 0, always_alike);
  const data::View& view = batch.views[0];
  const at::Tensor told = atlases.parcels_in(view);
  ASSERT_EQ(told.sizes(), (std::vector<std::int64_t>{1, 4, 16, 16, 16}));
  std::int64_t asked = 0, right = 0;
  for (std::int64_t i = 0; i < 4; ++i) {
    for (std::int64_t d = 0; d < 16; d += 3) {
      for (std::int64_t h = 0; h < 16; h += 3) {
        for (std::int64_t w = 0; w < 16; w += 3) {
          const std::int64_t is = told[0][i][d][h][w].item<std::int64_t>();
          EXPECT_EQ(is >= 0, view.valid[i][d][h][w].item<int>() == 1);
          if (is < 0) continue;
          const volume::Index index = view.voxel_to_case[static_cast<std::size_t>(i)](
              {static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
          std::array<std::int64_t, 3> at{};
          for (std::size_t a = 0; a < 3; ++a)
            at[a] = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::floor((index[a] + 0.5) / 3)), 0, 7);
          ++asked;
          right += parcels[at[0]][at[1]][at[2]].item<std::int64_t>() == is ? 1 : 0;
        }
      }
    }
  }
  EXPECT_GT(asked, 300);
  EXPECT_GE(right, asked * 99 / 100) << "but for voxels on the edge between two of the atlas";
}

TEST(Atlases, AreTheSameFoundByOneRankByTwoAndByThree) {
  const data::Batch whole = made::whole_cases({8, 8, 8}, 8);  // shares of 3, 3 and 2
  ssl::AtlasOptions options = small_atlas();
  options.count = 2;
  const auto found = [&](runtime::Comm& comm) {
    ssl::Atlases atlases(options, 1, made::kCases, c10::Device(c10::kCPU));
    made::Pass pass(whole);
    atlases.find(pass, comm);
    runtime::Archive state;
    atlases.save(state);
    return state;
  };
  at::set_num_threads(1);
  const runtime::Archive one = found(*runtime::alone());
  EXPECT_EQ(one.tensors.at("atlas.row_of_case").ge(0).sum().item<std::int64_t>(), 8);
  for (const int ranks : {2, 3}) {
    std::vector<runtime::Archive> states(static_cast<std::size_t>(ranks));
    runtime::run_ranks(ranks,
                       [&](runtime::Comm& comm) { states[static_cast<std::size_t>(comm.rank())] = found(comm); });
    for (const runtime::Archive& state : states) expect_same(state, one);
  }
}

TEST(Atlases, KeepFewBytesOfACase) {
  const auto method = made::method("parcellation", "resenc", 1, {"atlas.registration.control_points=8"});
  made::begin_epoch(*method, 10);
  const runtime::Archive state = state_of(*method);
  std::size_t bytes = 0;
  for (const char* name : {"atlas.affine", "atlas.bend"}) bytes += state.tensors.at(name).nbytes();
  EXPECT_EQ(bytes, 10u * (12 * 4 + 3 * 512 * 2));
}

TEST(Atlases, MoreThanThereAreCasesOrCandidatesAreRefused) {
  expect_story("3 atlases of 2 candidates", [] { parcellation({"atlas.count=3", "atlas.candidates=2"}); });
  const auto method = parcellation({"atlas.count=3"});
  expect_story("3 atlases of 2 cases", [&] { made::begin_epoch(*method, 2); });
}

TEST(Parcellation, RegistersOnceAndGoesOnFromItsState) {
  const auto method = parcellation(), other = parcellation({}, 2);
  EXPECT_TRUE(method->wants_pass());
  made::begin_epoch(*method);
  EXPECT_FALSE(method->wants_pass());
  const runtime::Archive state = state_of(*method);
  begin_with(*method, always_alike);  // of the second epoch
  expect_same(state_of(*method), state);
  EXPECT_TRUE(state_of(*other).tensors.empty());
  other->load(runtime::unpack_archive(runtime::pack_archive(state)));
  EXPECT_FALSE(other->wants_pass());
  expect_same(state_of(*other), state);
}

TEST(Parcellation, OutsideOfTheCaseAndInACaseThatWasNotInThePassNothingIsAsked) {
  const auto method = parcellation();
  made::begin_epoch(*method, 6);
  data::Batch outside = made::batch(*method, 2);
  outside.views[0].valid.zero_();
  for (const data::Batch& batch : {outside, made::batch(*method, 2, 30)}) {
    const at::Tensor loss = method->step(0, batch, {}).loss;
    loss.backward();
    EXPECT_EQ(loss.item<double>(), 0);
    const train::Phase phase = method->phases()[0];
    for (const train::Parameter& each : phase.parameters) {
      ASSERT_TRUE(each.tensor.grad().defined());
      EXPECT_EQ(each.tensor.grad().abs().max().item<double>(), 0) << each.name;
    }
  }
}

TEST(Parcellation, SeveralAtlasesAreSeveralQuestions) {
  const auto method = parcellation({"atlas.count=3"});
  made::begin_epoch(*method);
  EXPECT_EQ(made::state(*method, "atlas.parcels").size(0), 3);
  const data::Batch batch = made::batch(*method, 2);
  EXPECT_TRUE(std::isfinite(made::loss(*method, batch)));
  std::int64_t outputs = 0;
  for (const auto& [name, tensor] : method->weights()) {
    if (name.starts_with("decoder.") && tensor.dim() == 5 && tensor.size(2) == 1)
      outputs = std::max(outputs, tensor.size(0));
  }
  EXPECT_EQ(outputs, 12);
}

TEST(Parcellation, ShowsTheParcelsThatWereCarriedOverAndThoseThatAreFound) {
  const auto method = parcellation();
  made::begin_epoch(*method);
  const data::Batch batch = made::batch(*method, 2);
  method->set_training(false);
  const train::NamedTensors pictures = method->pictures(batch);
  ASSERT_EQ(pictures.size(), 2u);
  const at::Tensor carried = pictures[1].second[0];
  EXPECT_GT(carried.max().item<double>(), carried.min().item<double>());
  EXPECT_LE(carried.max().item<double>(), batch.views[0].images[0].max().item<double>());
}

// Ball and ground, the ball elsewhere in each case: a network of few steps finds it in cases that it was not shown.
TEST(Parcellation, IsLearntForOtherCases) {
  const auto method = parcellation({"atlas.parcels=2", "atlas.compactness=0.05", "atlas.grid=12",
                                    "atlas.registration.iterations=10", "atlas.registration.control_points=4"});
  made::begin_epoch(*method, 24);
  std::vector<train::Optimiser> optimisers;
  optimisers.emplace_back(method->phases()[0], train::TrainerSettings{});
  for (std::uint64_t step = 0; step < 20; ++step) {
    optimisers[0].clear_gradients();
    method->step(0, made::batch(*method, 2, 2 * (step % 10)), {}).loss.backward();
    optimisers[0].update({.learning_rate = 3e-3});
  }
  const at::NoGradGuard no_gradient;
  EXPECT_GT(method->step(0, made::batch(*method, 4, 20), {}).watch.at("parcel_dice").item<double>(), 0.8);
}

TEST(Parcellation, WeightsOfNothingAreRefused) {
  expect_story("both weights are 0", [] { parcellation({"dice_weight=0", "cross_entropy_weight=0"}); });
}
