#include "train/optimiser.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "core/table.h"
#include "leaf.h"

namespace {

train::TrainerSettings with(const std::string& optimiser, double decay = 0.05) {
  train::TrainerSettings settings;
  settings.optimiser = optimiser;
  settings.weight_decay = decay;
  return settings;
}

void update(train::Optimiser& optimiser, double learning_rate) { optimiser.update({.learning_rate = learning_rate}); }

// What tests/golden/optimisers.py draws.
class Lcg {
 public:
  at::Tensor many(at::IntArrayRef sizes) {
    at::Tensor numbers = at::zeros(sizes, at::kDouble);
    for (std::int64_t i = 0; i < numbers.numel(); ++i) {
      x_ = 1664525U * x_ + 1013904223U;
      numbers.mutable_data_ptr<double>()[i] = static_cast<double>(x_) / 4294967296.0 - 0.5;
    }
    return numbers;
  }

 private:
  std::uint32_t x_ = 7;
};

at::Tensor golden(const std::string& name) {
  std::vector<double> values;
  for (const auto& row : core::read_csv(GADOLIN_GOLDEN "/optimisers.csv").rows)
    if (row[0] == name) values.push_back(std::stod(row[2]));
  return at::tensor(values, at::kDouble);
}

// Five steps from the golden's begin; float64 goes by torch's operations, float32 as rows.
at::Tensor five_steps(const train::TrainerSettings& settings, at::ScalarType type, bool falls) {
  Lcg draw;
  const at::Tensor weight = leaf(draw.many({2, 3}).to(type)), bias = leaf(draw.many({3}).to(type));
  train::Optimiser optimiser({"all", {{"weight", weight}, {"bias", bias}}}, settings);
  for (int step = 0; step < 5; ++step) {
    optimiser.clear_gradients();
    weight.mutable_grad() = draw.many({2, 3}).to(type);
    bias.mutable_grad() = draw.many({3}).to(type);
    optimiser.clip(settings.clip_norm);
    update(optimiser, falls ? 0.1 * (1 - step / 5.0) : 0.1);
  }
  return at::cat({weight.detach().flatten(), bias.detach()}).to(at::kDouble);
}

struct Golden {
  const char *name, *optimiser;
  bool nesterov, falls;
  double clip;
};

class TheGoldenOf : public testing::TestWithParam<Golden> {};
INSTANTIATE_TEST_SUITE_P(Peers, TheGoldenOf,
                         testing::Values(Golden{"sgd", "sgd", false, true, 0}, Golden{"nesterov", "sgd", true, true, 0},
                                         Golden{"clipped", "sgd", false, true, 0.5},
                                         Golden{"adamw", "adamw", false, true, 0},
                                         Golden{"lars", "lars", false, true, 0}),
                         [](const auto& each) { return std::string(each.param.name); });

TEST_P(TheGoldenOf, IsReachedInFloat64AndInFloat32) {
  train::TrainerSettings settings = with(GetParam().optimiser);
  settings.nesterov = GetParam().nesterov;
  settings.clip_norm = GetParam().clip;
  if (settings.optimiser == "adamw") settings.beta2 = 0.95;
  if (settings.optimiser == "lars") settings.trust = 0.02;
  const at::Tensor wanted = golden(GetParam().name);
  ASSERT_EQ(wanted.numel(), 9);
  EXPECT_LT((five_steps(settings, at::kDouble, GetParam().falls) - wanted).abs().max().item<double>(), 1e-7);
  EXPECT_LT((five_steps(settings, at::kFloat, GetParam().falls) - wanted).abs().max().item<double>(), 1e-6);
}

// Two networks' worth of shapes: one number, lengths around a vector's, several pieces, another layout of memory.
train::Parameters parameters(at::ScalarType type = at::kFloat) {
  at::manual_seed(3);
  train::Parameters all;
  for (const at::IntArrayRef sizes : std::vector<std::vector<std::int64_t>>{{1}, {7}, {16}, {33, 3}, {130, 517}})
    all.push_back({"p" + std::to_string(all.size()), leaf((0.1 * at::randn(sizes)).to(type))});
  const at::Tensor volumes = (0.1 * at::randn({8, 6, 3, 3, 3})).to(type).contiguous(at::MemoryFormat::ChannelsLast3d);
  all.push_back({"convolution", leaf(volumes)});
  return all;
}

void draw_gradients(const train::Parameters& all, int step) {
  at::manual_seed(static_cast<std::uint64_t>(100 + step));
  for (const train::Parameter& each : all)
    each.tensor.mutable_grad() = at::randn(each.tensor.sizes()).to(each.tensor.scalar_type());
}

class EveryOptimiser : public testing::TestWithParam<const train::OptimiserEntry*> {
 protected:
  static train::TrainerSettings settings() { return with(std::string(GetParam()->name)); }
};
INSTANTIATE_TEST_SUITE_P(Table, EveryOptimiser,
                         testing::ValuesIn(train::optimisers().begin(), train::optimisers().end()),
                         [](const auto& each) { return std::string(each.param->name); });

TEST_P(EveryOptimiser, IsFoundByItsNameAndReadsSettingsThatThereAre) {
  EXPECT_EQ(&train::optimiser_named(std::string(GetParam()->name)), GetParam());
  EXPECT_FALSE(GetParam()->help.empty());
  train::TrainerSettings all;
  const std::vector<core::Slot> slots = core::slots_of(all);
  for (const std::string key : GetParam()->reads)
    EXPECT_TRUE(std::ranges::any_of(slots, [&](const core::Slot& slot) { return slot.key == key; })) << key;
  for (const core::Slot& slot : slots) {
    if (slot.key == "optimiser") {
      EXPECT_NE(slot.help.find(GetParam()->name), std::string::npos) << slot.help;
    }
  }
}

// Rows of float32 beside torch's operations on the same numbers in float64, clipped and averaged.
TEST_P(EveryOptimiser, RowsFollowTorchsOperationsWithClipAndAverage) {
  const train::Phase rows{"all", parameters()}, others{"all", parameters(at::kDouble)};
  train::Optimiser by_rows(rows, settings()), by_torch(others, settings());
  train::Average average({rows}, 0.9), other_average({others}, 0.9);
  by_rows.keep(average);
  by_torch.keep(other_average);
  for (int step = 0; step < 20; ++step) {
    draw_gradients(rows.parameters, step);
    draw_gradients(others.parameters, step);
    const double norm = by_rows.clip(1.0).item<double>();
    EXPECT_NEAR(norm, by_torch.clip(1.0).item<double>(), 1e-6 * norm);
    for (auto* each : {&by_rows, &by_torch})
      each->update({.learning_rate = 0.01, .average_share = average.share(step + 1)});
  }
  for (std::size_t i = 0; i < rows.parameters.size(); ++i) {
    const std::string& name = rows.parameters[i].name;
    const at::Tensor difference = rows.parameters[i].tensor - others.parameters[i].tensor;
    EXPECT_LT(difference.abs().max().item<double>(), 1e-6) << name;
    EXPECT_LT((average.state().at(name) - other_average.state().at(name)).abs().max().item<double>(), 1e-6) << name;
    EXPECT_GT((average.state().at(name) - rows.parameters[i].tensor).abs().max().item<double>(), 1e-5) << name;
  }
}

TEST_P(EveryOptimiser, TheBitsDoNotDependOnTheNumberOfThreads) {
  const auto run = [&](int threads) {
    const int before = at::get_num_threads();
    at::set_num_threads(threads);
    const train::Phase phase{"all", parameters()};
    train::Optimiser optimiser(phase, settings());
    train::Average average({phase}, 0.9);
    optimiser.keep(average);
    for (int step = 0; step < 4; ++step) {
      draw_gradients(phase.parameters, step);
      optimiser.clip(1.0);
      optimiser.update({.learning_rate = 0.01, .average_share = 0.1});
    }
    at::set_num_threads(before);
    std::vector<at::Tensor> all;
    for (const auto& [name, tensor] : average.state()) all.push_back(tensor);
    for (const auto& [name, tensor] : optimiser.state()) all.push_back(tensor);
    for (const train::Parameter& each : phase.parameters) all.push_back(each.tensor.detach());
    return all;
  };
  const std::vector<at::Tensor> one = run(1), three = run(3);
  for (std::size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], three[i])) << i;
}

