// The ops that do what a scanner and a patient do to a picture, beside the plain discrete Fourier transform.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <numbers>
#include <set>

#include "augment/k_space.h"
#include "augment/ops/bias_field.h"
#include "augment/ops/ghosting.h"
#include "augment/ops/motion.h"
#include "augment/ops/spike.h"
#include "core/error.h"
#include "pictures.h"

namespace {

using augment::View;

constexpr volume::Shape kCase{9, 12, 15};

View changed(const pictures::Sample& sample, const std::string& op) {
  return pictures::apply(augment::parse("view 9 12 15 9 12 15 | crop 0 0 0 | " + op), sample);
}

// Lines of k-space along one axis, by the definition: image and lines are [D, H, W], the middle line is line 0.
at::Tensor to_lines(const at::Tensor& image, int axis, bool back = false) {
  const std::int64_t extent = image.size(axis);
  const at::Tensor lines = image.to(at::kComplexDouble).transpose(axis, 0).contiguous();
  at::Tensor sum = at::zeros_like(lines);
  for (std::int64_t k = 0; k < extent; ++k) {
    for (std::int64_t x = 0; x < extent; ++x) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(k * x) / static_cast<double>(extent);
      const c10::complex<double> wave(std::cos(angle), back ? std::sin(angle) : -std::sin(angle));
      sum[k] += lines[x] * wave / (back ? static_cast<double>(extent) : 1.0);
    }
  }
  return sum.transpose(0, axis).contiguous();
}
at::Tensor from_lines(const at::Tensor& lines, int axis) { return at::real(to_lines(lines, axis, true)); }
std::int64_t signed_line(std::int64_t k, std::int64_t extent) { return 2 * k < extent ? k : k - extent; }

bool close(const at::Tensor& a, const at::Tensor& b, double tolerance) {
  return at::allclose(a.to(at::kDouble), b.to(at::kDouble), 0, tolerance);
}

TEST(KSpace, LinesAreKeptAsTheFourierTransformSaysForAnyExtent) {
  for (const std::int64_t extent : {1, 2, 3, 8, 15, 16}) {
    std::vector<double> kept;
    for (std::int64_t k = 0; k <= extent / 2; ++k) kept.push_back(std::cos(1.7 * static_cast<double>(k)));
    const volume::Shape shape{extent, 2, 3};
    at::Tensor image = pictures::blobs(shape).image[0].contiguous(), lines = to_lines(image, 0);
    for (std::int64_t k = 0; k < extent; ++k) {
      lines[k] *= kept[static_cast<std::size_t>(std::abs(signed_line(k, extent)))];
    }
    const at::Tensor truth = from_lines(lines, 0);
    const std::span<float> voxels(image.data_ptr<float>(), static_cast<std::size_t>(image.numel()));
    augment::filter(voxels, shape, 0, augment::keeping_lines(extent, kept));
    EXPECT_TRUE(close(image, truth, 1e-5)) << extent;
  }
}

TEST(KSpace, LinesLieAlongAnAxisThatIsNoStackOfSlices) {
  const auto axes = [](std::array<double, 3> spacing_mm, const volume::Shape& view) {
    volume::Frame frame;
    frame.spacing_mm = spacing_mm;
    std::set<int> found;
    core::Rng rng({1, 0, 0, 0});
    for (int i = 0; i < 200; ++i) found.insert(augment::draw_line_axis(rng, frame, view));
    return found;
  };
  EXPECT_EQ(axes({3, 1, 1}, {8, 8, 8}), (std::set<int>{0, 1, 2}));
  EXPECT_EQ(axes({3.1, 1, 1}, {8, 8, 8}), (std::set<int>{1, 2}));
  EXPECT_EQ(axes({1, 1, 1}, {8, 1, 8}), (std::set<int>{0, 2}));
  EXPECT_EQ(axes({1, 1, 1}, {1, 1, 1}), (std::set<int>{0, 1, 2}));
}

TEST(Ghosting, WeakensEveryNthLineOfKSpaceButTheMiddleOne) {
  const auto sample = pictures::blobs(kCase);
  for (int axis = 0; axis < 3; ++axis) {
    const View view = changed(sample, "ghosting " + std::to_string(axis) + " 2 0.75 3 0.4");
    for (int c = 0; c < 2; ++c) {
      at::Tensor lines = to_lines(sample.image[c], axis);
      const std::int64_t extent = kCase[axis], every = c == 0 ? 2 : 3;
      for (std::int64_t k = 1; k < extent; ++k) {
        if (std::abs(signed_line(k, extent)) % every == 0) lines.select(axis, k) *= c == 0 ? 0.25 : 0.6;
      }
      EXPECT_TRUE(close(view.image[c], from_lines(lines, axis), 1e-3)) << axis;
    }
  }
}

