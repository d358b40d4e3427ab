// The classic form beside MONAI's ResNet (tests/golden/resnet.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "core/error.h"
#include "golden.h"
#include "models/classic_resnet.h"
#include "models/decoder.h"

namespace {

const models::Input kInput{2, {16, 24, 17}, {1, 1, 1}};

std::shared_ptr<models::Encoder> resnet(const std::vector<std::string>& arguments,
                                        const models::Input& input = kInput) {
  const auto settings = models::encoder_named("resnet").settings();
  std::vector<core::Setting> given;
  for (const std::string& each : arguments) given.push_back(core::setting_from_argument(each));
  core::configure(settings->slots(), given);
  return settings->make(input);
}

std::string story_of(const std::vector<std::string>& arguments) {
  try {
    resnet(arguments);
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "nothing was thrown";
}

at::Tensor image() { return golden::wave(2 * 2 * 16 * 24 * 17, 0.3).view({2, 2, 16, 24, 17}).to(at::kFloat); }

TEST(Resnet, OfTheClassicFormHasTheNamesAndShapesOfMonaisAtEachDepth) {
  const auto originals = golden::networks(GADOLIN_GOLDEN "/resnet.txt");
  for (const char* depth : {"10", "18", "34", "50"}) {
    SCOPED_TRACE(depth);
    golden::Weights weights;
    golden::add(weights, *resnet({"form=classic", "base=8", "norm=batch", std::string("depth=") + depth}));
    golden::expect_names_and_shapes(originals.at(std::string("resnet") + depth), weights);
  }
}

TEST(Resnet, OfTheClassicFormMakesWhatMonaisMakesInEvaluation) {
  const at::NoGradGuard no_gradient;
  const auto originals = golden::networks(GADOLIN_GOLDEN "/resnet.txt");
  for (const char* depth : {"10", "50"}) {
    SCOPED_TRACE(depth);
    const auto encoder = resnet({"form=classic", "base=8", "norm=batch", std::string("depth=") + depth});
    golden::Weights weights;
    golden::add(weights, *encoder);
    golden::fill(weights);
    golden::expect_maps(originals.at(std::string("resnet") + depth), encoder->features(image()), 199, 1e-4);
  }
}

TEST(Resnet, OfTheClassicFormMakesWhatMonaisMakesWithGroupsInPlaceOfTheBatch) {
  const at::NoGradGuard no_gradient;
  const auto encoder = resnet({"form=classic", "base=8", "groups=4", "depth=10"});
  const golden::Network original = golden::networks(GADOLIN_GOLDEN "/resnet.txt").at("resnet10_group");
  golden::Weights weights;
  golden::add(weights, *encoder);
  golden::expect_names_and_shapes(original, weights);
  golden::fill(weights);
  golden::expect_maps(original, encoder->features(image()), 199, 1e-4);
}

TEST(Resnet, FixedStatisticsStayAsTheyAreInTraining) {
  const auto encoder = resnet({"form=classic", "base=4", "norm=batch", "depth=10"});
  encoder->train();
  encoder->embedding(image()).sum().backward();
  for (const auto& each : encoder->named_buffers()) {
    const bool variance = each.key().ends_with("running_var");
    EXPECT_TRUE(at::equal(each.value(), at::full_like(each.value(), variance ? 1 : 0))) << each.key();
  }
}

TEST(Resnet, OfInstancesDoesNotMeetOtherChannels) {
  const auto encoder = resnet({"form=classic", "base=4", "norm=instance", "depth=10"});
  const auto parameters = encoder->named_parameters();
  const at::NoGradGuard no_gradient;
  const at::Tensor stem = encoder->features(image())[0];
  const at::Tensor before = at::conv3d(image(), parameters["conv1.weight"], {}, 1, 3);
  const at::Tensor centred = before - before.mean({2, 3, 4}, true);
  const at::Tensor wanted = at::relu(centred / (centred.square().mean({2, 3, 4}, true) + 1e-5).sqrt());
  EXPECT_TRUE(at::allclose(stem, wanted, 1e-3, 1e-4));
}

TEST(Resnet, SmallOnesOfMoreDepthKeepTheNamesOfTheShallowOnes) {
  const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
  const auto named = [&](const char* depth) {
    return resnet({"base=4", std::string("depth=") + depth}, input)->named_parameters();
  };
  const auto ten = named("10"), eighteen = named("18"), deep = named("34");
  for (const auto& each : ten) EXPECT_TRUE(eighteen.contains(each.key()) && deep.contains(each.key())) << each.key();
  EXPECT_TRUE(deep.contains("stages.2.blocks.5.conv2.norm.bias"));
  EXPECT_EQ(named("50")["stages.0.blocks.0.conv3.conv.weight"].sizes(), (std::vector<std::int64_t>{16, 4, 1, 1, 1}));
}

TEST(Resnet, OfSmallBottlenecksEveryParameterGetsAGradient) {
  const auto encoder = resnet({"base=2", "depth=50"}, {1, {8, 8, 8}, {1, 1, 1}});
  {
    const at::NoGradGuard no_gradient;
    for (at::Tensor& each : encoder->parameters()) each.add_(at::randn_like(each) * 0.1);
  }
  encoder->embedding(golden::wave(2 * 8 * 8 * 8, 0).view({2, 1, 8, 8, 8}).to(at::kFloat)).square().sum().backward();
  for (const auto& each : encoder->named_parameters()) {
    ASSERT_TRUE(each.value().grad().defined()) << each.key();
    if (each.value().dim() > 1) {
      EXPECT_GT(each.value().grad().abs().max().item<float>(), 0) << each.key();
    }
  }
}

TEST(Resnet, SettingsThatDoNotFitAreToldAtOnce) {
  EXPECT_NE(story_of({"depth=20"}).find("10, 18, 34 or 50"), std::string::npos);
  EXPECT_NE(story_of({"form=large"}).find("small or classic"), std::string::npos);
  EXPECT_NE(story_of({"norm=layer"}).find("group, instance or batch"), std::string::npos);
  EXPECT_NE(story_of({"norm=batch"}).find("form: classic"), std::string::npos);
}

}  // namespace
