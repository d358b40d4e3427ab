// What holds for every task of the table, with every kind of encoder.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <cstdlib>
#include <map>
#include <numeric>
#include <set>

#include "core/error.h"
#include "finetune/task.h"
#include "train/optimiser.h"
#include "train/parts.h"
#include "train/precision.h"

namespace {

struct Pair {
  std::string task, encoder;
};

std::vector<Pair> pairs() {
  std::vector<Pair> all;
  for (const finetune::TaskEntry* entry : finetune::tasks()) {
    for (const char* encoder : {"resenc", "vit"}) all.push_back({std::string(entry->name), encoder});
    // Further kinds of encoders too when GADOLIN_EVERY_PAIR is set.
    if (std::getenv("GADOLIN_EVERY_PAIR") == nullptr) continue;
    for (const char* encoder : {"swin_unetr", "mednext"}) all.push_back({std::string(entry->name), encoder});
  }
  all.push_back({"segmentation", "primus"});  // which has a decoder of its own
  return all;
}

std::shared_ptr<models::Encoder> small_encoder(const std::string& name, const models::Input& input) {
  const auto settings = models::encoder_named(name).settings();
  static const std::map<std::string, std::vector<std::string>> kSmall{
      {"resenc", {"base=4", "blocks=[1, 1, 1]"}},
      {"vit", {"patch=[8, 8, 8]", "width=24", "depth=2", "heads=2"}},
      {"primus", {"patch=[8, 8, 8]", "width=24", "depth=2", "heads=2"}},
      {"swin_unetr", {"base=8", "depths=[2]", "heads=[2]", "window=[4, 4, 4]"}},
      {"mednext", {"base=4", "blocks=[1, 1, 1]", "expansion=[2, 2, 2]"}},
  };
  std::vector<core::Setting> given;
  for (const std::string& word : kSmall.at(name)) given.push_back(core::setting_from_argument(word));
  core::configure(settings->slots(), given);
  return settings->make(input);
}

class EachTask : public testing::TestWithParam<Pair> {
 protected:
  const finetune::TaskEntry& entry() { return finetune::task_named(GetParam().task); }

  std::unique_ptr<finetune::Task> made(bool frozen = false, std::uint64_t seed = 1) {
    at::set_num_threads(1);
    at::manual_seed(seed);
    finetune::Setup setup;
    setup.input = {1, {16, 16, 16}, {1, 1, 1}};
    setup.encoder = small_encoder(GetParam().encoder, setup.input);
    setup.outputs = {"background", "bright", "dark"};
    setup.target = "class";
    setup.counts = {1, 1, 2};
    setup.frozen = frozen;
    return entry().settings()->make(setup);
  }

  // Bright and dark balls in noise; the class is 0 without a ball, else the ball's.
  data::Batch batch() {
    const at::Tensor line = at::arange(16, at::kFloat) - 8;
    const at::Tensor ball =
        (line.view({16, 1, 1}).square() + line.view({1, 16, 1}).square() + line.view({1, 1, 16}).square()).lt(25);
    at::manual_seed(5);
    data::Batch made;
    data::View view;
    view.images = 0.1 * at::randn({3, 1, 16, 16, 16});
    view.labels = at::zeros({3, 16, 16, 16}, at::kLong);
    for (int n = 1; n < 3; ++n) {
      view.images[n][0] += ball * (n == 1 ? 1.5 : -1.5);
      view.labels[n].masked_fill_(ball, n);
    }
    made.views.push_back(std::move(view));
    made.targets["class"] = at::tensor(std::vector<float>{0, 1, 2});
    made.sample = at::arange(3);
    made.ids = {"a", "b", "c"};
    return made;
  }

  // With the same weights and the same draws.
  std::unique_ptr<finetune::Task> twin_of(finetune::Task& task) {
    auto twin = made(false, 9);
    const at::NoGradGuard no_gradient;
    const auto from = task.weights(), to = twin->weights();
    for (std::size_t i = 0; i < from.size(); ++i) to[i].second.copy_(from[i].second);
    runtime::Archive state;
    task.save(state);
    twin->load(state);
    return twin;
  }

  std::vector<double> losses_of_training(finetune::Task& task, int steps) {
    train::TrainerSettings settings;
    std::vector<double> losses;
    const data::Batch fixed = batch();
    train::Optimiser optimiser(task.phases().at(0), settings);
    for (int i = 0; i < steps; ++i) {
      optimiser.clear_gradients();
      const at::Tensor loss = task.step(0, fixed, {}).loss.sum();
      loss.backward();
      losses.push_back(loss.item<double>());
      optimiser.update({.learning_rate = 1e-2});
    }
    return losses;
  }
};

}  // namespace

