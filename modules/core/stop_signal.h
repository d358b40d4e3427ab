#pragma once
// SIGINT, SIGTERM (docker stop) and SIGUSR1 (Slurm's warning) as a question that a long command asks between two pieces
// of work.

namespace core {

// While one lives the signals set a flag and do nothing else, but SIGINT a second time ends the process at once.
// Several may live at once, in any threads: the first takes the handlers and clears the flag, the last gives the former
// handlers back.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  bool asked() const;
};

}  // namespace core
