#pragma once
// Where the time of a run goes.

#include <c10/core/Device.h>
#include <c10/core/Event.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace train {

// kComm: waiting for the other ranks; kWatch: what watchers do.
enum class Part { kLoad, kForward, kBackward, kComm, kOptimiser, kWatch, kCheckpoint };
inline constexpr std::size_t kParts = 7;

// Forward, backward, comm and optimiser are timed where they run: on a GPU by events of its stream, which nobody waits
// for; all else by the clock of the thread. Used from one thread; marks must not overlap. A mark costs 0.1 us on the
// CPU.
class Timings {
 public:
  explicit Timings(c10::Device device) : device_(device) {}

  // Times from its making to its end.
  class Mark {
   public:
    Mark(Timings& timings, Part part);
    ~Mark();
    Mark(const Mark&) = delete;
    Mark& operator=(const Mark&) = delete;

   private:
    Timings& timings_;
    Part part_;
  };
  [[nodiscard]] Mark mark(Part part) { return {*this, part}; }

  // The first step begins; a step ends and the next begins. `worked_s`: data::BatchSource::worked_s().
  void begin(double worked_s);
  void end_step(double worked_s);

  // Means of the steps since the last call: "time/load_s", ... "time/checkpoint_s" in seconds a step, "time/other_s":
  // what is none of them, "time/step_s": all of it, "time/data_share": the share of time/load_s in it,
  // "time/augment_s": what the threads work that read and make views, beside the step. Empty when there was no step. Of
  // what a GPU has not done yet the next row tells.
  std::map<std::string, double> take();
  // Of the last row; 0 before the first.
  double data_share() const { return data_share_; }
  // "backward 61 %, forward 30 %, waiting for data 6 %" of all steps, the largest first, without those below 1 %.
  std::string told() const;

 private:
  using Clock = std::chrono::steady_clock;
  struct OnDevice {
    Part part;
    c10::Event begin, end;
  };

  bool on_device(Part part) const;
  c10::Event recorded();
  void begin_mark(Part part);
  void end_mark(Part part);
  void collect();  // what the GPU has done meanwhile

  c10::Device device_;
  Clock::time_point mark_, step_;
  std::deque<OnDevice> pending_;   // in the order of the stream; the last may lack its end
  std::vector<c10::Event> spare_;  // to be recorded again
  std::array<double, kParts> row_s_{}, total_s_{};
  double row_step_s_ = 0, total_step_s_ = 0, row_worked_s_ = 0, worked_before_s_ = 0, data_share_ = 0;
  std::int64_t row_steps_ = 0;
};

}  // namespace train
