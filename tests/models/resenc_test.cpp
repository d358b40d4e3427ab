// The residual encoder and its decoder beside nnU-Net's own (tests/golden/resenc.py).
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>

#include "models/conv_encoder.h"
#include "models/decoder.h"

namespace {

struct Golden {
  std::map<std::string, std::vector<std::int64_t>> parameters;
  std::vector<std::vector<std::int64_t>> shapes;  // of the maps
  std::vector<std::vector<double>> values;        // every 97th of each
};

Golden read_golden() {
  Golden golden;
  std::ifstream file(GADOLIN_GOLDEN "/resenc.txt");
  EXPECT_TRUE(file.good());
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind;
    std::vector<std::int64_t> shape;
    if (kind == "parameter") words >> name;
    if (kind == "value") {
      double value = 0;
      words >> value;
      golden.values.back().push_back(value);
      continue;
    }
    for (std::int64_t size = 0; words >> size;) shape.push_back(size);
    if (kind == "parameter") golden.parameters[name] = shape;
    if (kind == "map") {
      golden.shapes.push_back(shape);
      golden.values.emplace_back();
    }
  }
  return golden;
}

at::Tensor wave(std::int64_t count, double phase) { return at::sin(at::arange(count, at::kDouble) * 0.7 + phase); }

// The script's formula.
void fill(at::Tensor parameter, const std::string& name, std::size_t place) {
  at::Tensor values = wave(parameter.numel(), static_cast<double>(place)).view(parameter.sizes());
  if (name.find(".norm.weight") != std::string::npos) {
    values = 1 + 0.3 * values;
  } else if (parameter.dim() == 5) {
    values = values * std::sqrt(2.0 / static_cast<double>(parameter.numel() / parameter.size(0)));
  } else {
    values = values * 0.2;
  }
  parameter.copy_(values);
}

std::shared_ptr<models::Encoder> resenc(const models::Input& input, const std::vector<core::Setting>& given = {}) {
  const auto settings = models::encoder_named("resenc").settings();
  core::configure(settings->slots(), given);
  return settings->make(input);
}

TEST(Resenc, NamesShapesAndOutputsAreThoseOfNnUnet) {
  const models::Input input{2, {8, 32, 32}, {3, 1, 1}};
  const auto encoder = resenc(input, {{"base", {"4"}, false, "test"}, {"blocks", {"1", "2", "2"}, true, "test"}});
  const auto decoder = models::make_decoder(*encoder, input, 3, true);
  std::map<std::string, at::Tensor> parameters;
  for (const auto& each : encoder->named_parameters()) parameters["encoder." + each.key()] = each.value();
  for (const auto& each : decoder->named_parameters()) parameters["decoder." + each.key()] = each.value();

  const Golden golden = read_golden();
  ASSERT_EQ(golden.parameters.size(), 66u);
  ASSERT_EQ(parameters.size(), golden.parameters.size());
  const at::NoGradGuard no_gradient;
  std::size_t place = 0;
  for (const auto& [name, shape] : golden.parameters) {
    ASSERT_TRUE(parameters.contains(name)) << name;
    EXPECT_EQ(parameters[name].sizes(), shape) << name;
    fill(parameters[name], name, place++);
  }
  const at::Tensor image = wave(2 * 8 * 32 * 32, 0.3).view({1, 2, 8, 32, 32}).to(at::kFloat);
  const auto maps = decoder->maps(encoder->features(image), image);
  ASSERT_EQ(maps.size(), golden.shapes.size());
  for (std::size_t m = 0; m < maps.size(); ++m) {
    EXPECT_EQ(maps[m].sizes(), golden.shapes[m]);
    const at::Tensor ours = maps[m].contiguous().flatten().slice(0, 0, std::nullopt, 97);
    ASSERT_EQ(ours.numel(), static_cast<std::int64_t>(golden.values[m].size()));
    EXPECT_TRUE(at::allclose(ours, at::tensor(golden.values[m]).to(at::kFloat), 1e-3, 1e-4))
        << (ours - at::tensor(golden.values[m])).abs().max();
  }
}

TEST(Resenc, OfTheDefaultSettingsIsSmallForSmallPatches) {
  const models::Input input{1, {32, 48, 32}, {1, 1, 1}};
  const auto encoder = resenc(input);
  const auto decoder = models::make_decoder(*encoder, input, 3, true);
  std::int64_t count = 0;
  for (const at::Tensor& each : encoder->parameters()) count += each.numel();
  for (const at::Tensor& each : decoder->parameters()) count += each.numel();
  EXPECT_GT(count, 2'000'000);
  EXPECT_LT(count, 3'000'000);
  EXPECT_EQ(encoder->channels(), (std::vector<std::int64_t>{16, 32, 64, 128}));
}

TEST(Resenc, ABlockBeginsAsTheWayAroundIt) {
  const models::Residual block(3, 3, {3, 3, 3}, {2, 2, 2}, {});
  const at::Tensor x = wave(3 * 4 * 4 * 6, 0).view({1, 3, 4, 4, 6}).to(at::kFloat);
  const at::Tensor around = at::leaky_relu(at::avg_pool3d(x, {2, 2, 2}), 0.01);
  EXPECT_TRUE(at::allclose(block.forward(x), around, 1e-6, 1e-6));
}

}  // namespace
