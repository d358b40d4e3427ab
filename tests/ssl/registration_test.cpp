#include "ssl/registration.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "core/rng.h"
#include "data/whole_case.h"
#include "volume/phantom.h"

namespace {

constexpr double kInfinite = std::numeric_limits<double>::infinity();
const at::TensorOptions kFloat = at::TensorOptions().dtype(at::kFloat);
const at::TensorOptions kDouble = at::TensorOptions().dtype(at::kDouble);

// Bright and dark blobs at these places [3, D, H, W]: a picture known everywhere, [1, D, H, W].
at::Tensor blobs(const at::Tensor& places) {
  core::Rng rng({3, 0, 0, 0});
  at::Tensor sum = at::zeros(places.sizes().slice(1), places.options());
  for (int k = 0; k < 24; ++k) {
    at::Tensor far = at::zeros_like(sum);
    for (std::int64_t a = 0; a < 3; ++a) far += (places[a] - rng.uniform(-0.85, 0.85)).square();
    const double size = rng.uniform(0.15, 0.35);
    sum += (k % 2 == 0 ? 1.0 : -1.0) * (far / (-2 * size * size)).exp();
  }
  return sum.unsqueeze(0);
}

at::Tensor noise(at::IntArrayRef extent, std::uint64_t seed) {
  core::Rng rng({seed, 0, 0, 0});
  at::Tensor all = at::empty(extent, at::kDouble);
  for (std::int64_t i = 0; i < all.numel(); ++i) all.data_ptr<double>()[i] = rng.normal();
  return all;
}

at::Tensor where(const ssl::Deformation& one, const at::Tensor& places) {
  return ssl::deformed({one.affine.unsqueeze(0), one.bend.unsqueeze(0)}, places.unsqueeze(0)).squeeze(0);
}

// Distance in voxels [D, H, W], of those whose true partner lies inside of the moving picture by two voxels or more.
at::Tensor apart(const at::Tensor& found, const at::Tensor& truth, std::int64_t voxels) {
  const double half = static_cast<double>(voxels) / 2;
  const at::Tensor inside = truth.abs().amax(0) < 1 - 2 / half;
  return ((found - truth) * half).square().sum(0).sqrt().masked_select(inside);
}

}  // namespace

TEST(Alikeness, HasTheGradientOfFiniteDifferences) {
  const at::Tensor fixed = noise({2, 4, 5, 6}, 1), moving = noise({2, 4, 5, 6}, 2) + 0.5 * fixed;
  for (const double window : {1.2, kInfinite}) {
    const ssl::Alikeness found = ssl::alikeness(fixed, moving, window);
    ASSERT_EQ(found.gradient.sizes(), moving.sizes());
    for (std::int64_t i = 0; i < moving.numel(); i += 7) {
      const auto value_with = [&](double change) {
        at::Tensor other = moving.clone();
        other.view({-1})[i] += change;
        return ssl::alikeness(fixed, other, window).value;
      };
      EXPECT_NEAR((value_with(1e-5) - value_with(-1e-5)) / 2e-5, found.gradient.view({-1})[i].item<double>(), 1e-8)
          << window << " " << i;
    }
  }
}

// Over the whole picture it is the squared correlation, all but for e.
TEST(Alikeness, OverTheWholePictureIsTheSquaredCorrelation) {
  const at::Tensor a = noise({1, 6, 6, 6}, 3), b = 0.7 * a + noise({1, 6, 6, 6}, 4);
  const at::Tensor da = a - a.mean(), db = b - b.mean();
  const double squared = std::pow((da * db).mean().item<double>(), 2);
  const double variances = (da.square().mean() * db.square().mean()).item<double>();
  EXPECT_NEAR(ssl::alikeness(a, b, kInfinite).value, (squared + 1e-3) / (variances + 1e-3), 1e-12);
}

TEST(Alikeness, IsOneOfALinearFunctionAndOfPicturesOfOneValueAndOtherwiseLess) {
  const at::Tensor a = noise({1, 6, 6, 6}, 3), flat = at::ones_like(a);
  EXPECT_NEAR(ssl::alikeness(a, 3 - 2 * a, 2).value, 1, 1e-3);
  EXPECT_NEAR(ssl::alikeness(a, a, 2).value, 1, 1e-12);
  EXPECT_LT(ssl::alikeness(a, a, 2).gradient.abs().max().item<double>(), 1e-12);
  EXPECT_NEAR(ssl::alikeness(flat, flat, 2).value, 1, 1e-12);
  EXPECT_LT(ssl::alikeness(a, noise({1, 6, 6, 6}, 4), kInfinite).value, 0.1);
}

