#include "core/grace.h"

#include <unistd.h>

#include <chrono>
#include <optional>
#include <utility>

namespace core {

Grace::Grace(std::function<bool()> asked, double grace_s, std::function<void()> last_words, Exit exit)
    : asked_(std::move(asked)), grace_s_(grace_s), last_words_(std::move(last_words)), exit_(exit) {
  thread_ = std::thread([this] { watch(); });
}

Grace::~Grace() {
  {
    const std::scoped_lock lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
}

void Grace::watch() {
  using Clock = std::chrono::steady_clock;
  std::optional<Clock::time_point> since;
  std::unique_lock lock(mutex_);
  while (!ended_.wait_for(lock, std::chrono::milliseconds(20), [this] { return end_; })) {
    if (!since && asked_()) since = Clock::now();
    if (!since || std::chrono::duration<double>(Clock::now() - *since).count() < grace_s_) continue;
    lock.unlock();
    last_words_();
    ::_exit(static_cast<int>(exit_));
  }
}

}  // namespace core
