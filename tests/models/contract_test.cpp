// What every encoder of the table and its decoder keep.
#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "core/error.h"
#include "models/decoder.h"
#include "models/encoder.h"
#include "runtime/memory_count.h"
#include "runtime/recompute.h"

namespace {

using models::Extent;
using models::Input;

constexpr Input kCube{2, {16, 24, 16}, {1, 1, 1}};
constexpr Input kSlices{1, {8, 32, 32}, {5, 1, 1}};

// An entry of the table, some with other settings than their own.
struct Kind {
  const models::EncoderEntry* entry;
  std::string name;
  std::vector<core::Setting> settings;
};

std::vector<Kind> kinds() {
  std::vector<Kind> all;
  for (const models::EncoderEntry* entry : models::encoders()) all.push_back({entry, std::string(entry->name), {}});
  const models::EncoderEntry& resnet = models::encoder_named("resnet");
  const core::Setting classic{"form", {"classic"}, false, "test"}, depth{"depth", {"50"}, false, "test"};
  all.push_back({&resnet, "resnet_classic", {classic}});
  all.push_back({&resnet, "resnet_classic_bottleneck_batch", {classic, depth, {"norm", {"batch"}, false, "test"}}});
  return all;
}

// Small enough for a test: what an encoder does not know of is left out.
std::shared_ptr<models::Encoder> small(const Kind& kind, const Input& input, int seed = 1) {
  const auto settings = kind.entry->settings();
  const std::vector<core::Setting> wanted{{"base", {"4"}, false, "test"},     {"groups", {"2"}, false, "test"},
                                          {"width", {"26"}, false, "test"},   {"heads", {"2"}, false, "test"},
                                          {"depth", {"10"}, false, "test"},   {"patch", {"4", "4", "4"}, true, "test"},
                                          {"registers", {"1"}, false, "test"}};
  const std::vector<core::Slot> slots = settings->slots();
  std::vector<core::Setting> given;
  for (const core::Setting& each : wanted) {
    if (std::ranges::any_of(slots, [&](const core::Slot& slot) { return slot.key == each.key; })) given.push_back(each);
  }
  if (kind.name == "vit") given.push_back({"depth", {"2"}, false, "test"});
  if (kind.name == "primus") given.push_back({"width", {"24"}, false, "test"});  // as deep as it is said above
  if (kind.name == "swin_unetr") {
    given = {{"base", {"4"}, false, "test"},
             {"depths", {"2", "2"}, true, "test"},
             {"heads", {"2", "2"}, true, "test"},
             {"window", {"3", "3", "3"}, true, "test"}};
  }
  given.insert(given.end(), kind.settings.begin(), kind.settings.end());
  core::configure(slots, given);
  at::manual_seed(static_cast<std::uint64_t>(seed));
  return settings->make(input);
}

at::Tensor picture(const Input& input, const Extent& extent) {
  return at::sin(at::arange(2 * input.channels * extent[0] * extent[1] * extent[2]) * 0.37)
      .view({2, input.channels, extent[0], extent[1], extent[2]});
}

bool takes(const models::Encoder& encoder, const Extent& extent) {
  try {
    encoder.check_extent(extent);
    return true;
  } catch (const core::Error&) {
    return false;
  }
}

// Away from the start, where the last norm of a residual block is 0 and lets no gradient through.
void shake(torch::nn::Module& module) {
  const at::NoGradGuard no_gradient;
  for (at::Tensor& parameter : module.parameters()) parameter.add_(at::randn_like(parameter) * 0.1);
}

class EveryEncoder : public testing::TestWithParam<Kind> {};
INSTANTIATE_TEST_SUITE_P(Table, EveryEncoder, testing::ValuesIn(kinds()),
                         [](const auto& each) { return each.param.name; });

TEST_P(EveryEncoder, IsFoundByItsNameAndSaysWhatItsSettingsMean) {
  const models::EncoderEntry& entry = *GetParam().entry;
  EXPECT_EQ(&models::encoder_named(std::string(entry.name)), &entry);
  EXPECT_FALSE(entry.help.empty());
  const auto settings = entry.settings();
  std::set<std::string> keys;
  for (const core::Slot& slot : settings->slots()) {
    EXPECT_FALSE(slot.help.empty()) << slot.key;
    EXPECT_TRUE(keys.insert(slot.key).second) << slot.key;
  }
}

TEST_P(EveryEncoder, StridesAndChannelsTellTheTruthForOddSizesToo) {
  const at::NoGradGuard no_gradient;
  for (const Input& input : {kCube, kSlices}) {
    const auto encoder = small(GetParam(), input);
    for (const Extent& extent : {input.patch, Extent{16, 24, 20}, Extent{9, 33, 17}, Extent{13, 21, 30}}) {
      if (!takes(*encoder, extent)) continue;
      const at::Tensor image = picture(input, extent);
      const auto scales = encoder->features(image);
      ASSERT_EQ(scales.size(), encoder->channels().size());
      ASSERT_EQ(scales.size(), encoder->stride().size());
      for (std::size_t s = 0; s < scales.size(); ++s) {
        EXPECT_EQ(scales[s].size(0), 2);
        EXPECT_EQ(scales[s].size(1), encoder->channels()[s]);
        for (std::size_t axis = 0; axis < 3; ++axis) {
          const std::int64_t stride = encoder->stride()[s][axis];
          EXPECT_EQ(scales[s].size(static_cast<std::int64_t>(axis) + 2), (extent[axis] + stride - 1) / stride);
        }
      }
      const at::Tensor embedding = encoder->embedding(image);
      EXPECT_EQ(embedding.sizes(), (std::vector<std::int64_t>{2, encoder->embedding_size()}));
      EXPECT_EQ(embedding.scalar_type(), at::kFloat);
      EXPECT_FALSE(at::allclose(embedding[0], embedding[1])) << "two pictures, one embedding";
    }
  }
}

TEST_P(EveryEncoder, DecoderMapsHaveTheImagesSizeCoarserOnesOnlyInTraining) {
  const at::NoGradGuard no_gradient;
  for (const Input& input : {kCube, kSlices}) {
    const auto encoder = small(GetParam(), input);
    const auto decoder = models::make_decoder(*encoder, input, 3, /*deep_supervision=*/true);
    for (const Extent& extent : {input.patch, Extent{9, 33, 17}, Extent{13, 21, 30}}) {
      if (!takes(*encoder, extent)) continue;
      const at::Tensor image = picture(input, extent);
      decoder->train();
      const auto maps = decoder->maps(encoder->features(image), image);
      EXPECT_GT(maps.size(), 1u);
      EXPECT_EQ(maps.front().sizes(), (std::vector<std::int64_t>{2, 3, extent[0], extent[1], extent[2]}));
      const std::vector<Extent> extents = decoder->extents(extent);
      ASSERT_EQ(extents.size(), maps.size());
      for (std::size_t m = 0; m < maps.size(); ++m) EXPECT_EQ(maps[m].sizes().slice(2), at::IntArrayRef(extents[m]));
      for (std::size_t m = 1; m < maps.size(); ++m) {
        EXPECT_EQ(maps[m].size(1), 3);
        EXPECT_LT(maps[m].numel(), maps[m - 1].numel() + 1);
      }
      decoder->eval();
      const auto one = decoder->maps(encoder->features(image), image);
      ASSERT_EQ(one.size(), 1u);
      EXPECT_EQ(decoder->extents(extent), (std::vector{extent}));
      EXPECT_TRUE(at::equal(one.front(), maps.front()));
    }
  }
}

TEST_P(EveryEncoder, EveryParameterGetsAGradient) {
  for (const Input& input : {kCube, kSlices}) {
    const auto encoder = small(GetParam(), input);
    const auto decoder = models::make_decoder(*encoder, input, 2, true);
    shake(*encoder);
    shake(*decoder);
    const at::Tensor image = picture(input, input.patch);
    at::Tensor loss = encoder->embedding(image).square().sum();
    for (const at::Tensor& map : decoder->maps(encoder->features(image), image)) loss = loss + map.sin().mean();
    loss.backward();
    for (torch::nn::Module* const module :
         {static_cast<torch::nn::Module*>(encoder.get()), static_cast<torch::nn::Module*>(decoder.get())}) {
      for (const auto& parameter : module->named_parameters()) {
        ASSERT_TRUE(parameter.value().grad().defined()) << parameter.key();
        EXPECT_GT(parameter.value().grad().abs().max().item<float>(), 0) << parameter.key();
      }
    }
  }
}

// A scale is made by all layers up to one of them, a coarser scale by more; tokens, which are added, are spared from
// decay.
TEST_P(EveryEncoder, LayersGoFromThePictureToTheHead) {
  const auto encoder = small(GetParam(), kCube);
  const auto named = encoder->named_parameters();
  std::set<std::int64_t> all;
  for (const auto& parameter : named) all.insert(encoder->layer_of(parameter.key()));
  EXPECT_EQ(*all.begin(), 0);
  EXPECT_GE(encoder->layers(), 2);
  EXPECT_LE(*all.rbegin(), encoder->layers());
  for (std::int64_t layer = 0; layer < encoder->layers(); ++layer) EXPECT_TRUE(all.contains(layer)) << layer;
  shake(*encoder);
  std::int64_t before = -1;  // the finest scale may be of layer 0
  for (const at::Tensor& scale : encoder->features(picture(kCube, kCube.patch))) {
    for (const auto& parameter : named) parameter.value().mutable_grad() = at::Tensor();
    scale.square().sum().backward({}, /*retain_graph=*/true);
    std::int64_t last = 0;
    for (const auto& parameter : named) {
      if (parameter.value().grad().defined()) last = std::max(last, encoder->layer_of(parameter.key()));
    }
    EXPECT_GT(last, before);
    for (const auto& parameter : named) {
      if (encoder->layer_of(parameter.key()) > last) continue;
      EXPECT_TRUE(parameter.value().grad().defined()) << parameter.key();
    }
    before = last;
  }
}

TEST_P(EveryEncoder, WhatIsAddedToFeaturesIsSparedFromDecay) {
  const auto encoder = small(GetParam(), kCube);
  std::set<const c10::TensorImpl*> spared;
  for (const at::Tensor& each : encoder->spared_from_decay()) spared.insert(each.unsafeGetTensorImpl());
  for (const auto& parameter : encoder->named_parameters()) {
    const at::Tensor& each = parameter.value();
    if (each.dim() < 2) continue;
    const bool added = (each.dim() == 3 && each.size(0) == 1) || parameter.key().ends_with("position_bias_table");
    EXPECT_EQ(spared.contains(each.unsafeGetTensorImpl()), added) << parameter.key();
  }
}

TEST_P(EveryEncoder, TheSameSeedGivesTheSameWeightsAndAnotherSeedOthers) {
  const auto first = small(GetParam(), kCube, 5), again = small(GetParam(), kCube, 5);
  const auto other = small(GetParam(), kCube, 6);
  const auto names = first->named_parameters();
  bool differs = false;
  for (const auto& parameter : again->named_parameters()) {
    EXPECT_TRUE(at::equal(parameter.value(), *names.find(parameter.key()))) << parameter.key();
    differs = differs || !at::equal(*other->named_parameters().find(parameter.key()), parameter.value());
  }
  EXPECT_TRUE(differs);
}

TEST_P(EveryEncoder, TrainingAndEvaluationAgreeAndSamplesDoNotMeet) {
  const at::NoGradGuard no_gradient;
  const auto encoder = small(GetParam(), kCube);
  shake(*encoder);
  const at::Tensor image = picture(kCube, kCube.patch);
  encoder->train();
  const at::Tensor training = encoder->embedding(image);
  encoder->eval();
  EXPECT_TRUE(at::allclose(encoder->embedding(image), training, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(encoder->embedding(image.slice(0, 1)), training.slice(0, 1), 1e-3, 1e-4));
}

TEST_P(EveryEncoder, IsFiniteUnderBfloat16AndNearFloat) {
  const auto encoder = small(GetParam(), kCube);
  const auto decoder = models::make_decoder(*encoder, kCube, 2, true);
  const at::Tensor image = picture(kCube, kCube.patch);
  const at::Tensor exact = encoder->embedding(image);
  at::autocast::set_autocast_enabled(at::kCPU, true);
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  const at::Tensor embedding = encoder->embedding(image);
  at::Tensor loss = embedding.square().sum();
  for (const at::Tensor& map : decoder->maps(encoder->features(image), image)) {
    loss = loss + map.to(at::kFloat).square().mean();
  }
  at::autocast::set_autocast_enabled(at::kCPU, false);
  at::autocast::clear_cache();
  loss.backward();
  EXPECT_TRUE(loss.isfinite().item<bool>());
  EXPECT_LT((embedding - exact).norm().item<float>(), 0.05 * exact.norm().item<float>());
  for (const at::Tensor& parameter : encoder->parameters()) {
    EXPECT_TRUE(parameter.grad().isfinite().all().item<bool>());
    EXPECT_EQ(parameter.grad().scalar_type(), at::kFloat);
  }
}

// Loss and gradients of encoder and decoder, and the most memory that took.
struct Step {
  at::Tensor loss;
  std::vector<at::Tensor> gradients;
  std::int64_t most = 0;
};
Step step_of(const Kind& kind, bool recompute, bool autocast) {
  const auto encoder = small(kind, kCube);
  const auto decoder = models::make_decoder(*encoder, kCube, 2, true);
  shake(*encoder);
  shake(*decoder);
  const at::Tensor image = picture(kCube, kCube.patch);
  const runtime::MemoryCount count(at::kCPU);
  Step step;
  {
    const runtime::Recompute on(recompute);
    at::autocast::set_autocast_enabled(at::kCPU, autocast);
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    const auto maps = decoder->maps(encoder->features(image), image);
    at::autocast::set_autocast_enabled(at::kCPU, false);
    at::autocast::clear_cache();
    for (const at::Tensor& map : maps) {
      const at::Tensor own = map.to(at::kFloat).square().mean();
      step.loss = step.loss.defined() ? step.loss + own : own;
    }
  }
  step.loss.backward();
  step.most = count.most();
  for (const auto& module : {encoder->parameters(), decoder->parameters()}) {
    for (const at::Tensor& parameter : module) step.gradients.push_back(parameter.grad());
  }
  return step;
}

// In bfloat16 the loss to the bit alone: oneDNN's gradient of a weight does not repeat itself to the bit at an extent
// of a few voxels, from one step to the same step again, whether or not anything is recomputed.
TEST_P(EveryEncoder, RecomputedStagesGiveTheSameBitsForLessMemory) {
  for (const bool autocast : {false, true}) {
    SCOPED_TRACE(autocast ? "bfloat16" : "float32");
    const Step kept = step_of(GetParam(), false, autocast), again = step_of(GetParam(), true, autocast);
    EXPECT_TRUE(at::equal(kept.loss, again.loss));
    ASSERT_EQ(kept.gradients.size(), again.gradients.size());
    for (std::size_t i = 0; i < kept.gradients.size(); ++i) {
      ASSERT_EQ(kept.gradients[i].defined(), again.gradients[i].defined()) << i;
      if (!kept.gradients[i].defined()) continue;
      const at::Tensor away = (kept.gradients[i] - again.gradients[i]).abs();
      const float most = autocast ? 0.01F * kept.gradients[i].abs().max().item<float>() : 0;
      EXPECT_LE(away.max().item<float>(), most) << i;
    }
    EXPECT_LT(again.most, 0.9 * static_cast<double>(kept.most));
  }
}

TEST_P(EveryEncoder, AnExtentThatDoesNotFitIsToldWithOneThatDoes) {
  const auto encoder = small(GetParam(), kCube);
  EXPECT_TRUE(takes(*encoder, kCube.patch));
  try {
    encoder->check_extent({1, 1, 1});
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    Extent named{};
    ASSERT_EQ(std::sscanf(error.hint().substr(error.hint().find_first_of("0123456789")).c_str(), "%ld x %ld x %ld",
                          &named[0], &named[1], &named[2]),
              3)
        << error.hint();
    EXPECT_TRUE(takes(*encoder, named)) << error.hint();
  }
}

TEST(Encoders, AnUnknownNameIsToldTheNearest) {
  try {
    models::encoder_named("resent");
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(error.hint().find("resenc"), std::string::npos);
  }
}

// Checkpoints are read by name: a name that changes makes every one of them worthless.
TEST(Encoders, FirstAndLastNamesStayAsTheyAre) {
  const auto name_of = [](const std::string& encoder, bool first) {
    const auto all = kinds();
    const auto kind = std::ranges::find(all, encoder, &Kind::name);
    const auto names = small(*kind, kCube)->named_parameters().keys();
    return first ? names.front() : names.back();
  };
  EXPECT_EQ(name_of("resenc", true), "stem.convs.0.conv.weight");
  EXPECT_EQ(name_of("resenc", false), "stages.2.blocks.1.conv2.norm.bias");
  EXPECT_EQ(name_of("resnet", true), "stem.convs.0.conv.weight");
  EXPECT_EQ(name_of("resnet", false), "stages.3.blocks.0.skip.1.norm.bias");
  EXPECT_EQ(name_of("vit", true), "cls_token");
  EXPECT_EQ(name_of("vit", false), "norm.bias");
  EXPECT_EQ(name_of("primus", true), "register_tokens");
  EXPECT_EQ(name_of("primus", false), "eva.norm.bias");
  EXPECT_EQ(name_of("resnet_classic", true), "conv1.weight");
  EXPECT_EQ(name_of("resnet_classic", false), "layer4.0.downsample.1.bias");
  EXPECT_EQ(name_of("swin_unetr", true), "patch_embed.proj.weight");
  EXPECT_EQ(name_of("swin_unetr", false), "layers2.0.downsample.reduction.weight");
  EXPECT_EQ(name_of("mednext", true), "stem.weight");
  EXPECT_EQ(name_of("mednext", false), "bottleneck.1.conv3.bias");
}

}  // namespace
