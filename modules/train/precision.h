#pragma once
// In which numbers a step is computed.

#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

namespace train {

// "fp32", "bf16" or "fp16" for one of the settings' words; auto is bf16 where the device has units for it, fp16 on a
// GPU that has units for that alone, else fp32.
std::string resolved_precision(const std::string& word, c10::Device device);

// While it lives, torch computes convolutions and products in these numbers on this device, from this thread
// (autocast); "fp32": as it did before. Weights and gradients stay float32.
class Autocast {
 public:
  Autocast(c10::Device device, const std::string& precision);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  c10::DeviceType type_;
  bool on_, enabled_ = false;
  c10::ScalarType dtype_ = c10::ScalarType::BFloat16;
};

// Whether GPUs may round the factors of float32 products and convolutions to TF32, for the whole process. Nothing on
// the CPU.
void use_tf32(c10::Device device, bool on);

}  // namespace train
