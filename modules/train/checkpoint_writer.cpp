#include "train/checkpoint_writer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <thread>
#include <utility>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"

namespace train {
namespace {

// Memory that was touched before takes a copy several times as fast as memory that is new.
at::Tensor copied(const at::Tensor& live, const at::Tensor& held) {
  const at::Tensor values = live.detach();
  const bool fits = held.defined() && held.sizes() == values.sizes() && held.dtype() == values.dtype();
  const at::Tensor copy =
      fits ? held : at::empty(values.sizes(), values.options().device(at::kCPU).pinned_memory(false));
  return copy.copy_(values);
}

TensorsByName copied(const TensorsByName& live, const TensorsByName& held) {
  TensorsByName copies;
  for (const auto& [name, tensor] : live) {
    const auto place = held.find(name);
    copies[name] = copied(tensor, place == held.end() ? at::Tensor() : place->second);
  }
  return copies;
}

// The live state, in the tensors of an older copy where they fit.
Checkpoint copied(const Checkpoint& live, const Checkpoint& held) {
  Checkpoint copy = live;
  copy.weights = copied(live.weights, held.weights);
  copy.optimiser = copied(live.optimiser, held.optimiser);
  copy.average = copied(live.average, held.average);
  copy.sums = copied(live.sums, held.sums);
  copy.watch.tensors = copied(live.watch.tensors, held.watch.tensors);
  for (std::size_t rank = 0; rank < live.learner.size(); ++rank) {
    const bool known = rank < held.learner.size();
    copy.learner[rank].tensors =
        copied(live.learner[rank].tensors, known ? held.learner[rank].tensors : TensorsByName());
  }
  for (std::size_t rank = 0; rank < live.generators.size(); ++rank) {
    const bool known = rank < held.generators.size();
    copy.generators[rank] = copied(live.generators[rank], known ? held.generators[rank] : at::Tensor());
  }
  return copy;
}

// The same file under a second name; a copy where the file system has no such names.
void publish_link(const std::filesystem::path& file, const std::filesystem::path& second) {
  core::publish_file(second, [&](const std::filesystem::path& temporary) {
    std::error_code failed;
    std::filesystem::create_hard_link(file, temporary, failed);
    if (failed) std::filesystem::copy_file(file, temporary);
  });
}

class Busy {
 public:
  explicit Busy(std::atomic<bool>& flag) : flag_(flag) {}
  ~Busy() { flag_ = false; }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;

 private:
  std::atomic<bool>& flag_;
};

}  // namespace

CheckpointWriter::CheckpointWriter(std::filesystem::path folder, std::int64_t keep)
    : folder_(std::move(folder)), keep_(keep) {}

CheckpointWriter::~CheckpointWriter() {
  try {
    wait();
  } catch (const std::exception& error) {
    core::log_warn(error.what());
  }
}

void CheckpointWriter::publish(As as) {
  const std::filesystem::path last = checkpoint_path(folder_, copy_.step), best = best_path(folder_, copy_.step);
  if (as != As::kBest) write_checkpoint(last, copy_);
  if (as == As::kBoth) {
    publish_link(last, best);
  } else if (as == As::kBest) {
    write_checkpoint(best, copy_);
  }
  // A killed run goes on with the checkpoint that was published last: the best one that this knows stays until then.
  if (as != As::kBest) recorded_best_ = copy_.best.step;
  sweep_best(folder_, copy_.best.step, recorded_best_);
  sweep_checkpoints(folder_, keep_);
}

void CheckpointWriter::write(const Checkpoint& checkpoint, std::function<void()> first, As as) {
  wait();
  copy_ = copied(checkpoint, copy_);
  busy_ = true;
  writing_ = std::async(std::launch::async, [this, as, first = std::move(first)] {
    const Busy busy(busy_);
    core::with_context("checkpoint after step " + std::to_string(copy_.step), [&] {
      if (first) first();
      publish(as);
    });
  });
}

void CheckpointWriter::settle(double patience_s) const {
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  while (busy_ && std::chrono::duration<double>(Clock::now() - start).count() < patience_s)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  sweep_temporaries(folder_);
}

void CheckpointWriter::check() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) writing_.get();
}

void CheckpointWriter::wait() {
  if (writing_.valid()) writing_.get();
}

}  // namespace train