TEST(Ghosting, LeavesCopiesOfAPointApartByTheExtentOverN) {
  auto sample = pictures::blobs(kCase);
  sample.image.zero_();
  sample.image[0][4][1][7] = 1;
  const at::Tensor row = changed(sample, "ghosting 1 3 0.6 2 0").image[0].select(0, 4).select(1, 7);
  // Weakening every third line takes 0.6 / 3 from the point and gives it to places 4 and 8 away; the mean stays.
  for (std::int64_t h = 0; h < 12; ++h) {
    const double copies = h == 1 ? 1 - 0.2 : h == 5 || h == 9 ? -0.2 : 0;
    EXPECT_NEAR(row[h].item<double>(), copies + 0.6 / 12, 1e-6) << h;
  }
}

TEST(Spike, MakesOnePairOfPointsOfKSpaceBrightAsItsAmplitudeSays) {
  const auto sample = pictures::blobs(kCase);
  const View view = changed(sample, "spike 2 -3 5 0.5 1 0 1 0 0.25 0");
  const double deviation = sample.image[0].to(at::kDouble).std(false).item<double>();
  at::Tensor space = (view.image[0] - sample.image[0]).to(at::kDouble);
  for (int axis = 0; axis < 3; ++axis) space = to_lines(space, axis);
  // Half of the wave's sum in point (2, -3, 5), the other half in the one opposite, with the phase and against it.
  const double half = 0.5 * deviation * static_cast<double>(kCase.voxels()) / 2;
  const auto point = [&](std::int64_t d, std::int64_t h, std::int64_t w) {
    return space[(d + 9) % 9][(h + 12) % 12][(w + 15) % 15].item<c10::complex<double>>();
  };
  EXPECT_NEAR(point(2, -3, 5).real(), half * std::cos(1), 1e-3 * half);
  EXPECT_NEAR(point(2, -3, 5).imag(), half * std::sin(1), 1e-3 * half);
  EXPECT_NEAR(point(-2, 3, -5).imag(), -half * std::sin(1), 1e-3 * half);
  EXPECT_NEAR(space.abs().pow(2).sum().item<double>(), 2 * half * half, 1e-4 * half * half) << "and nowhere else";
  const at::Tensor wave = view.image[1] - sample.image[1];
  EXPECT_NEAR(wave[0][6][0].item<double>() / wave[0][0][0].item<double>(), -1, 1e-3) << "half a turn on";
}

TEST(Spike, LiesWithinReachAndNeverInTheMiddle) {
  volume::Frame frame;
  augment::Spike settings;
  settings.chance = 1;
  settings.reach = 0.5;
  const augment::OpPointer op = augment::make(settings);
  bool far = false;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    const auto values = op->draw({1, i, 0, 0}, frame, {1, 8, 16}).values;
    EXPECT_EQ(values[0], 0);
    EXPECT_LE(std::abs(values[1]), 2);
    EXPECT_LE(std::abs(values[2]), 4);
    EXPECT_TRUE(values[1] != 0 || values[2] != 0);
    far = far || (values[1] == -2 && values[2] == 4);
  }
  EXPECT_TRUE(far);
}

// Both channels where the map takes them from, trilinear, the border repeated.
at::Tensor moved_by(const pictures::Sample& sample, const std::vector<double>& map) {
  at::Tensor moved = at::empty_like(sample.image);
  for (std::int64_t i = 0; i < kCase.voxels(); ++i) {
    const std::array<std::int64_t, 3> to{i / (12 * 15), i / 15 % 12, i % 15};
    std::array<std::int64_t, 3> lower{};
    std::array<double, 3> part{};
    for (std::size_t r = 0; r < 3; ++r) {
      const double* row = map.data() + 4 * r;
      const double last = static_cast<double>(kCase[static_cast<int>(r)] - 1);
      double at = row[3];
      for (std::size_t k = 0; k < 3; ++k) at += row[k] * static_cast<double>(to[k]);
      at = std::clamp(at, 0.0, last);
      lower[r] = static_cast<std::int64_t>(std::min(std::floor(at), last - 1));
      part[r] = at - static_cast<double>(lower[r]);
    }
    for (int c = 0; c < 2; ++c) {
      double sum = 0;
      for (int corner = 0; corner < 8; ++corner) {
        const int d = corner / 4, h = corner / 2 % 2, w = corner % 2;
        const double weight = (d ? part[0] : 1 - part[0]) * (h ? part[1] : 1 - part[1]) * (w ? part[2] : 1 - part[2]);
        sum += weight * pictures::value(sample.image, c, lower[0] + d, lower[1] + h, lower[2] + w);
      }
      moved.data_ptr<float>()[c * kCase.voxels() + i] = static_cast<float>(sum);
    }
  }
  return moved;
}

