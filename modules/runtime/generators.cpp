#include "runtime/generators.h"

#include <ATen/ATen.h>
#include <ATen/Context.h>

#include <mutex>

#include "core/error.h"

namespace runtime {
namespace {

std::vector<at::Generator> generators_of(c10::Device device) {
  std::vector<at::Generator> all{at::globalContext().defaultGenerator(c10::Device(c10::kCPU))};
  if (!device.is_cpu()) all.push_back(at::globalContext().defaultGenerator(device));
  return all;
}

at::Tensor state_of(at::Generator generator) {
  const std::scoped_lock lock(generator.mutex());
  return generator.get_state();
}

}  // namespace

void seed_generators(c10::Device device, std::uint64_t seed) {
  for (at::Generator& generator : generators_of(device)) {
    const std::scoped_lock lock(generator.mutex());
    generator.set_current_seed(seed);
  }
}

at::Tensor generator_state(c10::Device device) {
  std::vector<at::Tensor> states;
  for (const at::Generator& generator : generators_of(device)) states.push_back(state_of(generator));
  return at::cat(states);
}

void set_generator_state(c10::Device device, const at::Tensor& state) {
  std::vector<at::Generator> generators = generators_of(device);
  std::vector<std::int64_t> sizes;
  std::int64_t bytes = 0;
  for (const at::Generator& generator : generators) {
    sizes.push_back(state_of(generator).numel());
    bytes += sizes.back();
  }
  if (!state.defined() || state.scalar_type() != at::kByte || state.numel() != bytes) {
    throw core::Error("the state of torch's random numbers is one of another device or another torch",
                      "go on with the device the run was begun on, or train into another folder");
  }
  std::int64_t at = 0;
  for (std::size_t i = 0; i < generators.size(); ++i) {
    const std::scoped_lock lock(generators[i].mutex());
    generators[i].set_state(state.narrow(0, at, sizes[i]).clone());
    at += sizes[i];
  }
}

}  // namespace runtime
