// Swin UNETR beside MONAI's own (tests/golden/swin_unetr.py), and what windows promise.
#include "models/swin.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "core/error.h"
#include "golden_chirp.h"
#include "models/decoder.h"
#include "models/window_attention.h"
#include "slope.h"

namespace {

using models::Extent;
using models::Windows;

const char* const kGolden = GADOLIN_GOLDEN "/swin_unetr.txt";

std::shared_ptr<models::Swin> swin(const models::Input& input, const std::vector<std::string>& arguments) {
  const auto settings = models::encoder_named("swin_unetr").settings();
  std::vector<core::Setting> given;
  for (const std::string& each : arguments) given.push_back(core::setting_from_argument(each));
  core::configure(settings->slots(), given);
  at::manual_seed(1);
  return std::dynamic_pointer_cast<models::Swin>(settings->make(input));
}

TEST(Swin, NamesShapesAndOutputsOfTheWholeNetworkAreMonais) {
  const models::Input input{2, {64, 32, 64}, {1, 1, 1}};
  const auto encoder = swin(input, {"base=12", "window=[7, 3, 7]", "monai_places=true", "smallest=1"});
  const auto decoder = models::make_decoder(*encoder, input, 3, /*deep_supervision=*/false);
  auto ours = golden::by_name(*encoder, "swinViT.");
  ours.merge(golden::by_name(*decoder));
  const golden::Network peer = golden::networks(kGolden).at("whole");
  golden::fill(ours, peer);
  ASSERT_FALSE(HasFatalFailure());
  const at::NoGradGuard no_gradient;
  const at::Tensor image = golden::image({1, 2, 64, 32, 64});
  std::vector<at::Tensor> maps = encoder->features(image);
  const at::Tensor said = decoder->maps(maps, image).front();
  golden::expect_maps(golden::with_maps(peer, 0, maps.size()), maps, 997, 1e-4);
  golden::expect_maps(golden::with_maps(peer, maps.size(), peer.shapes.size()), {said}, 9973, 1e-4);
}

TEST(Swin, OutputsOfItsSecondVersionAreMonaisForOddExtentsToo) {
  const auto encoder = swin({1, {37, 50, 41}, {1, 1, 1}}, {"base=8", "window=[3, 3, 3]", "depths=[2, 1, 2, 1]",
                                                           "heads=[1, 2, 2, 4]", "convolutions=true", "smallest=1"});
  const golden::Network peer = golden::networks(kGolden).at("convolved");
  golden::fill(golden::by_name(*encoder), peer);
  ASSERT_FALSE(HasFatalFailure());
  const at::NoGradGuard no_gradient;
  golden::expect_maps(peer, encoder->features(golden::image({2, 1, 37, 50, 41})), 499, 1e-4);
}

TEST(Windows, JoinedAgainAreWhatWasCut) {
  for (const Extent& grid : {Extent{4, 4, 4}, Extent{5, 9, 3}, Extent{1, 2, 7}}) {
    const Windows windows(grid, {4, 3, 2}, false, at::kCPU);
    const at::Tensor x = at::randn({2, grid[0], grid[1], grid[2], 3});
    for (const bool shifted : {false, true}) {
      const at::Tensor cut = windows.cut(x, shifted);
      EXPECT_EQ(cut.size(2), windows.size()[0] * windows.size()[1] * windows.size()[2]);
      EXPECT_TRUE(at::equal(windows.joined(cut, shifted), x));
    }
  }
}

// The rule in words: shifted windows begin half a window later, what is left at both ends forms windows of its own.
TEST(Windows, ShiftedOnesAreThoseThatBeginHalfAWindowLater) {
  constexpr Extent kGrid{6, 4, 8}, kFull{4, 4, 4};
  const Windows windows(kGrid, kFull, false, at::kCPU);
  const std::int64_t count = 6 * 4 * 8;
  const at::Tensor number = at::arange(1, count + 1).view({1, 6, 4, 8, 1});  // 0: filled up
  const at::Tensor cut = windows.cut(number, true).squeeze(3).squeeze(0);
  // Windows of an axis as they should be: 6 filled up to 8, cut at 2 and 6; 4 is one window; 8 cut at 2 and 6.
  const auto window_of = [](std::int64_t d, std::int64_t w) {
    const auto along = [](std::int64_t i) { return i < 2 ? 0 : i < 6 ? 1 : 2; };
    return along(d) * 3 + along(w);
  };
  const at::Tensor together = windows.apart().squeeze(1).logical_not();
  for (std::int64_t window = 0; window < cut.size(0); ++window) {
    for (std::int64_t a = 0; a < cut.size(1); ++a) {
      const std::int64_t first = cut[window][a].item<std::int64_t>() - 1;
      if (first < 0) continue;
      for (std::int64_t b = 0; b < cut.size(1); b += 7) {
        const std::int64_t second = cut[window][b].item<std::int64_t>() - 1;
        if (second < 0) continue;
        EXPECT_EQ(together[window][a][b].item<bool>(),
                  window_of(first / 32, first % 8) == window_of(second / 32, second % 8))
            << first << " and " << second;
      }
    }
  }
  EXPECT_EQ(cut.gt(0).sum().item<std::int64_t>(), count);
}

TEST(Windows, PlacesFollowTheDistanceWhateverTheWindow) {
  constexpr Extent kFull{4, 3, 5};
  for (const Extent& size : {kFull, Extent{2, 3, 4}}) {
    const Windows windows(size, kFull, false, at::kCPU);
    const std::int64_t tokens = size[0] * size[1] * size[2];
    const at::Tensor places = windows.places().view({tokens, tokens});
    const auto of = [&](std::int64_t token) {
      return Extent{token / (size[1] * size[2]), token / size[2] % size[1], token % size[2]};
    };
    for (std::int64_t a = 0; a < tokens; ++a) {
      for (std::int64_t b = 0; b < tokens; ++b) {
        const Extent p = of(a), q = of(b);
        EXPECT_EQ(places[a][b].item<std::int64_t>(),
                  ((p[0] - q[0] + 3) * 5 + (p[1] - q[1] + 2)) * 9 + (p[2] - q[2] + 4));
      }
    }
  }
  const Windows all({4, 3, 5}, kFull, true, at::kCPU), plain({4, 3, 5}, kFull, false, at::kCPU);
  EXPECT_TRUE(at::equal(all.places(), plain.places())) << "of a full window both are the same";
}

TEST(WindowAttention, IsTheFormulaInPlainSteps) {
  const at::NoGradGuard no_gradient;
  at::manual_seed(3);
  models::WindowAttention attention(6, 2, {2, 2, 2});
  for (at::Tensor& each : attention.parameters()) each.add_(at::randn_like(each));
  const Windows windows({4, 2, 2}, {2, 2, 2}, false, at::kCPU);
  const at::Tensor x = at::randn({1, 2, 8, 6});
  const at::Tensor found = attention.forward(x, windows, true);
  const at::Tensor qkv = x.matmul(attention.qkv->weight.t()) + attention.qkv->bias;
  for (std::int64_t window = 0; window < 2; ++window) {
    std::vector<at::Tensor> heads;
    for (std::int64_t head = 0; head < 2; ++head) {
      const auto part = [&](std::int64_t which) { return qkv[0][window].narrow(1, 6 * which + 3 * head, 3); };
      at::Tensor scores = part(0).matmul(part(1).t()) / std::sqrt(3.0);
      for (std::int64_t a = 0; a < 8; ++a)
        for (std::int64_t b = 0; b < 8; ++b)
          scores[a][b] += windows.apart()[window][0][a][b].item<bool>()
                              ? at::scalar_tensor(-1e9)
                              : attention.relative_position_bias_table[windows.places()[a * 8 + b]][head];
      heads.push_back(scores.softmax(1).matmul(part(2)));
    }
    const at::Tensor expected = at::cat(heads, 1).matmul(attention.proj->weight.t()) + attention.proj->bias;
    EXPECT_TRUE(at::allclose(found[0][window], expected, 1e-4, 1e-5));
  }
}

TEST(PatchMerging, PutsEachVoxelOfABlockInOnePlaceAndZerosBeyondTheEnd) {
  const at::NoGradGuard no_gradient;
  models::PatchMerging merging(1, 1, {2, 1, 2});
  const at::Tensor x = at::arange(1, 10).to(at::kFloat).view({1, 3, 1, 3, 1});
  merging.norm->weight.fill_(0);
  merging.norm->bias.copy_(at::tensor({1.0f, 10.0f, 100.0f, 1000.0f}));
  merging.reduction->weight.fill_(1);
  EXPECT_EQ(merging.forward(x).sizes(), (std::vector<std::int64_t>{1, 2, 1, 2, 1}));
  EXPECT_TRUE(at::equal(merging.forward(x), at::full({1, 2, 1, 2, 1}, 1111.0f)));
  // Of the last block one voxel is left, 9, beside three zeros: normalised sqrt(3) and - 1 / sqrt(3).
  merging.norm->weight.copy_(at::tensor({1.0f, 0.0f, 0.0f, 0.0f}));
  merging.norm->bias.zero_();
  EXPECT_NEAR(merging.forward(x)[0][1][0][1][0].item<float>(), std::sqrt(3.0), 1e-4);
}

// One block without a shift, one with: what a voxel can reach.
TEST(Swin, AVoxelReachesItsWindowAndTheShiftedOnesThatMeetIt) {
  const at::NoGradGuard no_gradient;
  for (const auto& [depth, expected] : {std::pair{1, 4}, std::pair{2, 6}}) {
    const auto encoder =
        swin({1, {16, 4, 4}, {1, 1, 1}},
             {"base=4", "heads=[2]", "depths=[" + std::to_string(depth) + "]", "window=[4, 2, 2]", "smallest=1"});
    for (at::Tensor& each : encoder->parameters()) each.add_(at::randn_like(each) * 0.2);
    const at::Tensor image = at::randn({1, 1, 16, 4, 4});
    at::Tensor other = image.clone();
    other[0][0][0][0][0] += 1;  // token 0 of 8: window 0 to 3; shifted: 0 to 1, 2 to 5, 6 to 7
    // Merged in pairs: 4 voxels along d.
    const at::Tensor changed =
        (encoder->features(other).back() - encoder->features(image).back()).abs().sum({0, 1, 3, 4}) > 1e-6;
    for (std::int64_t d = 0; d < 4; ++d) EXPECT_EQ(changed[d].item<bool>(), 2 * d < expected) << depth << " at " << d;
  }
}

TEST(Swin, FeaturesAreNormalisedAndAreThoseOfItsPatches) {
  const at::NoGradGuard no_gradient;
  const models::Input input{1, {16, 16, 16}, {1, 1, 1}};
  const auto encoder = swin(input, {"base=8", "heads=[2]", "depths=[2]"});
  const at::Tensor image = golden::image({1, 1, 15, 16, 13});
  const auto scales = encoder->features(image), again = encoder->scales_of(encoder->patches(image));
  for (std::size_t s = 0; s < scales.size(); ++s) {
    EXPECT_TRUE(at::equal(scales[s], again[s]));
    EXPECT_LT(scales[s].mean(1).abs().max().item<float>(), 1e-5);
  }
}

TEST(Swin, ThickSlicesAreMergedOnceTheyAreAsFineAsThePlane) {
  const auto encoder = swin({1, {8, 32, 32}, {5, 1, 1}}, {});
  EXPECT_EQ(encoder->stride(), (std::vector<Extent>{{1, 2, 2}, {1, 4, 4}, {2, 8, 8}, {4, 16, 16}}));
  EXPECT_EQ(encoder->channels(), (std::vector<std::int64_t>{24, 48, 96, 192}));
}

TEST(Swin, BlocksAreLayersAndTablesOfPlacesAreSpared) {
  const auto encoder = swin({1, {32, 32, 32}, {1, 1, 1}}, {"depths=[2, 1]", "heads=[3, 6]", "convolutions=true"});
  EXPECT_EQ(encoder->layers(), 4);
  EXPECT_EQ(encoder->layer_of("patch_embed.proj.weight"), 0);
  EXPECT_EQ(encoder->layer_of("layers1c.0.layer.conv1.conv.weight"), 1);
  EXPECT_EQ(encoder->layer_of("layers1.0.blocks.0.norm1.weight"), 1);
  EXPECT_EQ(encoder->layer_of("layers1.0.blocks.1.attn.qkv.bias"), 2);
  EXPECT_EQ(encoder->layer_of("layers1.0.downsample.reduction.weight"), 2);
  EXPECT_EQ(encoder->layer_of("layers2c.0.layer.conv2.conv.weight"), 3);
  EXPECT_EQ(encoder->layer_of("layers2.0.blocks.0.mlp.linear1.weight"), 3);
  std::set<std::string> spared;
  for (const auto& each : encoder->named_parameters())
    for (const at::Tensor& table : encoder->spared_from_decay())
      if (table.is_same(each.value())) spared.insert(each.key());
  EXPECT_EQ(spared, (std::set<std::string>{"layers1.0.blocks.0.attn.relative_position_bias_table",
                                           "layers1.0.blocks.1.attn.relative_position_bias_table",
                                           "layers2.0.blocks.0.attn.relative_position_bias_table"}));
}

// In float64, along a random direction of all parameters.
TEST(Swin, TheGradientIsTheSlopeOfTheLoss) {
  const models::Input input{1, {12, 8, 8}, {1, 1, 1}};
  const auto encoder = swin(input, {"base=4", "heads=[2]", "depths=[2]", "window=[4, 2, 2]", "convolutions=true"});
  const auto decoder = models::make_decoder(*encoder, input, 2, false);
  const at::Tensor image = golden::chirp(12 * 7 * 8, 0.3).view({1, 1, 12, 7, 8});
  expect_gradient_is_slope(*encoder, *decoder, image);
}

TEST(Swin, SettingsThatDoNotFitAreToldAtOnce) {
  const models::Input input{1, {32, 32, 32}, {1, 1, 1}};
  EXPECT_THROW(swin(input, {"heads=[3, 6]"}), core::Error);
  EXPECT_THROW(swin(input, {"base=10"}), core::Error);
  EXPECT_THROW(swin(input, {"window=[7]"}), core::Error);
  EXPECT_THROW(swin({1, {6, 6, 6}, {1, 1, 1}}, {}), core::Error) << "halved once";
}

}  // namespace