TEST(Motion, TakesEachLineOfKSpaceFromThePoseItWasScannedIn) {
  const auto sample = pictures::blobs(kCase);
  // The first quarter of the lines with the view shifted, the last third with it turned by a quarter in {h, w}.
  const std::string shift = "1 0 0 2 0 1 0 -1.25 0 0 1 3", turn = "1 0 0 0.5 0 0 1 -1.5 0 -1 0 12.5";
  const at::Tensor shifted = moved_by(sample, augment::from_line("x " + shift)[0].values);
  const at::Tensor turned = moved_by(sample, augment::from_line("x " + turn)[0].values);
  for (int axis = 0; axis < 3; ++axis) {
    const View view = changed(sample, "motion " + std::to_string(axis) + " -1 -0.5 " + shift + " 0.3 1 " + turn);
    const std::int64_t extent = kCase[axis];
    for (int c = 0; c < 2; ++c) {
      at::Tensor lines = to_lines(sample.image[c], axis);
      const at::Tensor first = to_lines(shifted[c], axis), last = to_lines(turned[c], axis);
      for (std::int64_t k = 0; k < extent; ++k) {
        const std::int64_t line = 2 * k == extent ? -k : signed_line(k, extent);
        const double at = 2.0 * static_cast<double>(line) / static_cast<double>(extent);
        if (at < -0.5) lines.select(axis, k).copy_(first.select(axis, k));
        if (at >= 0.3) lines.select(axis, k).copy_(last.select(axis, k));
      }
      EXPECT_TRUE(close(view.image[c], from_lines(lines, axis), 2e-3)) << axis;
    }
    EXPECT_FALSE(close(view.image, sample.image, 0.05));
  }
}

TEST(Motion, DrawsRigidPosesInMillimetresAndTheMiddleLineAtRest) {
  volume::Frame frame;
  frame.spacing_mm = {3, 1, 0.5};
  augment::Motion settings;
  settings.chance = 1;
  settings.poses = 3;
  settings.rotation_deg = 10;
  settings.shift_mm = 4;
  const augment::OpPointer op = augment::make(settings);
  const volume::Shape view{8, 20, 30};
  std::array<int, 4> poses{};
  double greatest = 0;
  for (std::uint64_t i = 0; i < 300; ++i) {
    const auto values = op->draw({2, i, 0, 0}, frame, view).values;
    ++poses.at((values.size() - 1) / 14);
    for (std::size_t first = 1; first < values.size(); first += 14) {
      EXPECT_FALSE(values[first] <= 0 && values[first + 1] > 0);
      const double* map = values.data() + first + 2;
      std::array<std::array<double, 3>, 3> turn{};
      for (std::size_t r = 0; r < 3; ++r) {
        double middle = map[4 * r + 3];
        for (std::size_t c = 0; c < 3; ++c) {
          turn[r][c] = map[4 * r + c] * frame.spacing_mm[r] / frame.spacing_mm[c];
          middle += map[4 * r + c] * static_cast<double>(view[static_cast<int>(c)] - 1) / 2;
        }
        const double shift_mm = (middle - static_cast<double>(view[static_cast<int>(r)] - 1) / 2) * frame.spacing_mm[r];
        EXPECT_LE(std::abs(shift_mm), 4 + 1e-9);
      }
      for (std::size_t r = 0; r < 3; ++r) {
        for (std::size_t c = 0; c < 3; ++c) {
          double product = 0;
          for (std::size_t k = 0; k < 3; ++k) product += turn[r][k] * turn[c][k];
          EXPECT_NEAR(product, r == c ? 1 : 0, 1e-12);
        }
      }
      const double angle = std::acos((turn[0][0] + turn[1][1] + turn[2][2] - 1) / 2) * 180 / std::numbers::pi;
      EXPECT_LE(angle, 10 + 1e-6);
      greatest = std::max(greatest, angle);
    }
  }
  EXPECT_GT(greatest, 9.5);
  EXPECT_EQ(poses[0], 0);
  for (std::size_t n = 1; n < 4; ++n) EXPECT_NEAR(poses[n], 100, 5 * std::sqrt(300 * 2 / 9.0));
}

