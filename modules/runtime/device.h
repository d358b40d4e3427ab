#pragma once
// Where tensors are computed.

#include <c10/core/Device.h>

#include <string>
#include <vector>

namespace runtime {

// "cpu", "cuda", "cuda:1", or "auto" (the first GPU when there is one, else the CPU).
// Throws usage Error for another word and for a device that this machine or this build lacks, naming those it has.
c10::Device device_named(const std::string& name);

// The devices of this machine that this build can use: "cpu", "cuda:0 NVIDIA H100 (78 GiB)".
std::vector<std::string> devices();

// What the GPU driver of this machine can run: 12080 is CUDA 12.8; 0 without a driver.
int driver_cuda_version();

// True where products of bf16 numbers have units of their own: processors with AVX512-BF16 or AMX, GPUs since Ampere.
bool has_bf16_units(c10::Device device);
// The same for fp16: GPUs since Volta. Of processors only AMX-FP16 would, which torch does not use for convolutions.
bool has_fp16_units(c10::Device device);

// torch's intra-operation threads; 0 keeps what torch chose. Returns the number in force: it is recorded, because
// training is reproducible to the bit for a fixed number only.
int set_threads(int threads);

}  // namespace runtime