TEST_P(EveryOptimiser, AStepThatIsSkippedChangesNothingAndIsNotCounted) {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    const train::Phase phase{"all", {{"weight", leaf(at::ones({2, 2}).to(type))}}};
    const at::Tensor& weight = phase.parameters[0].tensor;
    train::Optimiser optimiser(phase, settings());
    train::Average average({phase}, 0.9);
    optimiser.keep(average);
    const auto step = [&](double gradient, double skip) {
      weight.mutable_grad() = at::full({2, 2}, gradient).to(type);
      optimiser.clip(1.0);
      optimiser.update({.learning_rate = 0.1, .average_share = 0.1, .skip = at::full({}, skip, at::kFloat)});
    };
    step(0.3, 0);
    const at::Tensor kept = weight.detach().clone(), of_average = average.state().at("weight").clone();
    std::map<std::string, at::Tensor> state;
    for (const auto& [name, tensor] : optimiser.state()) state[name] = tensor.clone();
    step(std::numeric_limits<double>::quiet_NaN(), 1);
    EXPECT_TRUE(at::equal(weight, kept));
    EXPECT_TRUE(at::equal(average.state().at("weight"), of_average));
    for (const auto& [name, tensor] : optimiser.state()) EXPECT_TRUE(at::equal(tensor, state.at(name))) << name;
    step(0.3, 0);
    EXPECT_FALSE(at::equal(weight, kept));
    EXPECT_TRUE(weight.isfinite().all().item<bool>());
  }
}

