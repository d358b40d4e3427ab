#include "io/worker_channel.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace io {
namespace {

struct Frame {
  std::uint64_t bytes = 0, files = 0;
};

core::Error beyond_limits() { return core::Error("a message between gadolin and gadolin-worker is too long"); }

}  // namespace

bool WorkerChannel::send(const Message& message) {
  if (message.bytes.size() > kLargestMessage || message.files.size() > kMostFiles) throw beyond_limits();
  const Frame frame{message.bytes.size(), message.files.size()};
  std::string all(reinterpret_cast<const char*>(&frame), sizeof frame);
  all += message.bytes;
  for (std::size_t done = 0; done < all.size();) {
    const ssize_t now = ::send(socket_.number(), all.data() + done, all.size() - done, MSG_NOSIGNAL);
    if (now < 0 && errno == EINTR) continue;
    if (now < 0) return false;
    done += static_cast<std::size_t>(now);
  }
  for (const Descriptor& file : message.files) {
    char byte = 'v';
    iovec part{&byte, 1};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
    msghdr header{};
    header.msg_iov = &part, header.msg_iovlen = 1;
    header.msg_control = room.data(), header.msg_controllen = room.size();
    cmsghdr* const control = CMSG_FIRSTHDR(&header);
    control->cmsg_level = SOL_SOCKET, control->cmsg_type = SCM_RIGHTS, control->cmsg_len = CMSG_LEN(sizeof(int));
    const int number = file.number();
    std::memcpy(CMSG_DATA(control), &number, sizeof number);
    ssize_t sent = -1;
    do sent = ::sendmsg(socket_.number(), &header, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0) return false;
  }
  return true;
}

bool WorkerChannel::wait(End& end, std::optional<Clock::time_point> deadline) const {
  for (;;) {
    int wait_ms = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
      wait_ms = static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
    }
    pollfd asked{socket_.number(), POLLIN, 0};
    const int ready = ::poll(&asked, 1, wait_ms);
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) throw core::Error("the socket to gadolin-worker cannot be waited for");
    if (ready == 0) {
      end = End::kLate;
      return false;
    }
  }
}

bool WorkerChannel::fill(void* target, std::size_t size, End& end, std::optional<Clock::time_point> deadline) {
  for (std::size_t done = 0; done < size;) {
    if (!wait(end, deadline)) return false;
    const ssize_t now = ::recv(socket_.number(), static_cast<char*>(target) + done, size - done, 0);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) {
      end = End::kClosed;
      return false;
    }
    done += static_cast<std::size_t>(now);
  }
  return true;
}

bool WorkerChannel::file_of(Message& message, End& end, std::optional<Clock::time_point> deadline) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr header{};
  header.msg_iov = &part, header.msg_iovlen = 1;
  header.msg_control = room.data(), header.msg_controllen = room.size();
  ssize_t got = -1;
  do {
    if (!wait(end, deadline)) return false;
    got = ::recvmsg(socket_.number(), &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  end = End::kClosed;
  const cmsghdr* const control = got == 1 ? CMSG_FIRSTHDR(&header) : nullptr;
  if (control == nullptr || control->cmsg_type != SCM_RIGHTS || control->cmsg_len != CMSG_LEN(sizeof(int)))
    return false;
  int number = -1;
  std::memcpy(&number, CMSG_DATA(control), sizeof number);
  message.files.emplace_back(number);
  return true;
}

std::optional<Message> WorkerChannel::receive(End& end, std::optional<Clock::time_point> deadline) {
  Frame frame;
  if (!fill(&frame, sizeof frame, end, deadline)) return std::nullopt;
  if (frame.bytes > kLargestMessage || frame.files > kMostFiles) throw beyond_limits();
  Message message;
  message.bytes.resize(static_cast<std::size_t>(frame.bytes));
  if (!fill(message.bytes.data(), message.bytes.size(), end, deadline)) return std::nullopt;
  for (std::uint64_t i = 0; i < frame.files; ++i) {
    if (!file_of(message, end, deadline)) return std::nullopt;
  }
  return message;
}

}  // namespace io
