#include "core/stop_signal.h"

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>

namespace core {
namespace {

constexpr std::array kStopSignals{SIGINT, SIGTERM, SIGUSR1};

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free);  // what a handler may touch

std::mutex handlers_mutex;
int handlers_users = 0;
std::array<struct sigaction, kStopSignals.size()> former_handlers;

}  // namespace

StopSignal::StopSignal() {
  const std::scoped_lock lock(handlers_mutex);
  if (handlers_users++ > 0) return;
  stop_asked = false;
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) {
    struct sigaction action {};
    action.sa_handler = [](int) { stop_asked = true; };
    action.sa_flags = SA_RESTART;
    if (kStopSignals[i] == SIGINT) action.sa_flags |= static_cast<int>(SA_RESETHAND);
    sigaction(kStopSignals[i], &action, &former_handlers[i]);
  }
}

StopSignal::~StopSignal() {
  const std::scoped_lock lock(handlers_mutex);
  if (--handlers_users > 0) return;
  for (std::size_t i = 0; i < kStopSignals.size(); ++i) sigaction(kStopSignals[i], &former_handlers[i], nullptr);
}

bool StopSignal::asked() const { return stop_asked; }

}  // namespace core
