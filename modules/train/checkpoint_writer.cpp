#include "train/checkpoint_writer.h"

#include <ATen/ATen.h>

#include <chrono>
#include <utility>

#include "core/error.h"
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

void CheckpointWriter::write(const Checkpoint& checkpoint, std::function<void()> first) {
  wait();
  copy_ = copied(checkpoint, copy_);
  writing_ = std::async(std::launch::async, [this, first = std::move(first)] {
    core::with_context("checkpoint after step " + std::to_string(copy_.step), [&] {
      if (first) first();
      write_checkpoint(checkpoint_path(folder_, copy_.step), copy_);
    });
    sweep_checkpoints(folder_, keep_);
  });
}

void CheckpointWriter::check() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) writing_.get();
}

void CheckpointWriter::wait() {
  if (writing_.valid()) writing_.get();
}

}  // namespace train
