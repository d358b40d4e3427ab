#include "train/networks.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/nn/modules/linear.h>

#include "runtime/trainable.h"

namespace {

// Two layers, and a token before them.
struct Body : torch::nn::Module, runtime::Trainable {
  Body() {
    token = register_parameter("token", at::zeros({1, 1, 2}));
    register_module("first", std::make_shared<torch::nn::LinearImpl>(2, 2));
    register_module("second", std::make_shared<torch::nn::LinearImpl>(2, 2));
  }
  std::vector<at::Tensor> spared_from_decay() const override { return {token}; }
  std::int64_t layers() const override { return 2; }
  std::int64_t layer_of(const std::string& parameter) const override {
    return parameter.starts_with("second.") ? 1 : 0;
  }
  at::Tensor token;
};

// A network that wraps it and tells nothing itself.
struct Wrapped : torch::nn::Module {
  Wrapped() {
    register_module("body", std::make_shared<Body>());
    register_module("head", std::make_shared<torch::nn::LinearImpl>(2, 2));
  }
};

TEST(Networks, HandOnWhatModulesTellOfTheirParametersAtAnyDepth) {
  train::Networks networks;
  networks.add("student", std::make_shared<Wrapped>());
  networks.add("teacher", std::make_shared<Wrapped>(), /*trained=*/false);
  std::map<std::string, train::Parameter> by_name;
  for (const train::Parameter& each : networks.trained()) by_name[each.name] = each;
  EXPECT_EQ(by_name.size(), 7u);  // none of the teacher's
  EXPECT_TRUE(by_name.at("student.body.token").spared);
  EXPECT_FALSE(by_name.at("student.body.first.weight").spared);
  EXPECT_EQ(by_name.at("student.body.token").layers_above, 2);
  EXPECT_EQ(by_name.at("student.body.first.bias").layers_above, 2);
  EXPECT_EQ(by_name.at("student.body.second.weight").layers_above, 1);
  EXPECT_EQ(by_name.at("student.head.weight").layers_above, 0);
  EXPECT_EQ(networks.all().size(), 14u);
}

TEST(Networks, AParameterThatTakesNoGradientIsNotTrained) {
  train::Networks networks;
  const auto body = std::make_shared<Body>();
  body->token.set_requires_grad(false);
  networks.add("encoder", body);
  for (const train::Parameter& each : networks.trained()) EXPECT_NE(each.name, "encoder.token");
}

}  // namespace
