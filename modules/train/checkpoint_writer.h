#pragma once
// Checkpoints written while the steps go on: what a step waits for is a copy of the state, not hash and disk.

#include <atomic>
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
  // The last `keep` checkpoints stay, and the best one.
  CheckpointWriter(std::filesystem::path folder, std::int64_t keep);
  // Before the first write: the best step that the checkpoint knows with which the run goes on; -1: none.
  void set_recorded_best(std::int64_t step) { recorded_best_ = step; }

  // Under which names a state is published.
  enum class As { kLast, kBest, kBoth };
  // Waits; what failed and was never asked for is told in the log.
  ~CheckpointWriter();
  CheckpointWriter(const CheckpointWriter&) = delete;
  CheckpointWriter& operator=(const CheckpointWriter&) = delete;

  // Waits for the one before, copies all tensors to memory of the CPU and returns: they may change at once. `first` is
  // called by the writing thread before anything is written. Throws what the one before threw.
  void write(const Checkpoint& checkpoint, std::function<void()> first = {}, As as = As::kLast);
  // Throws, once, what failed since; does not wait.
  void check();
  // Returns once all is published. Throws, once, what failed.
  void wait();
  // For the end of the process, from any thread: waits so long for what is being written, then removes what is not
  // whole.
  void settle(double patience_s) const;

 private:
  void publish(As as);

  std::filesystem::path folder_;
  std::int64_t keep_;
  std::int64_t recorded_best_ = -1;  // in the last checkpoint published; the writing thread's, as the copy
  Checkpoint copy_;                  // the writing thread's until it ends
  std::atomic<bool> busy_ = false;
  std::future<void> writing_;
};

}  // namespace train
