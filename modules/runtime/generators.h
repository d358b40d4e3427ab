#pragma once
// torch's own random numbers (dropout, randperm): seeded, kept in a checkpoint, put back.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <cstdint>

namespace runtime {

// The CPU's generator and, on another device, that device's too.
void seed_generators(c10::Device device, std::uint64_t seed);
at::Tensor generator_state(c10::Device device);  // [bytes] uint8 on the CPU
// Throws Error when the state is none of this device.
void set_generator_state(c10::Device device, const at::Tensor& state);

// Puts the state back when it goes.
class KeepGenerators {
 public:
  explicit KeepGenerators(c10::Device device) : device_(device), state_(generator_state(device)) {}
  ~KeepGenerators() { set_generator_state(device_, state_); }
  KeepGenerators(const KeepGenerators&) = delete;
  KeepGenerators& operator=(const KeepGenerators&) = delete;

 private:
  c10::Device device_;
  at::Tensor state_;
};

}  // namespace runtime
