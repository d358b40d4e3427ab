#include "ssl/method.h"

#include <ATen/core/grad_mode.h>

namespace ssl {

OneEncoder::OneEncoder(std::string phase, const Setup& setup)
    : input_(setup.input), encoder_(setup.encoder), phase_(std::move(phase)), device_(setup.device) {
  add("encoder", encoder_);
}

void OneEncoder::add(const std::string& name, std::shared_ptr<torch::nn::Module> network, bool trained) {
  networks_.add(name, std::move(network), trained);
  networks_.to(device_);
}

at::Tensor OneEncoder::embedding(const at::Tensor& images) {
  const at::NoGradGuard no_gradient;
  return encoder_->embedding(images);
}

}  // namespace ssl
