#pragma once
// How many bytes of tensors there are.

#include <c10/core/Device.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <cstdint>
#include <memory>

namespace runtime {

// Counts what torch hands out for tensors on `device` to this thread and its backward passes, and what comes back, from
// its birth on: below 0 when more of what was there before has been freed. What other threads take, and what libraries
// below torch take for themselves, is not seen. While it lives nothing else may profile memory on this thread.
class MemoryCount {
 public:
  explicit MemoryCount(c10::Device device);

  std::int64_t now() const;
  std::int64_t most() const;  // the highest since birth or restart()
  void restart();

 private:
  class Hook;
  std::shared_ptr<Hook> hook_;
  c10::DebugInfoGuard guard_;
};

}  // namespace runtime
