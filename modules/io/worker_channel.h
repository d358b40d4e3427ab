#pragma once
// One end of the Unix socket between gadolin and a worker: whole messages and the open files that travel with them. Not
// shared between threads.

#include <chrono>
#include <optional>

#include "io/worker_message.h"

namespace io {

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define GADOLIN_ADDRESS_SANITIZER  // as clang tells it
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(GADOLIN_ADDRESS_SANITIZER)
inline constexpr bool kAddressSanitizer = true;
#else
inline constexpr bool kAddressSanitizer = false;
#endif

inline constexpr std::size_t kLargestMessage = std::size_t{64} << 20;
inline constexpr std::size_t kMostFiles = 1024;  // volumes of a case

class WorkerChannel {
 public:
  using Clock = std::chrono::steady_clock;
  enum class End { kClosed, kLate };  // the other end is gone, or has not answered in time

  explicit WorkerChannel(Descriptor socket) : socket_(std::move(socket)) {}

  // False when the other end is gone. Throws Error for a message beyond the limits.
  bool send(const Message& message);
  // Waits until `deadline`, or for ever. When nothing comes `end` tells why. Throws Error for one beyond the limits.
  std::optional<Message> receive(End& end, std::optional<Clock::time_point> deadline = std::nullopt);

 private:
  bool fill(void* target, std::size_t size, End& end, std::optional<Clock::time_point> deadline);
  bool file_of(Message& message, End& end, std::optional<Clock::time_point> deadline);
  bool wait(End& end, std::optional<Clock::time_point> deadline) const;

  Descriptor socket_;
};

}  // namespace io