TEST(BiasField, MultipliesWhatLiesAboveTheLowestByExpOfACubic) {
  const volume::Shape shape{3, 4, 200};  // longer than a row is followed without beginning anew
  auto sample = pictures::blobs(shape);
  const at::Tensor low = sample.image.amin({1, 2, 3}).to(at::kDouble);
  std::string op = "bias_field 0.02 0.015 0.01", coefficients;
  std::vector<double> coefficient;
  core::Rng rng({8, 0, 0, 0});
  for (int i = 0; i < 38; ++i) {
    coefficient.push_back(std::round(rng.uniform(-800, 800)) / 1000);
    op += " " + std::to_string(coefficient.back());
  }
  const View view = pictures::apply(augment::parse("view 3 4 200 3 4 200 | crop 0 0 0 | " + op), sample);
  double most = 0;
  for (int c = 0; c < 2; ++c) {
    for (std::int64_t d = 0; d < 3; ++d) {
      for (std::int64_t h = 0; h < 4; ++h) {
        for (std::int64_t w = 0; w < 200; ++w) {
          const double x = (static_cast<double>(d) - 1) * 0.02, y = (static_cast<double>(h) - 1.5) * 0.015,
                       z = (static_cast<double>(w) - 99.5) * 0.01;
          double power = 0;
          std::size_t next = static_cast<std::size_t>(c) * 19;
          for (int i = 0; i <= 3; ++i) {
            for (int j = 0; i + j <= 3; ++j) {
              for (int k = 0; i + j + k <= 3; ++k) {
                if (i + j + k == 0) continue;
                power += coefficient[next++] * std::pow(x, i) * std::pow(y, j) * std::pow(z, k);
              }
            }
          }
          const double before = pictures::value(sample.image, c, d, h, w), least = low[c].item<double>();
          const double truth = least + (before - least) * std::exp(power);
          const double size = std::abs(least) + (before - least) * std::exp(power);
          most = std::max(most, std::abs(pictures::value(view.image, c, d, h, w) - truth) / size);
        }
      }
    }
  }
  EXPECT_LT(most, 2e-6);
}

TEST(BiasField, IsAsStrongAsDrawnAndAlikeAlongUnlikeSpacings) {
  // A case of the same size in millimetres on a coarser grid gets the same field.
  augment::BiasField settings;
  settings.chance = 1;
  settings.strength = 0.5;
  const augment::OpPointer op = augment::make(settings);
  double strongest = 0;
  for (std::uint64_t i = 0; i < 20; ++i) {
    std::array<at::Tensor, 2> fields;
    for (int coarse = 0; coarse < 2; ++coarse) {
      const volume::Shape shape{coarse ? 8 : 24, 24, 20};
      auto sample = pictures::blobs(shape, {coarse ? 3.0 : 1.0, 1, 1});
      sample.image.fill_(1);
      sample.image[0][0][0][0] = sample.image[1][0][0][0] = 0;
      augment::Drawing drawing{shape, shape, {{"crop", {0, 0, 0}}, op->draw({1, i, 0, 0}, sample.frame, shape)}};
      fields[static_cast<std::size_t>(coarse)] = pictures::apply(drawing, sample).image[0].flatten(1);
    }
    const at::Tensor fine = fields[0].narrow(1, 1, 479), middle = fine.index({at::arange(8) * 3 + 1});
    EXPECT_TRUE(close(middle.log(), fields[1].narrow(1, 1, 479).log(), 1e-5));
    strongest = std::max(strongest, fine.max().item<double>());
    EXPECT_LE(fine.max().item<double>(), 1.51);
    EXPECT_GE(fine.min().item<double>(), 1 / 1.51);
    EXPECT_GT((fine - 1).abs().max().item<double>(), 0);
  }
  EXPECT_GT(strongest, 1.25);
}

TEST(BiasField, LeavesTheLowestValueWhereItIs) {
  const auto sample = pictures::blobs(kCase);
  const augment::OpPointer op = augment::make_op("bias_field");
  std::vector<double> values{0.2, 0.2, 0.2};
  values.resize(3 + 38, 0.5);
  const View view = pictures::apply({kCase, kCase, {{"crop", {0, 0, 0}}, {"bias_field", values}}}, sample);
  for (int c = 0; c < 2; ++c) EXPECT_EQ(view.image[c].min().item<float>(), sample.image[c].min().item<float>());
}

TEST(ScannerOps, RefuseWhatCannotBe) {
  const auto sample = pictures::blobs(kCase);
  for (const char* op : {"ghosting 3 2 0.5 2 0.5", "ghosting 0 1 0.5 2 0.5", "ghosting 0 2 1.5 2 0.5",
                         "spike 0 0 1e9 1 0 0 0 1 1 0", "motion 0.5", "motion 0 -2 1 1 0 0 0 0 1 0 0 0 0 1 0"}) {
    EXPECT_THROW(changed(sample, op), core::Error) << op;
  }
  augment::Ghosting settings;
  settings.every_low = 9;
  EXPECT_THROW(augment::make(settings), core::Error);
}

}  // namespace
