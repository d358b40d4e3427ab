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

Staging::Staging(int device) : device_(device) {
  const auto guard = on(device_);
  cudaStream_t stream = nullptr;
  require(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "a stream");
  copies_.reset(stream);
}

// Kernels may still read a slot.
Staging::~Staging() {
  const auto guard = on(device_);
  static_cast<void>(cudaStreamSynchronize(copies_.get()));
  for (const Slot& slot : slots_) {
    if (slot.read_ != nullptr) static_cast<void>(cudaEventSynchronize(slot.read_.get()));
  }
}

void Staging::make(Slot& slot, std::size_t bytes) {
  if (slot.read_ == nullptr) {
    slot.copied_.reset(new_event());
    slot.read_.reset(new_event());
  }
  require(cudaEventSynchronize(slot.copied_.get()), "an earlier upload");
  if (slot.bytes_ >= bytes) return;
  require(cudaEventSynchronize(slot.read_.get()), "kernels that read a slot");
  const std::size_t size = bytes + bytes / 4;  // boxes differ a little from batch to batch
  slot.bytes_ = 0;
  slot.host_.reset();
  slot.device_.reset();
  void* memory = nullptr;
  require(cudaHostAlloc(&memory, size, cudaHostAllocDefault), "pinned memory");
  slot.host_.reset(static_cast<std::byte*>(memory));
  require(cudaMalloc(&memory, size), "memory on the GPU");
  slot.device_.reset(static_cast<std::byte*>(memory));
  slot.bytes_ = size;
}

Staging::Slot& Staging::take(std::size_t bytes) {
  const auto guard = on(device_);
  Slot* slot = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (free_.empty()) {
      slot = &slots_.emplace_back();
    } else {
      slot = free_.front();
      free_.pop_front();
    }
  }
  try {
    make(*slot, bytes);
  } catch (...) {
    give_back(*slot);
    throw;
  }
  return *slot;
}

void Staging::give_back(Slot& slot) {
  const std::scoped_lock lock(mutex_);
  free_.push_back(&slot);
}

void Staging::upload(Slot& slot, std::size_t bytes) {
  GADOLIN_CHECK(bytes <= slot.bytes_);
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
