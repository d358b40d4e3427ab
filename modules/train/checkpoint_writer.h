#pragma once
// Checkpoints written while the steps go on: what a step waits for is a copy of the state, not hash and disk.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <future>

#include "train/checkpoint.h"

namespace train {

// Of one run folder, whose temporary files are its own while it lives. Called from one thread; each checkpoint is
// written by another, one at a time and in order. Holds a copy of the state in memory from the first checkpoint on.
class CheckpointWriter {
 public:
  // The last `keep` checkpoints stay.
  CheckpointWriter(std::filesystem::path folder, std::int64_t keep);
  // Waits; what failed and was never asked for is told in the log.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Waits for the one before, copies all tensors to memory of the CPU and returns: they may change at once. `first` is
  // called by the writing thread before anything is written. Throws what the one before threw.
  void write(const Checkpoint& checkpoint, std::function<void()> first = {});
  // Throws, once, what failed since; does not wait.
  void check();
  // Returns once all is published. Throws, once, what failed.
  void wait();

 private:
  std::filesystem::path folder_;
  std::int64_t keep_;
  Checkpoint copy_;  // the writing thread's until it ends
  std::future<void> writing_;
};

}  // namespace train
