#pragma once
// Networks that a script of tests/golden/ ran: names and shapes of their weights, and every n-th value of what they
// make. Weights and images are formulas that both sides compute.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>
#include <torch/nn/module.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace golden {

struct Network {
  std::map<std::string, std::vector<std::int64_t>> weights;  // and running statistics
  std::vector<std::vector<std::int64_t>> shapes;             // of its maps
  std::vector<std::vector<double>> values;                   // every n-th of each
};

// By the names of the file's lines "network NAME"; "" for what stands before the first.
inline std::map<std::string, Network> networks(const std::string& path) {
  std::map<std::string, Network> all;
  std::string net;
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string kind, name;
    words >> kind;
    if (kind == "network") words >> net;
    if (kind == "parameter") words >> name;
    if (kind == "value") {
      double value = 0;
      words >> value;
      all[net].values.back().push_back(value);
    }
    if (kind != "parameter" && kind != "map") continue;
    std::vector<std::int64_t> shape;
    for (std::int64_t size = 0; words >> size;) shape.push_back(size);
    if (kind == "parameter") {
      all[net].weights[name] = shape;
    } else {
      all[net].shapes.push_back(shape);
      all[net].values.emplace_back();
    }
  }
  return all;
}

inline at::Tensor wave(std::int64_t count, double phase) {
  return at::sin(at::arange(count, at::kDouble) * 0.7 + phase);
}

// The scripts' formula: norms and variances near 1, what multiplies channels as in He et al., all else small.
inline void fill(const at::Tensor& weight, const std::string& name, std::size_t place) {
  at::Tensor values = wave(weight.numel(), static_cast<double>(place)).view(weight.sizes());
  if (weight.dim() == 1 && (name.ends_with("weight") || name.ends_with("running_var"))) {
    values = 1 + 0.3 * values;
  } else if (weight.dim() == 2 || weight.dim() == 5) {
    values = values * std::sqrt(2.0 / static_cast<double>(weight.numel() / weight.size(0)));
  } else {
    values = values * 0.2;
  }
  weight.copy_(values);
}

// Ours by the names of the original.
using Weights = std::map<std::string, at::Tensor>;

inline void add(Weights& weights, const torch::nn::Module& module, const std::string& prefix = "") {
  for (const auto& each : module.named_parameters()) weights[prefix + each.key()] = each.value();
  for (const auto& each : module.named_buffers()) {
    if (each.value().is_floating_point()) weights[prefix + each.key()] = each.value();
  }
}

inline void expect_names_and_shapes(const Network& network, const Weights& ours) {
  EXPECT_EQ(ours.size(), network.weights.size());
  for (const auto& [name, shape] : network.weights) {
    ASSERT_TRUE(ours.contains(name)) << name;
    EXPECT_EQ(ours.at(name).sizes(), at::IntArrayRef(shape)) << name;
  }
}

inline void fill(const Weights& ours) {
  const at::NoGradGuard no_gradient;
  std::size_t place = 0;
  for (const auto& [name, weight] : ours) fill(weight, name, place++);
}

// The same network with its maps first .. end - 1 alone.
inline Network with_maps(Network network, std::size_t first, std::size_t end) {
  const auto part = [&](auto& all) {
    const auto begin = all.begin() + static_cast<std::ptrdiff_t>(first);
    all = {begin, all.begin() + static_cast<std::ptrdiff_t>(end)};
  };
  part(network.shapes);
  part(network.values);
  return network;
}

// Every `step`-th value, as far from the original's as `tolerance` times the largest of them at most.
inline void expect_maps(const Network& network, const std::vector<at::Tensor>& ours, std::int64_t step,
                        double tolerance) {
  ASSERT_EQ(ours.size(), network.shapes.size());
  for (std::size_t m = 0; m < ours.size(); ++m) {
    EXPECT_EQ(ours[m].sizes(), at::IntArrayRef(network.shapes[m]));
    const at::Tensor some = ours[m].contiguous().flatten().slice(0, 0, std::nullopt, step).to(at::kDouble);
    const at::Tensor wanted = at::tensor(network.values[m]);
    ASSERT_EQ(some.numel(), wanted.numel());
    EXPECT_LE((some - wanted).abs().max().item<double>(), tolerance * wanted.abs().max().item<double>()) << "map " << m;
  }
}

}  // namespace golden
