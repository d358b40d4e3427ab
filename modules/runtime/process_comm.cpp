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
at::Tensor bytes_of(const at::Tensor& plain) { return plain.reshape({-1}).view(at::kByte); }

class ProcessComm : public GatheringComm {
 public:
  ProcessComm(const Ranks& ranks, const Patience& patience);
  int rank() const override { return ranks_.rank; }
  int size() const override { return ranks_.size; }

  void all_reduce_sum(at::Tensor& tensor) override;
  at::Tensor gather_values(const at::Tensor& tensor) override;
  void broadcast(at::Tensor& tensor, int root) override;
  void barrier() override {
    during(Call::kBarrier, [&] { agree(Call::kBarrier, {}, 0); });
  }

 private:
  void agree(Call call, const at::Tensor& tensor, int root);
  template <class Body>
  void during(Call call, Body&& body);
  // Which ranks have nothing to say any more: " 2 and 3", or what else is known.
  std::string roll_call();
  void gather(const at::Tensor& own, const at::Tensor& all, milliseconds timeout);

  Ranks ranks_;
  milliseconds timeout_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::ProcessGroupGloo> group_;  // none after a failure
};

ProcessComm::ProcessComm(const Ranks& ranks, const Patience& patience)
    : ranks_(ranks), timeout_(milliseconds_of(patience.reply_s)) {
  const milliseconds meeting = milliseconds_of(patience.meet_s);
  c10d::TCPStoreOptions options;
  options.port = static_cast<std::uint16_t>(ranks.port);
  options.isServer = ranks.rank == 0 && !ranks.list_is_kept;
  options.numWorkers = static_cast<std::size_t>(ranks.size);
  options.waitWorkers = false;
  options.timeout = meeting / 2;  // it tries again once this is over
  try {
    store_ = c10::make_intrusive<c10d::PrefixStore>("gadolin/" + ranks.attempt,
                                                    c10::make_intrusive<c10d::TCPStore>(ranks.address, options));
    store_->setTimeout(meeting);
    auto gloo = c10d::ProcessGroupGloo::Options::create(meeting);
    gloo->devices.push_back(device_towards(ranks));
    group_ = c10::make_intrusive<c10d::ProcessGroupGloo>(store_, ranks.rank, ranks.size, gloo);
  } catch (const std::exception& error) {
    core::log_debug(error.what());
    throw core::Error("rank " + std::to_string(ranks.rank) + ": not all of " + std::to_string(ranks.size) +
                          " ranks met at " + ranks.address + ":" + std::to_string(ranks.port) + " within " +
                          seconds_text(meeting) + " s",
                      "is every rank started, can this machine reach that address, and is the port free?");
  }
}

std::string ProcessComm::roll_call() {
  std::string missing;
  try {
    const milliseconds patience = std::min(kRollCall, timeout_);
    const auto end = Clock::now() + patience;
    store_->setTimeout(patience);
    store_->set("lost/" + std::to_string(ranks_.rank), std::vector<std::uint8_t>{1});
    for (int rank = 0; rank < ranks_.size; ++rank) {
      const std::string key = "lost/" + std::to_string(rank);
      while (!store_->check({key}) && Clock::now() < end) std::this_thread::sleep_for(milliseconds(20));
      if (!store_->check({key})) missing += (missing.empty() ? " " : ", ") + std::to_string(rank);
    }
    // The others ask rank 0, which keeps the list.
    if (ranks_.rank == 0 && !missing.empty()) std::this_thread::sleep_for(milliseconds(500));
  } catch (const std::exception&) {
    if (missing.empty()) return " 0";
  }
  return missing;
}

// Closing the connections wakes those that wait for this rank.
template <class Body>
void ProcessComm::during(Call call, Body&& body) {
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

void ProcessComm::gather(const at::Tensor& own, const at::Tensor& all, milliseconds timeout) {
  c10d::AllgatherOptions options;
  options.timeout = timeout;
  std::vector<std::vector<at::Tensor>> outputs(1);
  for (int rank = 0; rank < ranks_.size; ++rank) outputs[0].push_back(all.narrow(0, rank * own.numel(), own.numel()));
  std::vector<at::Tensor> inputs{own};
  group_->allgather(outputs, inputs, options)->wait();
}

void ProcessComm::agree(Call call, const at::Tensor& tensor, int root) {
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

void ProcessComm::all_reduce_sum(at::Tensor& tensor) {
  const at::NoGradGuard no_gradient;
  during(Call::kReduce, [&] {
    agree(Call::kReduce, tensor, 0);
    if (tensor.numel() == 0) return;
    std::vector<at::Tensor> sums{plain_on_host(tensor)};
    c10d::AllreduceOptions options;
    options.timeout = timeout_;
    group_->allreduce(sums, options)->wait();
    if (!sums[0].is_same(tensor)) tensor.copy_(sums[0]);
  });
}

at::Tensor ProcessComm::gather_values(const at::Tensor& tensor) {
  const at::NoGradGuard no_gradient;
  std::vector<std::int64_t> sizes = tensor.sizes().vec();
  sizes.at(0) *= ranks_.size;
  at::Tensor all = at::empty(sizes, tensor.options().device(at::kCPU));
  during(Call::kGather, [&] {
    agree(Call::kGather, tensor, 0);
    if (tensor.numel() > 0) gather(bytes_of(plain_on_host(tensor)), bytes_of(all), timeout_);
  });
  return all.to(tensor.device());
}

void ProcessComm::broadcast(at::Tensor& tensor, int root) {
  GADOLIN_CHECK(root >= 0 && root < ranks_.size);
  const at::NoGradGuard no_gradient;
  during(Call::kBroadcast, [&] {
    agree(Call::kBroadcast, tensor, root);
    if (tensor.numel() == 0) return;
    const at::Tensor plain = plain_on_host(tensor);
    std::vector<at::Tensor> values{bytes_of(plain)};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    options.timeout = timeout_;
    group_->broadcast(values, options)->wait();
    tensor.copy_(plain);
  });
}

}  // namespace

std::unique_ptr<Comm> meet(const Ranks& ranks, const Patience& patience) {
  GADOLIN_CHECK(ranks.size > 1 && ranks.rank >= 0 && ranks.rank < ranks.size);
  GADOLIN_CHECK(patience.meet_s > 0 && patience.reply_s > 0);
  if (std::getenv("TORCH_CPP_LOG_LEVEL") == nullptr) FLAGS_caffe2_log_level = c10::GLOG_FATAL;
  return std::make_unique<ProcessComm>(ranks, patience);
}

}  // namespace runtime
