// Compiled in every build that finds nvcc, never run: no GPU has been there yet.
#include <c10/cuda/CUDAGuard.h>
#include <cuda_runtime_api.h>

#include <string>

#include "core/error.h"
#include "runtime/staging.h"

namespace runtime {
namespace {

void require(cudaError_t result, const char* what) {
  if (result != cudaSuccess) throw core::Error(std::string("staging: ") + what + ": " + cudaGetErrorString(result));
}

CUevent_st* new_event() {
  cudaEvent_t event = nullptr;
  require(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "an event");
  return event;
}

c10::cuda::CUDAGuard on(int device) { return c10::cuda::CUDAGuard(static_cast<c10::DeviceIndex>(device)); }

}  // namespace

// Nothing can be done about an error on the way out.
void Staging::Slot::HostEnd::operator()(std::byte* memory) const { static_cast<void>(cudaFreeHost(memory)); }
void Staging::Slot::DeviceEnd::operator()(std::byte* memory) const { static_cast<void>(cudaFree(memory)); }
void Staging::Slot::EventEnd::operator()(CUevent_st* event) const { static_cast<void>(cudaEventDestroy(event)); }
void Staging::StreamEnd::operator()(CUstream_st* stream) const { static_cast<void>(cudaStreamDestroy(stream)); }

Staging::Staging(int device, std::size_t slots, std::size_t bytes) : device_(device), bytes_(bytes), slots_(slots) {
  GADOLIN_CHECK(slots > 0 && bytes > 0);
  const auto guard = on(device_);
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  copies_.reset(stream);
  for (Slot& slot : slots_) {
    void* memory = nullptr;
    require(cudaHostAlloc(&memory, bytes, cudaHostAllocDefault), "pinned memory");
    slot.host_.reset(static_cast<std::byte*>(memory));
    require(cudaMalloc(&memory, bytes), "memory on the GPU");
    slot.device_.reset(static_cast<std::byte*>(memory));
    slot.copied_.reset(new_event());
    slot.read_.reset(new_event());
  }
}

// Kernels may still read a slot.
Staging::~Staging() {
  const auto guard = on(device_);
  static_cast<void>(cudaStreamSynchronize(copies_.get()));
  for (const Slot& slot : slots_) static_cast<void>(cudaEventSynchronize(slot.read_.get()));
}

Staging::Slot& Staging::next() {
  const auto guard = on(device_);
  Slot& slot = slots_[turn_++ % slots_.size()];
  require(cudaEventSynchronize(slot.copied_.get()), "an earlier upload");
  return slot;
}

void Staging::upload(Slot& slot, std::size_t bytes) {
  GADOLIN_CHECK(bytes <= bytes_);
  const auto guard = on(device_);
  require(cudaStreamWaitEvent(copies_.get(), slot.read_.get(), 0), "an upload");
  require(cudaMemcpyAsync(slot.device(), slot.host(), bytes, cudaMemcpyHostToDevice, copies_.get()), "an upload");
  require(cudaEventRecord(slot.copied_.get(), copies_.get()), "an upload");
}

void Staging::await(const Slot& slot, CUstream_st* stream) {
  const auto guard = on(device_);
  require(cudaStreamWaitEvent(stream, slot.copied_.get(), 0), "waiting for an upload");
}

void Staging::release(Slot& slot, CUstream_st* stream) {
  const auto guard = on(device_);
  require(cudaEventRecord(slot.read_.get(), stream), "a release");
}

}  // namespace runtime