TEST_P(EveryOptimiser, AParameterWithoutAGradientIsLeftAloneAndItsAverageGoesOn) {
  const at::Tensor used = leaf(at::ones({2, 2})), unused = leaf(at::ones({2, 2}));
  const train::Phase phase{"all", {{"used", used}, {"unused", unused}}};
  train::Optimiser optimiser(phase, settings());
  train::Average average({phase}, 0.9);
  optimiser.keep(average);
  average.state().at("unused").fill_(3);
  used.mutable_grad() = at::ones({2, 2});
  optimiser.update({.learning_rate = 0.1, .average_share = 0.5});
  EXPECT_TRUE(at::equal(unused, at::ones({2, 2})));
  EXPECT_FALSE(at::equal(used, at::ones({2, 2})));
  EXPECT_TRUE(at::equal(average.state().at("unused"), at::full({2, 2}, 2.0f)));
}

TEST_P(EveryOptimiser, SparedParametersAreNotDecayed) {
  const at::Tensor matrix = leaf(at::ones({2, 2})), token = leaf(at::ones({1, 1, 2})), bias = leaf(at::ones({2}));
  train::Optimiser optimiser({"all", {{"matrix", matrix}, {"token", token, /*spared=*/true}, {"bias", bias}}},
                             with(std::string(GetParam()->name), 0.5));
  for (const at::Tensor& each : {matrix, token, bias}) each.mutable_grad() = at::zeros_like(each);
  update(optimiser, 0.1);
  EXPECT_TRUE(at::equal(token, at::ones({1, 1, 2})));
  EXPECT_TRUE(at::equal(bias, at::ones({2})));
  EXPECT_NEAR(matrix[0][0].item<double>(), 1 - 0.1 * 0.5, 1e-6);
}

