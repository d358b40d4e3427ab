// Each kind of vectors gives the bits of plain loops. Compiled without fused products and sums, as the rows are.
#include "train/update_rows.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <cstdint>
#include <vector>

#include "core/rng.h"

namespace {

// Runs the body with each kind of vectors that this processor has.
template <class Body>
void with_each_target(const Body& body) {
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) {
    hwy::SetSupportedTargetsForTest(left & -left);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    SCOPED_TRACE(hwy::TargetName(left & -left));
    body();
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}

struct Numbers {
  explicit Numbers(std::size_t size) {
    core::Rng rng({size, 5, 0, 0});
    for (std::vector<float>* each : {&gradient, &parameter, &first, &second, &average}) {
      for (std::size_t i = 0; i < size; ++i) each->push_back(static_cast<float>(rng.normal()));
    }
    for (float& each : second) each = std::abs(each);
  }
  train::Row row(bool averaged) {
    return {gradient.data(), parameter.data(), first.data(), second.data(), averaged ? average.data() : nullptr};
  }
  bool operator==(const Numbers&) const = default;
  std::vector<float> gradient, parameter, first, second, average;
};

constexpr train::AdamWNumbers kAdamW{0.7F, 0.1F, 0.999F, 0.001F, 0.9995F, 0.02F, 3.0F, 1e-8F, 0.1F};

// The simple version.
void adamw_plainly(Numbers& x, bool averaged, const train::AdamWNumbers& n) {
  for (std::size_t i = 0; i < x.gradient.size(); ++i) {
    const float gradient = x.gradient[i] * n.gradient_scale;
    x.first[i] = x.first[i] + n.beta1_rest * (gradient - x.first[i]);
    x.second[i] = n.beta2 * x.second[i] + n.beta2_rest * (gradient * gradient);
    const float below = std::sqrt(x.second[i]) * n.root_scale + n.epsilon;
    x.parameter[i] = x.parameter[i] * n.keep - n.step * (x.first[i] / below);
    if (averaged) x.average[i] = x.average[i] + n.average_share * (x.parameter[i] - x.average[i]);
  }
}

void momentum_plainly(Numbers& x, bool averaged, const train::MomentumNumbers& n) {
  for (std::size_t i = 0; i < x.gradient.size(); ++i) {
    const float d = n.pull * (x.gradient[i] * n.gradient_scale + n.decay * x.parameter[i]);
    x.first[i] = n.momentum * x.first[i] + d;
    x.parameter[i] = x.parameter[i] - n.rate * (n.ahead ? n.momentum * x.first[i] + d : x.first[i]);
    if (averaged) x.average[i] = x.average[i] + n.average_share * (x.parameter[i] - x.average[i]);
  }
}

TEST(UpdateRows, AdamWHasTheBitsOfAPlainLoopWithEachKindOfVectors) {
  with_each_target([] {
    for (std::size_t size = 0; size < 70; ++size) {
      for (const bool averaged : {false, true}) {
        Numbers mine(size), plain(size);
        train::adamw_row(mine.row(averaged), size, kAdamW);
        adamw_plainly(plain, averaged, kAdamW);
        ASSERT_TRUE(mine == plain) << size << " " << averaged;
      }
    }
  });
}

TEST(UpdateRows, MomentumHasTheBitsOfAPlainLoopWithEachKindOfVectors) {
  with_each_target([] {
    for (std::size_t size = 0; size < 70; ++size) {
      for (const bool averaged : {false, true}) {
        const train::MomentumNumbers numbers{0.7F, 0.01F, 0.5F, 0.9F, 0.02F, size % 2 == 0, 0.1F};
        Numbers mine(size), plain(size);
        train::momentum_row(mine.row(averaged), size, numbers);
        momentum_plainly(plain, averaged, numbers);
        ASSERT_TRUE(mine == plain) << size << " " << averaged;
      }
    }
  });
}

TEST(UpdateRows, TheSumOfSquaresHasTheSameBitsWithEachKindOfVectorsAndIsRight) {
  for (const std::size_t size : {0, 1, 7, 8, 9, 2047, 2048, 2049, 5000}) {
    const Numbers numbers(size);
    double plain = 0;
    for (const float x : numbers.gradient) plain += static_cast<double>(x) * static_cast<double>(x);
    const double chosen = train::sum_of_squares(numbers.gradient.data(), size);
    EXPECT_NEAR(chosen, plain, 1e-12 * plain);
    with_each_target([&] { EXPECT_EQ(train::sum_of_squares(numbers.gradient.data(), size), chosen) << size; });
  }
  const float huge[] = {1e30F, 1e30F};
  EXPECT_NEAR(train::sum_of_squares(huge, 2), 2e60, 1e54);  // no overflow
}

}  // namespace