TEST_P(EachTask, HasSettingsWithHelpThatReadBackToThemselves) {
  const auto settings = entry().settings();
  const std::vector<core::Slot> slots = settings->slots();
  for (const core::Slot& slot : slots) EXPECT_FALSE(slot.help.empty()) << slot.key;
  const std::string text = core::resolved_yaml(slots);
  const auto again = entry().settings();
  core::configure(again->slots(), core::settings_from_yaml(text, "resolved.yaml"));
  EXPECT_EQ(core::resolved_yaml(again->slots()), text);
  EXPECT_FALSE(entry().help.empty());
}

TEST_P(EachTask, HasAFiniteScalarLossInFloatAndInBfloat16) {
  const auto task = made();
  task->set_training(false);  // no dropout
  const train::StepResult exact = task->step(0, batch(), {});
  EXPECT_LE(exact.loss.dim(), 1);
  const double loss = exact.loss.sum().item<double>();
  EXPECT_TRUE(std::isfinite(loss));
  for (const auto& [name, value] : exact.watch) {
    EXPECT_EQ(value.dim(), 0) << name;
    EXPECT_FALSE(value.requires_grad()) << name;
  }
  at::Tensor rough;
  {
    const train::Autocast bfloat16(at::kCPU, "bf16");
    rough = task->step(0, batch(), {}).loss.sum();
  }
  EXPECT_EQ(rough.scalar_type(), at::kFloat);
  EXPECT_NEAR(rough.item<double>(), loss, 0.05 * loss);
}

TEST_P(EachTask, SendsAGradientToEveryTrainedParameter) {
  const auto task = made();
  losses_of_training(*task, 1);  // residual branches begin at zero and hide what lies before them
  task->step(0, batch(), {}).loss.sum().backward();
  const auto phases = task->phases();
  ASSERT_EQ(phases.size(), 1u);
  for (const auto& [name, parameter, spared, layers_above] : phases[0].parameters) {
    ASSERT_TRUE(parameter.grad().defined()) << name;
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>()) << name;
    if (parameter.dim() > 1) {
      EXPECT_GT(parameter.grad().abs().max().item<double>(), 0) << name;
    }
  }
}

TEST_P(EachTask, PutsTheLayersOfTheEncoderBelowItsHead) {
  const auto task = made();
  const auto phases = task->phases();
  std::int64_t deepest = 0;
  for (const train::Parameter& each : phases.at(0).parameters) {
    if (!each.name.starts_with("encoder.")) {
      EXPECT_EQ(each.layers_above, 0) << each.name;
    }
    deepest = std::max(deepest, each.layers_above);
    if (each.name.find("stages.1.") != std::string::npos && each.name.starts_with("encoder.")) {
      EXPECT_EQ(each.layers_above, 2) << each.name;  // of stem and three stages
    }
  }
  EXPECT_EQ(deepest, small_encoder(GetParam().encoder, {1, {16, 16, 16}, {1, 1, 1}})->layers());
}

// Ranks and parts of a rank's batch, with dropout; the samples differ in how much of them is counted.
TEST_P(EachTask, HasTheSameLossAndGradientOnRanksAndInPartsAsAtOnce) {
  const auto whole = made();
  losses_of_training(*whole, 1);
  data::Batch four = batch();
  four.views[0].images = at::cat({four.views[0].images, four.views[0].images.flip(2).narrow(0, 1, 1)});
  four.views[0].labels = at::cat({four.views[0].labels, four.views[0].labels.narrow(0, 1, 1)});
  four.views[0].labels.narrow(0, 1, 2).slice(2, 0, 9).fill_(-1);
  four.targets["class"] = at::tensor(std::vector<float>{0, 1, 2, std::nanf("")});
  four.sample = at::arange(4);
  four.ids = {"a", "b", "c", "d"};
  const auto gradients = [](finetune::Task& task) {
    std::vector<at::Tensor> all;
    const train::Phase phase = task.phases().at(0);
    for (const train::Parameter& each : phase.parameters) all.push_back(each.tensor.grad().clone());
    return all;
  };
  const train::Phase trained = whole->phases().at(0);
  for (const train::Parameter& each : trained.parameters) each.tensor.mutable_grad() = at::Tensor();
  const at::Tensor loss = whole->step(0, four, {}).loss.sum();
  loss.backward();
  const std::vector<at::Tensor> expected = gradients(*whole);
  double scale = 0;
  for (const at::Tensor& gradient : expected) scale = std::max(scale, gradient.abs().max().item<double>());
  for (const auto& [ranks, parts] : {std::pair{2, 1}, std::pair{1, 2}, std::pair{1, 4}, std::pair{2, 2}}) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks, " + std::to_string(parts) + " parts");
    std::vector<std::unique_ptr<finetune::Task>> own;
    std::vector<double> losses(static_cast<std::size_t>(ranks));
    for (int rank = 0; rank < ranks; ++rank) own.push_back(twin_of(*whole));
    runtime::run_ranks(ranks, [&](runtime::Comm& comm) {
      const auto rank = static_cast<std::size_t>(comm.rank());
      own[rank]->use(comm);
      const std::int64_t size = 4 / comm.size();
      losses[rank] = train::backward_in_parts(*own[rank], 0, four.part(size * comm.rank(), size), {}, parts, comm, {})
                         .loss.item<double>();
    });
    EXPECT_NEAR(std::accumulate(losses.begin(), losses.end(), 0.0) / ranks, loss.item<double>(), 1e-5);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      at::Tensor mean = at::zeros_like(expected[i]);
      for (const auto& rank : own) mean += gradients(*rank)[i] / ranks;
      EXPECT_LT((mean - expected[i]).abs().max().item<double>(), 1e-5 * scale) << i;
    }
  }
}

