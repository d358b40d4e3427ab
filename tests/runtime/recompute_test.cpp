#include "runtime/recompute.h"

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <optional>

#include "runtime/memory_count.h"

namespace {

// Two layers with dropout between, whose inner results are eight times the input.
struct Layers {
  at::Tensor first = at::randn({16, 128}).requires_grad_(), second = at::randn({128, 16}).requires_grad_();
  std::vector<at::Tensor> parameters() const { return {first, second}; }
  at::Tensor forward(const at::Tensor& x) const {
    const at::Tensor wide = at::dropout(at::gelu(at::matmul(x, first)), 0.3, true);
    return at::matmul(wide, second).to(at::kFloat);
  }
};

struct Result {
  at::Tensor loss, of_input, of_first, of_second, drawn_after;
  std::int64_t most = 0;
};

class Recomputed : public testing::Test {
 protected:
  Result run(bool on, bool autocast, bool input_wants_gradient = true) {
    at::manual_seed(3);
    const Layers layers[] = {Layers{}, Layers{}, Layers{}};
    const at::Tensor input = at::randn({512, 16}).requires_grad_(input_wants_gradient);
    const runtime::MemoryCount count(at::kCPU);
    Result result;
    {
      const runtime::Recompute recompute(on);
      at::autocast::set_autocast_enabled(at::kCPU, autocast);
      at::Tensor x = input;
      for (const Layers& each : layers)
        x = runtime::recomputed(each, [&each](const auto& in) { return each.forward(in[0]); }, {x});
      at::autocast::set_autocast_enabled(at::kCPU, false);
      at::autocast::clear_cache();
      result.loss = x.square().mean();
    }
    result.loss.backward();
    result.most = count.most();
    result.of_input = input.grad();
    result.of_first = layers[0].first.grad();
    result.of_second = layers[2].second.grad();
    result.drawn_after = at::rand({4});
    return result;
  }
};

TEST_F(Recomputed, GivesTheSameBitsForLessMemoryWithDropoutAndAutocast) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  for (const bool autocast : {false, true}) {
    const Result plain = run(false, autocast), again = run(true, autocast);
    EXPECT_TRUE(at::equal(plain.loss, again.loss));
    EXPECT_TRUE(at::equal(plain.of_input, again.of_input));
    EXPECT_TRUE(at::equal(plain.of_first, again.of_first));
    EXPECT_TRUE(at::equal(plain.of_second, again.of_second));
    EXPECT_TRUE(at::equal(plain.drawn_after, again.drawn_after)) << "the generator is elsewhere afterwards";
    EXPECT_LT(again.most, 0.7 * static_cast<double>(plain.most));
  }
}

TEST_F(Recomputed, ParametersGetTheirGradientWhereTheInputWantsNone) {
  const Result plain = run(false, false, false), again = run(true, false, false);
  ASSERT_TRUE(again.of_first.defined());
  EXPECT_TRUE(at::equal(plain.of_first, again.of_first));
  EXPECT_FALSE(again.of_input.defined());
}

TEST_F(Recomputed, ComputesOnceWithoutAGradientAndWhereItIsOff) {
  int calls = 0;
  const Layers layers;
  const at::Tensor input = at::randn({4, 16});
  const auto part = [&](const std::vector<at::Tensor>& in) {
    ++calls;
    return layers.forward(in[0]);
  };
  runtime::recomputed(layers, part, {input}).sum().backward();
  EXPECT_EQ(calls, 1);
  const runtime::Recompute on(true);
  {
    const at::NoGradGuard no_gradient;
    EXPECT_FALSE(runtime::recomputed(layers, part, {input}).requires_grad());
  }
  EXPECT_EQ(calls, 2);
  runtime::recomputed(layers, part, {input}).sum().backward();
  EXPECT_EQ(calls, 4);
}

TEST(MemoryCount, CountsWhatIsTakenAndGivenBack) {
  const runtime::MemoryCount count(at::kCPU);
  {
    const at::Tensor a = at::empty({1000}), b = at::empty({500});
    EXPECT_EQ(count.now(), 6000);
  }
  EXPECT_EQ(count.now(), 0);
  EXPECT_EQ(count.most(), 6000);
}

}  // namespace