TEST_P(EveryOptimiser, LayersFarFromTheHeadLearnMoreSlowly) {
  const at::Tensor head = leaf(at::ones({2, 2})), deep = leaf(at::ones({2, 2}));
  train::TrainerSettings settings = with(std::string(GetParam()->name), 0);
  settings.layer_decay = 0.5;
  train::Optimiser optimiser({"all", {{"head", head}, {"deep", deep, false, /*layers_above=*/3}}}, settings);
  head.mutable_grad() = at::full({2, 2}, 0.25f);
  deep.mutable_grad() = at::full({2, 2}, 0.25f);
  update(optimiser, 0.1);
  const double moved = 1 - head[0][0].item<double>();
  EXPECT_GT(moved, 1e-5);
  EXPECT_NEAR(1 - deep[0][0].item<double>(), moved / 8, 1e-6 * moved + 1e-7);
}

TEST_P(EveryOptimiser, ItsStateGoesOnToTheSameBitsAndAnotherNetworksIsRefused) {
  const at::Tensor weight = leaf(at::ones({2, 2})), copy = leaf(at::ones({2, 2})), other = leaf(at::ones({3}));
  train::Optimiser first({"all", {{"weight", weight}}}, settings()), second({"all", {{"weight", copy}}}, settings());
  weight.mutable_grad() = at::full({2, 2}, 0.3f);
  update(first, 0.1);
  copy.set_data(weight.detach().clone());
  second.load(first.state());
  weight.mutable_grad() = at::full({2, 2}, -0.2f);
  copy.mutable_grad() = weight.grad().clone();
  update(first, 0.1);
  update(second, 0.1);
  EXPECT_TRUE(at::equal(weight, copy));
  EXPECT_THROW(train::Optimiser({"all", {{"weight", other}}}, settings()).load(first.state()), core::Error);
  EXPECT_THROW(train::Optimiser({"all", {{"w", other}, {"w", copy}}}, settings()), core::Error);
}

TEST(AdamW, TheFirstUpdateIsTheLearningRateTimesTheSignAndTheDecay) {
  const at::Tensor matrix = leaf(at::full({1, 1}, 1.0f)), vector = leaf(at::full({1}, 1.0f));
  train::Optimiser optimiser({"all", {{"matrix", matrix}, {"vector", vector}}}, with("adamw", 0.01));
  matrix.mutable_grad() = at::full({1, 1}, 0.5f);
  vector.mutable_grad() = at::full({1}, -0.5f);
  update(optimiser, 0.1);
  EXPECT_NEAR(matrix.item<double>(), 1 - 0.1 * 0.01 - 0.1, 1e-6);
  EXPECT_NEAR(vector.item<double>(), 1 + 0.1, 1e-6);  // one dimension: no decay
}

// In float32, as torch's fused kernel does it.
TEST(AdamW, FollowsTorchsFusedKernel) {
  const train::Parameters mine = parameters(), theirs = parameters();
  train::Optimiser optimiser({"all", mine}, with("adamw", 0.05));
  std::vector<at::Tensor> means, squares, steps;
  for (const train::Parameter& each : theirs) {
    means.push_back(at::zeros_like(each.tensor.detach()));
    squares.push_back(at::zeros_like(each.tensor.detach()));
    steps.push_back(at::zeros({}));
  }
  const at::NoGradGuard no_gradient;
  for (int step = 0; step < 20; ++step) {
    draw_gradients(mine, step);
    draw_gradients(theirs, step);
    update(optimiser, 0.01);
    at::_foreach_add_(steps, 1);
    for (std::size_t i = 0; i < theirs.size(); ++i)
      at::_fused_adamw_(theirs[i].tensor, theirs[i].tensor.grad().contiguous(theirs[i].tensor.suggest_memory_format()),
                        means[i], squares[i], {}, steps[i], 0.01, 0.9, 0.999, theirs[i].tensor.dim() > 1 ? 0.05 : 0.0,
                        1e-8, false, false);
  }
  for (std::size_t i = 0; i < mine.size(); ++i)
    EXPECT_LT((mine[i].tensor - theirs[i].tensor).abs().max().item<double>(), 1e-6) << mine[i].name;
}

