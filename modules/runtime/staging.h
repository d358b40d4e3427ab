#pragma once
// Pinned buffers on the host, each with a twin on the GPU: while one batch is worked on, the next ones are written and
// copied, on a stream of their own. There only where kCudaKernels (dispatch.h).

#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>

#include "runtime/dispatch.h"

struct CUevent_st;  // what a cudaEvent_t points to

namespace runtime {

// In turn: take, write `host`, upload, await, kernels that read `device`, release, give_back. A slot is one thread's at
// a time; slots are taken by any threads at once and given back in any order. There are as many as were ever out at
// once. The host waits in `take` alone, for an upload of the slot that is still under way. All throw Error when CUDA
// says no.
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
    std::size_t bytes_ = 0;
    std::unique_ptr<std::byte, HostEnd> host_;
    std::unique_ptr<std::byte, DeviceEnd> device_;
    std::unique_ptr<CUevent_st, EventEnd> copied_, read_;
  };

  explicit Staging(int device);  // the CUDA device of this number
  ~Staging();                    // waits for what is under way
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // A slot of at least so many bytes that nobody has, the one given back longest ago; made where there is none.
  Slot& take(std::size_t bytes);
  // Copies the first `bytes` of host to device, once the kernels before its last `release` are done; returns at once.
  void upload(Slot& slot, std::size_t bytes);
  // What is put on `stream` from here on begins after the upload.
  void await(const Slot& slot, CUstream_st* stream);
  // What was put on `stream` so far is the last that reads `device`.
  void release(Slot& slot, CUstream_st* stream);
  void give_back(Slot& slot);

 private:
  struct StreamEnd {
    void operator()(CUstream_st* stream) const;
  };
  void make(Slot& slot, std::size_t bytes);

  const int device_;
  std::unique_ptr<CUstream_st, StreamEnd> copies_;
  std::mutex mutex_;
  std::deque<Slot> slots_;  // stand still in memory
  std::deque<Slot*> free_;
};

}  // namespace runtime
