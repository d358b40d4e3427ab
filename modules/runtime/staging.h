#pragma once
// A ring of pinned buffers on the host, each with a twin on the GPU: while one batch is worked on, the next is written
// and copied, on a stream of its own. There only where kCudaKernels (dispatch.h).

#include <cstddef>
#include <memory>
#include <vector>

#include "runtime/dispatch.h"

struct CUevent_st;  // what a cudaEvent_t points to

namespace runtime {

// Not shared between threads, but whoever was given a slot may write its `host` on any thread until it is uploaded. In
// turn: next, write, upload, await, kernels that read `device`, release. The host waits in `next` alone. All throw
// Error when CUDA says no.
class Staging {
 public:
  class Slot {
   public:
    std::byte* host() const { return host_.get(); }      // aligned to 256 bytes, as `device` is
    std::byte* device() const { return device_.get(); }  // known from the start: tables may point into it

   private:
    friend class Staging;
    struct HostEnd {
      void operator()(std::byte* memory) const;
    };
    struct DeviceEnd {
      void operator()(std::byte* memory) const;
    };
    struct EventEnd {
      void operator()(CUevent_st* event) const;
    };
    std::unique_ptr<std::byte, HostEnd> host_;
    std::unique_ptr<std::byte, DeviceEnd> device_;
    std::unique_ptr<CUevent_st, EventEnd> copied_, read_;
  };

  // `slots` buffers of `bytes` each, on the CUDA device of this number.
  Staging(int device, std::size_t slots, std::size_t bytes);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  std::size_t bytes() const { return bytes_; }  // of a slot
  // The oldest slot. Waits until its last upload is over, so that `host` may be written again.
  Slot& next();
  // Copies the first `bytes` of host to device, once the kernels before its last `release` are done; returns at once.
  void upload(Slot& slot, std::size_t bytes);
  // What is put on `stream` from here on begins after the upload.
  void await(const Slot& slot, CUstream_st* stream);
  // What was put on `stream` so far is the last that reads `device`.
  void release(Slot& slot, CUstream_st* stream);

 private:
  struct StreamEnd {
    void operator()(CUstream_st* stream) const;
  };
  int device_;
  std::size_t bytes_, turn_ = 0;
  std::unique_ptr<CUstream_st, StreamEnd> copies_;
  std::vector<Slot> slots_;
};

}  // namespace runtime