TEST(Deformation, OfNothingLeavesEveryPlaceAndControlPointsShiftTheirOwn) {
  const at::Tensor places = ssl::voxel_places({4, 5, 6}, kDouble);
  EXPECT_NEAR(places[0][0][0][0].item<double>(), -0.75, 1e-12);
  EXPECT_NEAR(places[2][0][0][5].item<double>(), 5.0 / 6, 1e-12);
  ssl::Deformation one = ssl::no_deformation(3, kDouble);
  EXPECT_TRUE(at::allclose(where(one, places), places));
  one.bend[0][2][1][1] = 0.5;  // of d, in the middle of the far side
  const at::Tensor points = at::tensor({1.0, 0.0, 0.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0}, kDouble).view({3, 3}).t();
  const at::Tensor moved = where(one, points.contiguous().view({3, 3, 1, 1})) - points.contiguous().view({3, 3, 1, 1});
  EXPECT_NEAR(moved[0][0][0][0].item<double>(), 0.5, 1e-12);
  EXPECT_NEAR(moved[0][1][0][0].item<double>(), 0.25, 1e-12);
  EXPECT_NEAR(moved[0][2][0][0].item<double>(), 0, 1e-12);
  EXPECT_EQ(moved.slice(0, 1).abs().max().item<double>(), 0);
}

TEST(Deformation, APictureSeenAtItsOwnVoxelsIsItself) {
  const at::Tensor picture = noise({2, 5, 4, 6}, 5);
  const at::Tensor places = ssl::voxel_places({5, 4, 6}, kDouble).unsqueeze(0);
  EXPECT_TRUE(at::allclose(ssl::picture_at(picture.unsqueeze(0), places).squeeze(0), picture, 1e-9, 1e-9));
}

TEST(Registration, FindsAKnownAffineMapToWithinAVoxel) {
  const at::Tensor places = ssl::voxel_places({24, 24, 24}, kFloat);
  ssl::Deformation truth = ssl::no_deformation(2, kFloat);
  truth.affine =
      at::tensor({1.05F, 0.12F, 0.0F, 0.08F, -0.1F, 0.95F, 0.06F, -0.12F, 0.0F, 0.05F, 1.1F, 0.05F}).view({3, 4});
  const at::Tensor there = where(truth, places);
  const ssl::Deformation found = ssl::registered(blobs(there), blobs(places), {});
  EXPECT_GT(apart(places, there, 24).max().item<double>(), 2.5) << "there is something to find";
  EXPECT_LT(apart(where(found, places), there, 24).max().item<double>(), 1);
  EXPECT_LT(apart(where(found, places), there, 24).mean().item<double>(), 0.3);
}

TEST(Registration, FindsAKnownSmoothWarpToWithinAVoxel) {
  const at::Tensor places = ssl::voxel_places({24, 24, 24}, kFloat);
  const at::Tensor there =
      places + 0.1 * at::stack({at::sin(2 * places[1]), at::cos(2.5 * places[2]), at::sin(2 * places[0])});
  const ssl::Deformation found = ssl::registered(blobs(there), blobs(places), {});
  EXPECT_GT(apart(places, there, 24).max().item<double>(), 1.9) << "there is something to find";
  EXPECT_LT(apart(where(found, places), there, 24).quantile(0.99).item<double>(), 1);
  EXPECT_LT(apart(where(found, places), there, 24).mean().item<double>(),
            apart(places, there, 24).mean().item<double>() / 3);
}

// Another scanner: what is bright and how bright.
TEST(Registration, DoesNotMindAnotherScaleOfGrey) {
  const at::Tensor places = ssl::voxel_places({16, 16, 16}, kFloat);
  const at::Tensor there = places + 0.2;
  const ssl::Deformation found = ssl::registered(40 - 7 * blobs(there), blobs(places), {});
  EXPECT_LT(apart(where(found, places), there, 16).mean().item<double>(), 0.3);
}

