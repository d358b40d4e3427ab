#pragma once
// In which numbers a step is computed.

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace train {

// "fp32" or "bf16" for one of the settings' words; auto is bf16 where the device has units for it.
std::string resolved_precision(const std::string& word, c10::Device device);

// While it lives, torch computes convolutions and products in bf16 on this device, from this thread (autocast). Weights
// and gradients stay float32.
class Autocast {
 public:
  Autocast(c10::Device device, bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType type_;
  bool on_, enabled_ = false;
  c10::ScalarType dtype_ = c10::ScalarType::BFloat16;
};

}  // namespace train
