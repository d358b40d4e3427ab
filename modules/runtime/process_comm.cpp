// Comm over c10d: TCPStore and ProcessGroupGloo.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/Logging.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <string_view>
#include <thread>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "core/table.h"
#include "runtime/gather.h"
#include "runtime/processes.h"

namespace runtime {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A rank that writes to a slow disk is waited for; one that is gone is noticed by its closed connection.
constexpr milliseconds kBarrierPatience = std::chrono::hours(24);
// How long ranks that lost another one wait for word of the rest before they say who is missing.
constexpr milliseconds kRollCall = std::chrono::seconds(2);

// This machine's address as the machine of rank 0 sees it: the one from which a packet would go there. Empty when the
// name cannot be resolved.
std::string own_address(const Ranks& ranks) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  if (::getaddrinfo(ranks.address.c_str(), std::to_string(ranks.port).c_str(), &wanted, &found) != 0) return "";
  std::string address;
  for (const addrinfo* each = found; each != nullptr && address.empty(); each = each->ai_next) {
    const int socket = ::socket(each->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (socket < 0) continue;
    sockaddr_storage own{};
    socklen_t size = sizeof own;
    std::array<char, NI_MAXHOST> text{};
    // Nothing is sent: connecting a datagram socket only chooses the route.
    if (::connect(socket, each->ai_addr, each->ai_addrlen) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
        ::getnameinfo(reinterpret_cast<const sockaddr*>(&own), size, text.data(), text.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0)
      address = text.data();
    ::close(socket);
  }
  ::freeaddrinfo(found);
  return address;
}

std::shared_ptr<gloo::transport::Device> device_towards(const Ranks& ranks) {
  if (const char* const interface = std::getenv("GLOO_SOCKET_IFNAME"))
    return c10d::ProcessGroupGloo::createDeviceForInterface(interface);
  const std::string address = own_address(ranks);
  return address.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                         : c10d::ProcessGroupGloo::createDeviceForHostname(address);
}

milliseconds milliseconds_of(double seconds) { return milliseconds(static_cast<std::int64_t>(seconds * 1000)); }
std::string seconds_text(milliseconds time) { return core::shortest(static_cast<double>(time.count()) / 1000); }

enum class Call : std::int64_t { kReduce, kGather, kBroadcast, kBarrier };
constexpr std::array kCallNames{"all_reduce_sum", "all_gather", "broadcast", "barrier"};

// What the ranks must agree on before bytes are sent.
std::array<std::int64_t, 4> announcement(Call call, const at::Tensor& tensor, int root) {
  std::uint64_t shape = 14695981039346656037u;  // FNV-1a
  if (!tensor.defined()) return {static_cast<std::int64_t>(call), -1, 0, root};
  for (const std::int64_t extent : tensor.sizes())
    shape = (shape ^ static_cast<std::uint64_t>(extent)) * 1099511628211u;
  return {static_cast<std::int64_t>(call), static_cast<std::int64_t>(tensor.scalar_type()),
          static_cast<std::int64_t>(shape), root};
}

at::Tensor plain_on_host(const at::Tensor& tensor) { return tensor.detach().to(at::kCPU).contiguous(); }

// One dimension of bytes of a plain tensor, sharing its memory: Gloo copies no booleans.
at::Tensor as_bytes(const at::Tensor& plain) { return plain.reshape({-1}).view(at::kByte); }

// Which ranks have nothing to say any more: " 2 and 3", or what else is known.
std::string absent(c10d::Store& store, const Ranks& ranks, milliseconds patience) {
  std::string missing;
  try {
    const auto end = Clock::now() + patience;
    store.setTimeout(patience);
    store.set("lost/" + std::to_string(ranks.rank), std::vector<std::uint8_t>{1});
    for (int rank = 0; rank < ranks.size; ++rank) {
      const std::string key = "lost/" + std::to_string(rank);
      while (!store.check({key}) && Clock::now() < end) std::this_thread::sleep_for(milliseconds(20));
      if (!store.check({key})) missing += (missing.empty() ? " " : ", ") + std::to_string(rank);
    }
    // The others ask rank 0, which keeps the list.
    if (ranks.rank == 0 && !missing.empty()) std::this_thread::sleep_for(milliseconds(500));
  } catch (const std::exception&) {
    if (missing.empty()) return " 0";
  }
  return missing;
}

// Connections between all ranks, for calls that follow one another. One thread at a time.
class Line {
 public:
  Line(const Ranks& ranks, c10::intrusive_ptr<c10d::Store> store, const std::string& name, milliseconds meeting,
       milliseconds timeout);

  void all_reduce_sum(at::Tensor& tensor);
  at::Tensor gather_values(const at::Tensor& tensor);
  void broadcast(at::Tensor& tensor, int root);
  void barrier() {
    during(Call::kBarrier, [&] { agree(Call::kBarrier, {}, 0); });
  }

 private:
  void agree(Call call, const at::Tensor& tensor, int root);
  template <class Body>
  void during(Call call, Body&& body);
  std::string roll_call();
  void gather(const at::Tensor& own, const at::Tensor& all, milliseconds timeout);

  Ranks ranks_;
  milliseconds timeout_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;  // none after a failure
};

Line::Line(const Ranks& ranks, c10::intrusive_ptr<c10d::Store> store, const std::string& name, milliseconds meeting,
           milliseconds timeout)
    : ranks_(ranks), timeout_(timeout), store_(std::move(store)) {
  auto gloo = c10d::ProcessGroupGloo::Options::create(meeting);
  gloo->devices.push_back(device_towards(ranks));
  group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(c10::make_intrusive<c10d::PrefixStore>(name, store_), ranks.rank,
                                                       ranks.size, gloo);
}

// Rank 0 keeps the list; where it hangs its answer never comes, and nothing ends that wait.
std::string Line::roll_call() {
  const milliseconds patience = std::min(kRollCall, timeout_);
  std::packaged_task<std::string()> ask(
      [store = store_, ranks = ranks_, patience] { return absent(*store, ranks, patience); });
  std::future<std::string> answer = ask.get_future();
  std::thread(std::move(ask)).detach();
  return answer.wait_for(2 * patience + kRollCall) == std::future_status::ready ? answer.get() : " 0";
}

// Closing the connections wakes those that wait for this rank.
template <class Body>
void Line::during(Call call, Body&& body) {
  if (!group_) throw core::Error("the ranks have parted before");
  try {
    body();
  } catch (const core::Error&) {
    throw;
  } catch (const std::exception& error) {
    core::log_debug(error.what());
    group_.reset();
    const std::string missing = roll_call();
    const std::string who =
        missing.empty() ? "the connection to another rank was lost"
                        : "rank" + missing + " of " + std::to_string(ranks_.size) + " has ended or did not answer";
    throw core::Error(who + " (in " + kCallNames[static_cast<std::size_t>(call)] + ", waiting at most " +
                          seconds_text(timeout_) + " s)",
                      "look at what that rank said last; the same command goes on from the last checkpoint");
  }
}

void Line::gather(const at::Tensor& own, const at::Tensor& all, milliseconds timeout) {
  c10d::AllgatherOptions options;
  options.timeout = timeout;
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < ranks_.size; ++rank) outputs[0].push_back(all.narrow(0, rank * own.numel(), own.numel()));
  std::vector<at::Tensor> inputs{own};
  group_->allgather(outputs, inputs, options)->wait();
}

void Line::agree(Call call, const at::Tensor& tensor, int root) {
  const auto own = announcement(call, tensor, root);
  const auto length = static_cast<std::int64_t>(own.size());
  at::Tensor mine = at::empty({length}, at::kLong), all = at::empty({ranks_.size * length}, at::kLong);
  std::copy(own.begin(), own.end(), mine.mutable_data_ptr<std::int64_t>());
  gather(mine, all, call == Call::kBarrier ? kBarrierPatience : timeout_);
  for (int rank = 0; rank < ranks_.size; ++rank) {
    const std::int64_t* const other = all.const_data_ptr<std::int64_t>() + rank * length;
    if (std::equal(own.begin(), own.end(), other)) continue;
    const std::string at = " of rank " + std::to_string(ranks_.rank) + " and rank " + std::to_string(rank);
    if (other[0] == own[0])
      throw core::Error(
          std::string(kCallNames[static_cast<std::size_t>(call)]) + at + ": the tensors have different shapes or types",
          "every rank must be given a batch of the same size");
    throw core::Error(at.substr(4) + " do not do the same: " + kCallNames[static_cast<std::size_t>(call)] + " and " +
                          kCallNames.at(static_cast<std::size_t>(other[0])),
                      "all ranks need the same command, settings and run folder");
  }
}

void Line::all_reduce_sum(at::Tensor& tensor) {
  const at::NoGradGuard no_gradient;
  during(Call::kReduce, [&] {
    agree(Call::kReduce, tensor, 0);
    if (tensor.numel() == 0) return;
    std::vector<at::Tensor> sums{plain_on_host(tensor)};
    c10d::AllreduceOptions options;
    options.timeout = timeout_;
    group_->allreduce(sums, options)->wait();
    if (sums[0].const_data_ptr() != tensor.const_data_ptr()) tensor.copy_(sums[0]);
  });
}

at::Tensor Line::gather_values(const at::Tensor& tensor) {
  const at::NoGradGuard no_gradient;
  std::vector<std::int64_t> sizes = tensor.sizes().vec();
  sizes.at(0) *= ranks_.size;
  at::Tensor all = at::empty(sizes, tensor.options().device(at::kCPU));
  during(Call::kGather, [&] {
    agree(Call::kGather, tensor, 0);
    if (tensor.numel() > 0) gather(as_bytes(plain_on_host(tensor)), as_bytes(all), timeout_);
  });
  return all.to(tensor.device());
}

void Line::broadcast(at::Tensor& tensor, int root) {
  GADOLIN_CHECK(root >= 0 && root < ranks_.size);
  const at::NoGradGuard no_gradient;
  during(Call::kBroadcast, [&] {
    agree(Call::kBroadcast, tensor, root);
    if (tensor.numel() == 0) return;
    const at::Tensor plain = plain_on_host(tensor);
    std::vector<at::Tensor> values{as_bytes(plain)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    options.timeout = timeout_;
    group_->broadcast(values, options)->wait();
    tensor.copy_(plain);
  });
}

// What one thread does, in the order in which it comes. What is left at the end is not done.
class Errands {
 public:
  std::future<void> add(std::function<void()> errand) {
    const std::scoped_lock lock(mutex_);
    std::future<void> done = waiting_.emplace_back(std::move(errand)).get_future();
    come_.notify_one();
    return done;
  }

 private:
  void run(const std::stop_token& stop) {
    while (true) {
      std::unique_lock lock(mutex_);
      if (!come_.wait(lock, stop, [&] { return !waiting_.empty(); }) || stop.stop_requested()) return;
      std::packaged_task<void()> errand = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      errand();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any come_;
  std::deque<std::packaged_task<void()>> waiting_;
  std::jthread thread_{[this](const std::stop_token& stop) { run(stop); }};
};

class ProcessSum : public Sum {
 public:
  ProcessSum(at::Tensor tensor, at::Tensor host, std::future<void> done)
      : tensor_(std::move(tensor)), host_(std::move(host)), done_(std::move(done)) {}
  void wait() override {
    done_.get();
    if (host_.const_data_ptr() != tensor_.const_data_ptr()) tensor_.copy_(host_);
  }

 private:
  at::Tensor tensor_, host_;
  std::future<void> done_;
};

// Sums that are under way have connections of their own, so that their order and that of the other calls do not meet.
class ProcessComm : public GatheringComm {
 public:
  ProcessComm(const Ranks& ranks, const c10::intrusive_ptr<c10d::Store>& store, milliseconds meeting,
              milliseconds timeout)
      : ranks_(ranks), calls_(ranks, store, "calls", meeting, timeout), sums_(ranks, store, "sums", meeting, timeout) {}

  int rank() const override { return ranks_.rank; }
  int size() const override { return ranks_.size; }
  void all_reduce_sum(at::Tensor& tensor) override { calls_.all_reduce_sum(tensor); }
  std::unique_ptr<Sum> begin_sum(at::Tensor tensor) override {
    at::Tensor host = plain_on_host(tensor);
    auto done = errands_.add([this, host]() mutable { sums_.all_reduce_sum(host); });
    return std::make_unique<ProcessSum>(tensor.detach(), std::move(host), std::move(done));
  }
  at::Tensor gather_values(const at::Tensor& tensor) override { return calls_.gather_values(tensor); }
  void broadcast(at::Tensor& tensor, int root) override { calls_.broadcast(tensor, root); }
  void barrier() override { calls_.barrier(); }

 private:
  Ranks ranks_;
  Line calls_, sums_;
  Errands errands_;  // after the line that it uses
};

std::unique_ptr<Comm> meet_within(const Ranks& ranks, milliseconds meeting, milliseconds timeout) {
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(ranks.port);
  options.isServer = ranks.rank == 0 && !ranks.list_is_kept;
  options.numWorkers = static_cast<std::size_t>(ranks.size);
  options.waitWorkers = false;
  options.timeout = meeting / 2;  // it tries again once this is over
  try {
    const auto store = c10::make_intrusive<c10d::PrefixStore>(
        "gadolin/" + ranks.attempt, c10::make_intrusive<c10d::TCPStore>(ranks.address, options));
    store->setTimeout(meeting);
    return std::make_unique<ProcessComm>(ranks, store, meeting, timeout);
  } catch (const std::exception& error) {
    core::log_debug(error.what());
    throw core::Error("rank " + std::to_string(ranks.rank) + ": not all of " + std::to_string(ranks.size) +
                          " ranks met at " + ranks.address + ":" + std::to_string(ranks.port) + " within " +
                          seconds_text(meeting) + " s",
                      "is every rank started, can this machine reach that address, and is the port free?");
  }
}

}  // namespace

std::unique_ptr<Comm> meet(const Ranks& ranks, const Patience& patience) {
  GADOLIN_CHECK(ranks.size > 1 && ranks.rank >= 0 && ranks.rank < ranks.size);
  GADOLIN_CHECK(patience.meet_s > 0 && patience.reply_s > 0);
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  return meet_within(ranks, milliseconds_of(patience.meet_s), milliseconds_of(patience.reply_s));
}

}  // namespace runtime