TEST(Registration, OfAPictureWithItselfOrOfOneValueStaysWhereItIs) {
  const at::Tensor places = ssl::voxel_places({16, 16, 16}, kFloat), picture = blobs(places);
  const at::Tensor flat = at::full_like(picture, 0.1);
  for (const auto& [fixed, moving] : {std::pair{picture, picture}, {flat, flat}, {picture, flat}, {flat, picture}}) {
    const ssl::Deformation found = ssl::registered(fixed, moving, {});
    EXPECT_TRUE(found.affine.isfinite().all().item<bool>());
    EXPECT_LT((where(found, places) - places).abs().max().item<double>() * 8, 0.02) << "voxels";
  }
}

TEST(Registration, GivesTheSameBitsOnAnyNumberOfThreads) {
  const at::Tensor places = ssl::voxel_places({16, 16, 16}, kFloat);
  const auto found = [&](int threads) {
    at::set_num_threads(threads);
    ssl::Deformation one;
    ssl::one_by_one(
        1, [&](std::int64_t) { one = ssl::registered(blobs(places + 0.1), blobs(places), {.iterations = 5}); });
    at::set_num_threads(1);
    return one;
  };
  const ssl::Deformation alone = found(1), two = found(2);
  EXPECT_TRUE(at::equal(alone.affine, two.affine));
  EXPECT_TRUE(at::equal(alone.bend, two.bend));
}

namespace {

struct Patient {
  at::Tensor picture;  // [1, 32, 32, 32]
  at::Tensor labels;   // [1, 1, 32, 32, 32] float
};

Patient patient(std::int64_t number) {
  volume::PhantomOptions options;
  options.patients = 8;
  options.size = 32;
  options.sites = 1;
  options.axis_orders = options.lesions = false;
  options.anisotropy = 1;
  volume::Case one = volume::phantom_case(options, number);
  const volume::Shape shape = one.label_map->shape();
  const auto small = [&](std::optional<volume::Volume> image, std::optional<volume::Volume> labels) {
    data::Picture picture;
    picture.channels.push_back(std::move(image));
    picture.labels = std::move(labels);
    picture.box = {{0, 0, 0}, shape};
    picture.case_shape = shape;
    return picture;
  };
  const data::Picture picture = small(std::move(one.channels[0].image), std::move(one.label_map));
  const auto maker = data::whole_case({32, 32, 32});
  volume::Frame frame;
  frame.shape = shape;
  const at::Tensor labels = data::labels_of(picture).to(at::kFloat).unsqueeze(0).unsqueeze(0);
  return {maker->apply(*maker->draw(frame, {}, 0), picture).image,
          at::upsample_nearest3d(labels, at::IntArrayRef{32, 32, 32})};
}

// Mean over the organs of 150 voxels or more: one of less is as thick as a voxel is wide.
double overlap(const at::Tensor& a, const at::Tensor& b) {
  double sum = 0;
  int organs = 0;
  for (int organ = 1; organ < 16; ++organ) {
    const at::Tensor in_a = a == organ, in_b = b == organ;
    if (in_b.sum().item<std::int64_t>() < 150) continue;
    sum += 2 * in_a.logical_and(in_b).sum().item<double>() / (in_a.sum() + in_b.sum()).item<double>();
    ++organs;
  }
  return sum / organs;
}

}  // namespace

// MR of unlike contrast and bias: from 0.68 to 0.73.
TEST(Registration, LaysTheOrgansOfOnePatientOverThoseOfAnother) {
  const Patient atlas = patient(0);
  const at::Tensor places = ssl::voxel_places({32, 32, 32}, kFloat);
  double before = 0, after = 0;
  for (const std::int64_t number : {1, 2, 3}) {
    const Patient other = patient(number);
    const ssl::Deformation found = ssl::registered(other.picture, atlas.picture, {});
    const at::Tensor there = where(found, places);
    const at::Tensor voxel = ((there + 1) * 16).floor().clamp(0, 31).to(at::kLong);
    const at::Tensor carried = atlas.labels.flatten().take((voxel[0] * 32 + voxel[1]) * 32 + voxel[2]);
    before += overlap(atlas.labels[0][0], other.labels[0][0]) / 3;
    after += overlap(carried, other.labels[0][0]) / 3;
  }
  EXPECT_GT(after, before + 0.03) << "from " << before;
}
