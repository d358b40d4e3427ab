#include "train/gradient_exchange.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"

namespace train {
namespace {

using torch::autograd::variable_list;
using Accumulator = decltype(torch::autograd::impl::grad_accumulator(std::declval<const torch::autograd::Variable&>()));

}  // namespace

// Backward may come to parameters from another thread than that of begin() and finish().
class GradientExchange::Buckets {
 public:
  Buckets(const Parameters& parameters, runtime::Comm& comm, std::int64_t bucket_bytes) : comm_(comm) {
    for (auto each = parameters.rbegin(); each != parameters.rend(); ++each) place(each->tensor, bucket_bytes);
    for (Bucket& bucket : buckets_) {
      const Member& last = members_[bucket.members.back()];
      const auto options = last.parameter.options().requires_grad(false).memory_format(std::nullopt);
      bucket.flat = at::zeros({last.begin + last.parameter.numel()}, options);
    }
    for (std::size_t i = 0; i < members_.size(); ++i) watch(i);
  }

  ~Buckets() {
    for (Member& member : members_) member.accumulator->del_post_hook(member.hook);
  }
  Buckets(const Buckets&) = delete;
  Buckets& operator=(const Buckets&) = delete;

  void begin() {
    const std::scoped_lock lock(mutex_);
    active_ = true;
    sent_ = 0;
    for (Bucket& bucket : buckets_) {
      bucket.stale = false;
      bucket.waiting = 0;
      for (const std::size_t i : bucket.members) {
        members_[i].seen = 0;
        bucket.waiting += members_[i].expected > 0 ? 1 : 0;
      }
    }
  }

  void finish() {
    const std::scoped_lock lock(mutex_);
    GADOLIN_CHECK(active_);
    active_ = false;
    const at::NoGradGuard no_gradient;
    while (sent_ < buckets_.size()) send(buckets_[sent_++]);
    at::Tensor flags = own_flags();
    const auto flags_sum = comm_.begin_sum(flags);
    for (Bucket& bucket : buckets_) {
      bucket.sum->wait();
      bucket.sum.reset();
    }
    flags_sum->wait();
    const float* const anywhere = flags.const_data_ptr<float>();
    for (std::size_t b = 0; b < buckets_.size(); ++b) {
      Bucket& bucket = buckets_[b];
      if (anywhere[members_.size() + b] > 0) {
        pack(bucket);
        comm_.all_reduce_sum(bucket.flat);
      }
      for (const std::size_t i : bucket.members) {
        if (anywhere[i] > 0) take_mean(members_[i], bucket.flat);
        members_[i].expected = members_[i].seen;
      }
    }
  }

 private:
  struct Member {
    at::Tensor parameter;
    std::size_t bucket = 0;
    std::int64_t begin = 0;  // in the bucket
    int seen = 0;            // how often backward has come to it since begin()
    int expected = 1;        // how often it came last time
    Accumulator accumulator;
    std::uintptr_t hook = 0;
  };

  struct Bucket {
    std::vector<std::size_t> members;
    at::Tensor flat;
    std::size_t waiting = 0;  // for so many members
    bool stale = false;       // a gradient has changed after it was sent
    std::unique_ptr<runtime::Sum> sum;
  };

  void place(const at::Tensor& parameter, std::int64_t bucket_bytes) {
    GADOLIN_CHECK(parameter.is_leaf() && parameter.requires_grad());
    std::int64_t begin = 0;
    if (!buckets_.empty()) {
      const Member& last = members_.back();
      begin = last.begin + last.parameter.numel();
      const std::int64_t bytes = (begin + parameter.numel()) * parameter.element_size();
      if (bytes > bucket_bytes || last.parameter.options().dtype() != parameter.options().dtype() ||
          last.parameter.device() != parameter.device())
        begin = 0;
    }
    if (begin == 0) buckets_.emplace_back();
    buckets_.back().members.push_back(members_.size());
    members_.push_back({parameter, buckets_.size() - 1, begin, 0, 1, {}, 0});
  }

  void watch(std::size_t i) {
    Member& member = members_[i];
    member.accumulator = torch::autograd::impl::grad_accumulator(member.parameter);
    member.hook = member.accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, i](const variable_list& outputs, const variable_list&) {
          come(i);
          return outputs;
        }));
  }

  void come(std::size_t i) {
    const std::scoped_lock lock(mutex_);
    if (!active_) return;
    Member& member = members_[i];
    Bucket& bucket = buckets_[member.bucket];
    ++member.seen;
    if (member.bucket < sent_) {
      bucket.stale = true;
      return;
    }
    if (member.seen != member.expected || --bucket.waiting > 0) return;
    const at::NoGradGuard no_gradient;
    while (sent_ < buckets_.size() && buckets_[sent_].waiting == 0) send(buckets_[sent_++]);
  }

  void send(Bucket& bucket) {
    pack(bucket);
    bucket.sum = comm_.begin_sum(bucket.flat);
  }

  at::Tensor place_of(const Member& member, const at::Tensor& flat) const {
    return flat.narrow(0, member.begin, member.parameter.numel()).view(member.parameter.sizes());
  }

  void pack(Bucket& bucket) {
    for (const std::size_t i : bucket.members) {
      const at::Tensor& gradient = members_[i].parameter.grad();
      const at::Tensor place = place_of(members_[i], bucket.flat);
      gradient.defined() ? place.copy_(gradient) : place.zero_();
    }
  }

  // On the host: 1 where this rank has a gradient; then 1 for each bucket that it has sent too early.
  at::Tensor own_flags() const {
    at::Tensor flags = at::zeros({static_cast<std::int64_t>(members_.size() + buckets_.size())});
    float* flag = flags.mutable_data_ptr<float>();
    for (const Member& member : members_) *flag++ = member.parameter.grad().defined() ? 1 : 0;
    for (const Bucket& bucket : buckets_) *flag++ = bucket.stale ? 1 : 0;
    return flags;
  }

  void take_mean(Member& member, const at::Tensor& flat) {
    at::Tensor& gradient = member.parameter.mutable_grad();
    if (!gradient.defined()) gradient = at::empty_like(member.parameter);
    at::div_out(gradient, place_of(member, flat), at::scalar_tensor(comm_.size(), gradient.options()));
  }

  runtime::Comm& comm_;
  std::mutex mutex_;
  std::vector<Member> members_;
  std::vector<Bucket> buckets_;
  std::size_t sent_ = 0;  // buckets, in their order
  bool active_ = false;
};

GradientExchange::GradientExchange(const Parameters& parameters, runtime::Comm& comm, std::int64_t bucket_bytes)
    : buckets_(comm.size() > 1 ? std::make_unique<Buckets>(parameters, comm, bucket_bytes) : nullptr) {}

GradientExchange::~GradientExchange() = default;

void GradientExchange::begin() {
  if (buckets_) buckets_->begin();
}

void GradientExchange::finish() {
  if (buckets_) buckets_->finish();
}

}  // namespace train
