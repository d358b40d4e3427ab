#pragma once
// Names, shapes and outputs of a peer's networks, as tests/golden/networks.py writes them, and the formula of weights
// and images.

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

struct Map {
  std::vector<std::int64_t> shape;
  std::vector<double> values;  // every n-th
};
struct Network {
  std::map<std::string, std::vector<std::int64_t>> parameters;
  std::vector<Map> maps;
};

// By name; a file without names has one network "".
inline std::map<std::string, Network> networks(const std::string& path) {
  std::map<std::string, Network> all;
  Network* network = nullptr;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind;
    if (kind == "network") {
      words >> name;
      network = &all[name];
    }
    if (kind.empty() || kind == "#" || kind == "network") continue;
    if (network == nullptr) network = &all[""];
    if (kind == "value") {
      double value = 0;
      words >> value;
      network->maps.back().values.push_back(value);
      continue;
    }
    if (kind == "parameter") words >> name;
    std::vector<std::int64_t> shape;
    for (std::int64_t size = 0; words >> size;) shape.push_back(size);
    if (kind == "parameter") network->parameters[name] = shape;
    if (kind == "map") network->maps.push_back({shape, {}});
  }
  return all;
}

inline at::Tensor chirp(std::int64_t count, double phase) {
  const at::Tensor place = at::arange(count, at::kDouble);
  return at::sin(place * (0.7 + 0.003 * place) + phase);
}

inline at::Tensor image(const std::vector<std::int64_t>& shape) {
  std::int64_t count = 1;
  for (const std::int64_t size : shape) count *= size;
  return chirp(count, 0.3).view(shape).to(at::kFloat);
}

// Ours are the peer's, by name and shape, and take the values of its formula.
inline void fill(const std::map<std::string, at::Tensor>& ours, const Network& peer) {
  const at::NoGradGuard no_gradient;
  for (const auto& [name, value] : ours) EXPECT_TRUE(peer.parameters.contains(name)) << name << " is not the peer's";
  std::int64_t place = 0;
  for (const auto& [name, shape] : peer.parameters) {
    ASSERT_TRUE(ours.contains(name)) << name << " is the peer's only";
    const at::Tensor value = ours.at(name);
    ASSERT_EQ(value.sizes(), shape) << name;
    at::Tensor values = chirp(value.numel(), static_cast<double>(place++)).view(shape);
    if (value.dim() > 1)
      values = values * std::sqrt(2.0 / static_cast<double>(value.numel() / value.size(0)));
    else
      values = name.ends_with("weight") ? 1 + 0.3 * values : 0.2 * values;
    value.copy_(values);
  }
}

// Of a map's largest value a ten-thousandth at most.
inline void expect_maps(const std::vector<at::Tensor>& ours, const std::vector<Map>& peers, std::int64_t every) {
  ASSERT_EQ(ours.size(), peers.size());
  for (std::size_t m = 0; m < ours.size(); ++m) {
    SCOPED_TRACE("map " + std::to_string(m));
    ASSERT_EQ(ours[m].sizes(), peers[m].shape);
    const at::Tensor found = ours[m].contiguous().flatten().slice(0, 0, std::nullopt, every).to(at::kDouble);
    const at::Tensor wanted = at::tensor(peers[m].values, at::kDouble);
    ASSERT_EQ(found.numel(), wanted.numel());
    EXPECT_LT((found - wanted).abs().max().item<double>(), 1e-4 * wanted.abs().max().item<double>());
  }
}

inline std::map<std::string, at::Tensor> by_name(const torch::nn::Module& module, const std::string& prefix = "") {
  std::map<std::string, at::Tensor> all;
  for (const auto& each : module.named_parameters()) all[prefix + each.key()] = each.value();
  return all;
}

}  // namespace golden
