#pragma once
// The end of a process that was asked to stop and is still at work.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "core/error.h"

namespace core {

// A thread of its own asks `asked` many times a second. Once it says yes, the work at hand has `grace_s` seconds (of a
// clock that nobody sets) to come to the destructor; then `last_words` is called on that thread and the process ends
// with `exit`: no destructor runs, so what is being written must be safe from that.
class Grace {
 public:
  Grace(std::function<bool()> asked, double grace_s, std::function<void()> last_words, Exit exit = Exit::kInterrupted);
  // The work came to its end. Does not return while the last words are being said.
  ~Grace();
  Grace(const Grace&) = delete;
  Grace& operator=(const Grace&) = delete;

 private:
  void watch();

  std::function<bool()> asked_;
  double grace_s_;
  std::function<void()> last_words_;
  Exit exit_;
  std::mutex mutex_;
  std::condition_variable ended_;
  bool end_ = false;
  std::thread thread_;
};

}  // namespace core
