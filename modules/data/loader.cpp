#include "data/loader.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <thread>

#include "core/error.h"
#include "core/parallel.h"

namespace data {
namespace {

// torch asks OpenMP for threads once per thread of ours; afterwards this thread computes alone.
void compute_alone() {
  at::get_num_threads();
  omp_set_num_threads(1);
}

// Adds the time from its making to its end.
class Busy {
 public:
  explicit Busy(std::atomic<std::int64_t>& sum_ns) : sum_ns_(sum_ns) {}
  ~Busy() { sum_ns_ += std::chrono::nanoseconds(std::chrono::steady_clock::now() - start_).count(); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<std::int64_t>& sum_ns_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

int worker_count(int asked) { return asked > 0 ? asked : std::max(1, core::usable_processors() - 1); }

}  // namespace

// Makes the samples of batches first, first + stride, ... in order of need; at most `ahead` batches are begun and not
// yet taken.
class Loader::Workers {
 public:
  struct Plan {
    std::uint64_t first = 0, stride = 1, end = 0;
    std::size_t batch_size = 1, ahead = 1;
    const BatchMaker* maker = nullptr;
  };

  Workers(const Dataset& dataset, const Plan& plan, int threads) : dataset_(dataset), plan_(plan) {
    begin_batches();
    const std::scoped_lock lock(mutex_);  // the threads wait until all are there
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  ~Workers() {
    {
      const std::scoped_lock lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
  }

  // The next batch, or the first exception of its samples.
  Batch take() {
    std::unique_lock lock(mutex_);
    GADOLIN_CHECK(!batches_.empty());
    Making& making = batches_.front();
    changed_.wait(lock, [&] { return making.left == 0; });
    for (const std::exception_ptr& failure : making.failures) {
      if (failure) std::rethrow_exception(failure);
    }
    if (making.failure) std::rethrow_exception(making.failure);
    Batch batch = std::move(*making.batch);
    const auto begun = std::move(making.begun_views);
    batches_.pop_front();
    begin_batches();
    lock.unlock();
    changed_.notify_all();
    for (std::size_t view = 0; view < begun.size(); ++view) plan_.maker->finish(*begun[view], batch.views[view]);
    return batch;
  }

  double worked_s() const { return 1e-9 * static_cast<double>(worked_ns_.load()); }

 private:
  // Stands still in memory until it is taken (a deque's ends do not move the others).
  struct Making {
    std::uint64_t first = 0;
    std::vector<Sample> samples;
    std::vector<std::exception_ptr> failures;
    std::exception_ptr failure;  // of putting the samples together
    std::size_t begun = 0, left = 0;
    std::vector<std::unique_ptr<BatchMaker::Begun>> begun_views;
    std::optional<Batch> batch;
  };

  void begin_batches() {
    while (batches_.size() < plan_.ahead && plan_.first < plan_.end) {
      const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(plan_.batch_size, plan_.end - plan_.first));
      Making& making = batches_.emplace_back();
      making.first = plan_.first;
      making.samples.resize(count);
      making.failures.resize(count);
      making.left = count;
      plan_.first += plan_.stride;
    }
  }

  Making* with_work() {
    for (Making& making : batches_) {
      if (making.begun < making.samples.size()) return &making;
    }
    return nullptr;
  }

  // The one that is begun after so many others from now on, as far as batches are planned.
  std::optional<std::uint64_t> sample_after(std::size_t others) const {
    for (const Making& making : batches_) {
      if (making.begun >= making.samples.size()) continue;  // all begun, or put together and gone
      const std::size_t open = making.samples.size() - making.begun;
      if (others < open) return making.first + making.begun + others;
      others -= open;
    }
    return std::nullopt;
  }

  void work() {
    compute_alone();
    const c10::NoGradGuard no_gradient;
    std::unique_lock lock(mutex_);
    while (true) {
      Making* making = nullptr;
      changed_.wait(lock, [&] { return stop_ || (making = with_work()) != nullptr; });
      if (stop_) return;
      const std::size_t place = making->begun++;
      const std::optional<std::uint64_t> later = sample_after(threads_.size() - 1);
      lock.unlock();
      if (later) dataset_.expect(*later);
      make_sample(*making, place);
      lock.lock();
      if (making->left > 1) {
        --making->left;
        continue;
      }
      lock.unlock();
      put_together(*making);
      lock.lock();
      making->left = 0;
      changed_.notify_all();
    }
  }

  void make_sample(Making& making, std::size_t place) {
    const Busy busy(worked_ns_);
    try {
      making.samples[place] = dataset_.get(making.first + place);
    } catch (...) {
      making.failures[place] = std::current_exception();
    }
  }

  // By the thread that made the last sample: the others have left this batch.
  void put_together(Making& making) {
    const Busy busy(worked_ns_);
    const bool sound =
        std::all_of(making.failures.begin(), making.failures.end(), [](const auto& each) { return !each; });
    if (!sound) return;
    try {
      const std::size_t drawn = making.samples.front().drawn.size();
      GADOLIN_CHECK(drawn == 0 || plan_.maker != nullptr);
      for (std::size_t view = 0; view < drawn; ++view) {
        std::vector<DrawnView> of_view;
        for (Sample& sample : making.samples) of_view.push_back(std::move(sample.drawn.at(view)));
        making.begun_views.push_back(plan_.maker->begin(std::move(of_view)));
      }
      making.batch = collate(std::move(making.samples));
    } catch (...) {
      making.failure = std::current_exception();
    }
    making.samples.clear();
  }

  const Dataset& dataset_;
  Plan plan_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Making> batches_;
  bool stop_ = false;
  std::atomic<std::int64_t> worked_ns_ = 0;
  std::vector<std::jthread> threads_;  // last: they end before the rest goes
};

Loader::Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options)
    : Loader(std::move(dataset), options, 0, std::numeric_limits<std::uint64_t>::max()) {}

Loader::Loader(std::shared_ptr<const Dataset> dataset, LoaderOptions options, std::uint64_t first, std::uint64_t end)
    : dataset_(std::move(dataset)), options_(options), first_(first), end_(end) {
  if (options_.batch_size < 1) throw core::usage_error("the batch size must be 1 or more");
  if (options_.workers < 0 || options_.prefetch < 1) throw core::usage_error("workers and prefetch must be positive");
  GADOLIN_CHECK(options_.ranks >= 1 && options_.rank >= 0 && options_.rank < options_.ranks);
  if (dataset_->size() < 1) throw core::Error("the data set has no case");
  GADOLIN_CHECK(!options_.passed || options_.passed->size() == dataset_->size());
}

Loader::~Loader() = default;

Batch Loader::next() {
  GADOLIN_CHECK(first_ + position_ < end_);
  const auto batch_size = static_cast<std::uint64_t>(options_.batch_size);
  const std::uint64_t stride = batch_size * static_cast<std::uint64_t>(options_.ranks);
  if (!workers_) {
    Workers::Plan plan;
    plan.first = first_ + position_ + batch_size * static_cast<std::uint64_t>(options_.rank);
    plan.stride = stride;
    plan.end = end_;
    plan.batch_size = static_cast<std::size_t>(options_.batch_size);
    plan.ahead = static_cast<std::size_t>(options_.prefetch) + 1;
    plan.maker = options_.batch_maker.get();
    workers_ = std::make_unique<Workers>(*dataset_, plan, worker_count(options_.workers));
  }
  Batch batch = workers_->take();
  position_ = std::min(position_ + stride, end_ - first_);
  return batch;
}

void Loader::seek(std::uint64_t position) {
  workers_.reset();
  position_ = position;
}

double Loader::worked_s() const { return workers_ ? workers_->worked_s() : 0; }

std::unique_ptr<BatchSource> Loader::pass() const {
  const auto size = static_cast<std::uint64_t>(dataset_->size());
  const std::uint64_t first = position_ / size * size;
  LoaderOptions options = options_;
  options.rank = 0;
  options.ranks = 1;
  if (options_.passed) options.batch_maker = nullptr;
  return std::unique_ptr<Loader>(
      new Loader(options_.passed ? options_.passed : dataset_, options, first, first + size));
}

}  // namespace data