TEST_P(EachTask, LeavesAFrozenEncoderAsItIs) {
  const auto task = made(true);
  const auto phases = task->phases();
  for (const train::Parameter& each : phases.at(0).parameters)
    EXPECT_FALSE(each.name.starts_with("encoder.")) << each.name;
  std::vector<at::Tensor> before;
  for (const auto& [name, tensor] : task->weights()) before.push_back(tensor.detach().clone());
  losses_of_training(*task, 3);
  std::size_t at = 0, changed = 0;
  for (const auto& [name, tensor] : task->weights()) {
    const bool same = tensor.equal(before[at++]);
    if (name.starts_with("encoder.")) {
      EXPECT_TRUE(same) << name;
      EXPECT_FALSE(tensor.requires_grad()) << name;
      EXPECT_FALSE(tensor.grad().defined()) << name;
    }
    changed += same ? 0 : 1;
  }
  EXPECT_GT(changed, 0u);
}

TEST_P(EachTask, LearnsOneBatchInThirtySteps) {
  const auto task = made();
  const std::vector<double> losses = losses_of_training(*task, 30);
  EXPECT_LT(losses.back(), 0.7 * losses.front()) << "from " << losses.front();
}

TEST_P(EachTask, PredictsProbabilitiesThatSumToOneAndKeepsItsMode) {
  const auto task = made();
  const at::Tensor images = batch().views[0].images;
  const at::Tensor probabilities = task->predict(images);
  EXPECT_EQ(probabilities.scalar_type(), at::kFloat);
  EXPECT_FALSE(probabilities.requires_grad());
  const std::vector<std::int64_t> wanted =
      entry().dense ? std::vector<std::int64_t>{3, 3, 16, 16, 16} : std::vector<std::int64_t>{3, 3};
  EXPECT_EQ(probabilities.sizes().vec(), wanted);
  EXPECT_GE(probabilities.min().item<double>(), 0);
  EXPECT_LT((probabilities.sum(1) - 1).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(task->predict(images).equal(probabilities)) << "dropout while predicting";
  EXPECT_TRUE(task->step(0, batch(), {}).loss.requires_grad());
}

TEST_P(EachTask, PredictsTheSameWithTheSameWeights) {
  const auto first = made(false, 1), second = made(false, 2);
  const at::Tensor images = batch().views[0].images;
  ASSERT_FALSE(first->predict(images).equal(second->predict(images)));
  const at::NoGradGuard no_gradient;
  const auto from = first->weights(), to = second->weights();
  ASSERT_EQ(from.size(), to.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    ASSERT_EQ(from[i].first, to[i].first);
    to[i].second.copy_(from[i].second);
  }
  EXPECT_TRUE(first->predict(images).equal(second->predict(images)));
}

TEST_P(EachTask, NamesItsTensorsByPart) {
  const auto task = made();
  std::set<std::string> parts, names;
  for (const auto& [name, tensor] : task->weights()) {
    EXPECT_TRUE(names.insert(name).second) << name;
    parts.insert(name.substr(0, name.find('.')));
  }
  EXPECT_EQ(parts, (std::set<std::string>{"encoder", entry().dense ? "decoder" : "head"}));
}

TEST_P(EachTask, WantsOneViewOfThePatchAndTwoOutputsAtLeast) {
  const auto task = made();
  ASSERT_EQ(task->views().size(), 1u);
  EXPECT_EQ(task->views()[0].patch(), (volume::Shape{16, 16, 16}));
  finetune::Setup setup;
  setup.input = task->input();
  setup.encoder = small_encoder(GetParam().encoder, setup.input);
  setup.outputs = {"background"};
  setup.target = "class";
  EXPECT_THROW(entry().settings()->make(setup), core::Error);
}

INSTANTIATE_TEST_SUITE_P(Tasks, EachTask, testing::ValuesIn(pairs()),
                         [](const auto& info) { return info.param.task + "_" + info.param.encoder; });

TEST(Tasks, NamesTheNearestForAnUnknownOne) {
  try {
    finetune::task_named("segmentatoin");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("segmentation"), std::string::npos);
  }
}
