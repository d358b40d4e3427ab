#include "runtime/comm.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "core/error.h"
#include "runtime/gather.h"

namespace runtime {
namespace {

struct DoneSum : Sum {
  void wait() override {}
};

class Alone : public Comm {
 public:
  int rank() const override { return 0; }
  int size() const override { return 1; }
  void all_reduce_sum(at::Tensor&) override {}
  std::unique_ptr<Sum> begin_sum(at::Tensor) override { return std::make_unique<DoneSum>(); }
  at::Tensor all_gather(const at::Tensor& tensor) override { return tensor; }
  void broadcast(at::Tensor&, int root) override { GADOLIN_CHECK(root == 0); }
  void barrier() override {}
};

// Where threads hand each other tensors. A round is over when every rank has come to it; nobody can come to the next
// round before he has taken what this one gave, so one set of tensors is enough.
class Meeting {
 public:
  using Tensors = std::shared_ptr<const std::vector<at::Tensor>>;

  explicit Meeting(int size) : brought_(size) {}

  Tensors exchange(int rank, at::Tensor tensor) {
    std::unique_lock lock(mutex_);
    require_all();
    brought_[rank] = std::move(tensor);
    if (++come_ == brought_.size()) {
      given_ = std::make_shared<const std::vector<at::Tensor>>(brought_);
      brought_.assign(brought_.size(), {});
      come_ = 0;
      ++round_;
      all_come_.notify_all();
      return given_;
    }
    const auto round = round_;
    all_come_.wait(lock, [&] { return round_ != round || gone_; });
    if (round_ == round) require_all();
    return given_;
  }

  // Of the sum of this number, which is under way while the rounds go on.
  void bring(int rank, std::uint64_t number, at::Tensor tensor) {
    const std::scoped_lock lock(mutex_);
    UnderWay& sum = under_way_[number];
    sum.brought.resize(brought_.size());
    sum.brought[rank] = std::move(tensor);
    ++sum.come;
    all_come_.notify_all();
  }

  Tensors fetch(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    UnderWay& sum = under_way_.at(number);
    all_come_.wait(lock, [&] { return sum.come == brought_.size() || gone_; });
    if (sum.come < brought_.size()) require_all();
    auto all = std::make_shared<const std::vector<at::Tensor>>(sum.brought);
    if (++sum.fetched == brought_.size()) under_way_.erase(number);
    return all;
  }

  // A rank that has come to its end, well or not, comes to no further round.
  void leave(std::exception_ptr why) {
    const std::scoped_lock lock(mutex_);
    gone_ = true;
    if (why && !failure_) failure_ = why;
    all_come_.notify_all();
  }

  std::exception_ptr failure() const { return failure_; }

 private:
  struct UnderWay {
    std::vector<at::Tensor> brought;
    std::size_t come = 0, fetched = 0;
  };

  void require_all() const {
    if (gone_) throw core::Error(failure_ ? "another rank has failed" : "another rank has ended before this one");
  }

  std::mutex mutex_;
  std::condition_variable all_come_;
  std::vector<at::Tensor> brought_;
  Tensors given_;
  std::map<std::uint64_t, UnderWay> under_way_;
  std::size_t come_ = 0;
  std::uint64_t round_ = 0;
  bool gone_ = false;
  std::exception_ptr failure_;
};

class ThreadComm : public GatheringComm {
 public:
  ThreadComm(Meeting& meeting, int rank, int size) : meeting_(meeting), rank_(rank), size_(size) {}
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  void all_reduce_sum(at::Tensor& tensor) override { add_up(tensor, exchange(tensor)); }
  std::unique_ptr<Sum> begin_sum(at::Tensor tensor) override {
    meeting_.bring(rank_, sums_begun_, tensor.detach().clone());
    return std::make_unique<ThreadSum>(*this, std::move(tensor), sums_begun_++);
  }
  at::Tensor gather_values(const at::Tensor& tensor) override { return at::cat(*exchange(tensor)); }
  void broadcast(at::Tensor& tensor, int root) override {
    GADOLIN_CHECK(root >= 0 && root < size_);
    const at::NoGradGuard no_gradient;
    tensor.copy_((*exchange(tensor))[root]);
  }
  void barrier() override { meeting_.exchange(rank_, {}); }

  // A copy is handed out: the owner may write to his own at once.
  Meeting::Tensors exchange(const at::Tensor& tensor) {
    auto all = meeting_.exchange(rank_, tensor.detach().clone());
    require_alike(tensor, *all);
    return all;
  }

 private:
  class ThreadSum : public Sum {
   public:
    ThreadSum(ThreadComm& comm, at::Tensor tensor, std::uint64_t number)
        : comm_(comm), tensor_(std::move(tensor)), number_(number) {}
    void wait() override {
      const auto all = comm_.meeting_.fetch(number_);
      require_alike(tensor_, *all);
      add_up(tensor_, all);
    }

   private:
    ThreadComm& comm_;
    at::Tensor tensor_;
    std::uint64_t number_;
  };

  static void require_alike(const at::Tensor& tensor, const std::vector<at::Tensor>& all) {
    for (const at::Tensor& each : all) {
      if (!each.defined() || each.sizes() != tensor.sizes() || each.scalar_type() != tensor.scalar_type()) {
        throw core::Error("ranks brought tensors of different shapes or types",
                          "every rank must be given a batch of the same size");
      }
    }
  }
  static void add_up(at::Tensor& tensor, const Meeting::Tensors& all) {
    const at::NoGradGuard no_gradient;
    at::Tensor sum = all->front().clone();
    for (std::size_t i = 1; i < all->size(); ++i) sum.add_((*all)[i]);
    tensor.copy_(sum);
  }

  Meeting& meeting_;
  int rank_, size_;
  std::uint64_t sums_begun_ = 0;
};

}  // namespace

std::unique_ptr<Comm> alone() { return std::make_unique<Alone>(); }

void run_ranks(int size, const std::function<void(Comm&)>& body) {
  GADOLIN_CHECK(size >= 1);
  Meeting meeting(size);
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<std::size_t>(size));
    for (int rank = 0; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        std::exception_ptr why;
        try {
          ThreadComm comm(meeting, rank, size);
          body(comm);
        } catch (...) {
          why = std::current_exception();
        }
        meeting.leave(why);
      });
    }
  }
  if (meeting.failure()) std::rethrow_exception(meeting.failure());
}

}  // namespace runtime