TEST(Lars, AnUpdateIsAsLongAsTheWeightsSayWhateverTheGradient) {
  for (const double gradient : {1e-3, 1e3}) {
    const at::Tensor weight = leaf(at::full({2, 2}, 2.0f)), zero = leaf(at::zeros({2, 2}));
    train::Optimiser optimiser({"all", {{"weight", weight}, {"zero", zero}}}, with("lars", 0));
    weight.mutable_grad() = at::full({2, 2}, gradient).to(at::kFloat);
    zero.mutable_grad() = at::full({2, 2}, 0.5f);
    const at::Tensor before = weight.detach().clone();
    update(optimiser, 0.5);
    EXPECT_NEAR((weight.detach() - before).norm().item<double>(), 0.5 * 0.001 * 4, 1e-6);
    EXPECT_NEAR(zero[0][0].item<double>(), -0.25, 1e-6);  // weights of 0 are moved as by sgd
  }
}

// The optimiser takes them scaled; seen through sgd, whose first update is the gradient.
TEST(Clip, ScalesTheWholeGradientToTheNormInTheNextUpdateAlone) {
  const at::Tensor a = leaf(at::zeros({1})), b = leaf(at::zeros({1}));
  train::TrainerSettings settings = with("sgd");
  settings.momentum = 0;
  train::Optimiser optimiser({"all", {{"a", a}, {"b", b}}}, settings);
  const auto moved = [&](double norm) {
    optimiser.clear_gradients();
    a.mutable_grad() = at::full({1}, 3.0f);
    b.mutable_grad() = at::full({1}, 4.0f);
    if (norm >= 0) {
      EXPECT_FLOAT_EQ(optimiser.clip(norm).item<float>(), 5);
    }
    const double before_a = a.item<double>(), before_b = b.item<double>();
    update(optimiser, 1);
    return std::pair(before_a - a.item<double>(), before_b - b.item<double>());
  };
  for (const double norm : {0.0, 10.0}) {
    EXPECT_NEAR(moved(norm).first, 3, 1e-5);
    EXPECT_NEAR(moved(norm).second, 4, 1e-5);
  }
  const auto [of_a, of_b] = moved(1);
  EXPECT_NEAR(of_a, 0.6, 1e-5);
  EXPECT_NEAR(of_b, 0.8, 1e-5);
  EXPECT_NEAR(moved(-1).first, 3, 1e-5);  // not clipped: nothing of the step before is left
}

TEST(Optimiser, AnAverageOfAParameterOfTwoPhasesIsMovedByTheLast) {
  const at::Tensor shared = leaf(at::ones({2}));
  const std::vector<train::Phase> phases{{"first", {{"shared", shared}}}, {"second", {{"shared", shared}}}};
  train::Average average(phases, 0.5);
  train::Optimiser first(phases[0], with("sgd")), second(phases[1], with("sgd"));
  second.keep(average);
  first.keep(average);
  shared.mutable_grad() = at::ones({2});
  first.update({.learning_rate = 1, .average_share = 0.5});
  EXPECT_TRUE(at::equal(average.state().at("shared"), at::ones({2})));
  second.update({.learning_rate = 1, .average_share = 0.5});
  EXPECT_FLOAT_EQ(average.state().at("shared")[0].item<float>(), 0);  // between 1 and -1
}

TEST(Optimiser, AnUnknownOneIsToldTheNearest) {
  try {
    train::optimiser_named("adam");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("did you mean adamw?"), std::string::npos) << error.hint();
    EXPECT_NE(error.hint().find("lars"), std::string::npos) << error.hint();
  }
}

}  // namespace
