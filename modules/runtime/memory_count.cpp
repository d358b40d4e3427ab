#include "runtime/memory_count.h"

#include <c10/core/Allocator.h>

#include <atomic>

namespace runtime {

class MemoryCount::Hook final : public c10::MemoryReportingInfoBase {
 public:
  explicit Hook(c10::Device device) : device_(device) {}
  void reportMemoryUsage(void*, std::int64_t bytes, std::size_t, std::size_t, c10::Device device) override {
    if (device.type() != device_.type()) return;
    const std::int64_t now = now_.fetch_add(bytes) + bytes;
    std::int64_t most = most_.load();
    while (most < now && !most_.compare_exchange_weak(most, now)) {
    }
  }
  bool memoryProfilingEnabled() const override { return true; }

  std::int64_t now() const { return now_; }
  std::int64_t most() const { return most_; }
  void restart() { most_ = now_.load(); }

 private:
  c10::Device device_;
  std::atomic<std::int64_t> now_{0}, most_{0};
};

MemoryCount::MemoryCount(c10::Device device)
    : hook_(std::make_shared<Hook>(device)), guard_(c10::DebugInfoKind::PROFILER_STATE, hook_) {}

std::int64_t MemoryCount::now() const { return hook_->now(); }
std::int64_t MemoryCount::most() const { return hook_->most(); }
void MemoryCount::restart() { hook_->restart(); }

}  // namespace runtime
