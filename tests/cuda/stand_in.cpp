#include "stand_in.h"

#include <ucontext.h>

#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace cuda_stand_in {
namespace {

constexpr std::size_t kStackBytes = 128 << 10;
constexpr std::size_t kGap = 256;  // of untouched bytes behind each array of shared memory
constexpr std::byte kUntouched{0xff};

void require(bool fine, const std::string& what) {
  if (!fine) throw std::runtime_error("stand-in for CUDA: " + what);
}

// Where threads wait for each other.
struct Meeting {
  unsigned size = 0, arrived = 0;
  std::uint64_t number = 0;  // of times that all have come
  int line = 0;
};
// Shuffles take turns with two rows: nobody writes to one before all have read from it.
struct Warp {
  Meeting meeting;
  std::array<std::array<std::uint64_t, kWarp>, 2> given{};
};
struct Thread {
  ucontext_t context{};
  std::unique_ptr<char[]> stack;
  dim3 at;
  bool done = false;
  const Meeting* waits_at = nullptr;
  std::uint64_t waits_for = 0;

  bool waits() const { return waits_at != nullptr && waits_at->number == waits_for; }
};

struct SharedArray {
  const char* key;
  std::size_t begin, bytes;
};

struct Block {
  ucontext_t outside{};
  std::vector<Thread> threads;
  unsigned running = 0;
  std::vector<Warp> warps;
  Meeting meeting;
  std::vector<std::byte> shared = std::vector<std::byte>(2 * kSharedBytes);
  std::vector<SharedArray> arrays;  // the first is the launch's
  const std::function<void()>* body = nullptr;
  std::exception_ptr failed;
  std::minstd_rand order;
};
Block block;

void enter() {
  try {
    (*block.body)();
  } catch (...) {
    block.failed = std::current_exception();
  }
  block.threads[block.running].done = true;
}

void resume(unsigned id) {
  Thread& thread = block.threads[id];
  block.running = id;
  threadIdx = thread.at;
  thread.waits_at = nullptr;
  swapcontext(&block.outside, &thread.context);
  if (block.failed) std::rethrow_exception(block.failed);
}

void meet(Meeting& meeting, int line) {
  if (meeting.arrived == 0) meeting.line = line;
  require(meeting.line == line,
          "threads wait for each other at lines " + std::to_string(meeting.line) + " and " + std::to_string(line));
  if (++meeting.arrived == meeting.size) {
    meeting.arrived = 0;
    ++meeting.number;
    return;
  }
  Thread& thread = block.threads[block.running];
  thread.waits_at = &meeting;
  thread.waits_for = meeting.number;
  swapcontext(&thread.context, &block.outside);
}

Warp& warp_of(unsigned mask) {
  require(mask == kWholeWarp, "only whole warps are known");
  return block.warps[block.running / kWarp];
}

std::size_t end_of(const SharedArray& array) { return (array.begin + array.bytes + kGap + 15) / 16 * 16; }

std::byte* add_array(const char* key, std::size_t bytes) {
  std::size_t all = bytes;
  for (const SharedArray& each : block.arrays) all += each.bytes;
  require(all <= kSharedBytes, std::to_string(all) + " bytes of shared memory in a block");
  block.arrays.push_back({key, block.arrays.empty() ? 0 : end_of(block.arrays.back()), bytes});
  require(end_of(block.arrays.back()) <= block.shared.size(), "too many arrays of shared memory");
  return block.shared.data() + block.arrays.back().begin;
}

void prepare_block(const Launch& launch) {
  std::fill(block.shared.begin(), block.shared.end(), kUntouched);
  block.arrays.clear();
  add_array(nullptr, launch.shared_bytes);
  block.failed = nullptr;
  const auto count = static_cast<unsigned>(block.threads.size());
  block.meeting = {count};
  block.warps.assign((count + kWarp - 1) / kWarp, {});
  for (unsigned w = 0; w < block.warps.size(); ++w) block.warps[w].meeting = {std::min(kWarp, count - w * kWarp)};
  for (unsigned id = 0; id < count; ++id) {
    Thread& thread = block.threads[id];
    if (!thread.stack) thread.stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
    thread.at = {id % launch.threads.x, id / launch.threads.x % launch.threads.y,
                 id / launch.threads.x / launch.threads.y};
    thread.done = false;
    thread.waits_at = nullptr;
    getcontext(&thread.context);
    thread.context.uc_stack.ss_sp = thread.stack.get();
    thread.context.uc_stack.ss_size = kStackBytes;
    thread.context.uc_link = &block.outside;
    makecontext(&thread.context, enter, 0);
  }
}

[[noreturn]] void say_who_waits() {
  int waiting = 0, line = 0;
  for (const Thread& each : block.threads) {
    if (each.done) continue;
    ++waiting;
    line = each.waits_at->line;
  }
  throw std::runtime_error("stand-in for CUDA: the barrier at line " + std::to_string(line) +
                           " is not reached by all: " + std::to_string(waiting) + " of " +
                           std::to_string(block.threads.size()) + " threads wait");
}

void run_block(std::vector<unsigned>& turns) {
  for (std::size_t left = turns.size(); left > 0;) {
    std::shuffle(turns.begin(), turns.end(), block.order);
    bool went_on = false;
    for (const unsigned id : turns) {
      if (block.threads[id].done || block.threads[id].waits()) continue;
      went_on = true;
      resume(id);
      if (block.threads[id].done) --left;
    }
    if (!went_on) say_who_waits();
  }
}

void check_gaps() {
  for (std::size_t i = 0; i < block.arrays.size(); ++i) {
    const auto begin =
        block.shared.begin() + static_cast<std::ptrdiff_t>(block.arrays[i].begin + block.arrays[i].bytes);
    const auto end = block.shared.begin() + static_cast<std::ptrdiff_t>(end_of(block.arrays[i]));
    require(std::all_of(begin, end, [](std::byte each) { return each == kUntouched; }),
            "written behind an array of shared memory of " + std::to_string(block.arrays[i].bytes) + " bytes");
  }
}

void check_limits(const Launch& launch) {
  const dim3 &grid = launch.grid, &threads = launch.threads;
  const auto text = [](const dim3& of) {
    return std::to_string(of.x) + " x " + std::to_string(of.y) + " x " + std::to_string(of.z);
  };
  require(grid.x >= 1 && grid.y >= 1 && grid.z >= 1 && grid.x <= 0x7fffffffu && grid.y <= 65535 && grid.z <= 65535,
          "a grid of " + text(grid) + " blocks");
  require(threads.x >= 1 && threads.y >= 1 && threads.z >= 1 && threads.x <= 1024 && threads.y <= 1024 &&
              threads.z <= 64 && threads.x * threads.y * threads.z <= 1024,
          "a block of " + text(threads) + " threads");
  require(launch.shared_bytes <= kSharedBytes,
          std::to_string(launch.shared_bytes) + " bytes of shared memory in a block");
}

}  // namespace

std::byte* shared_memory(const char& key, std::size_t bytes) {
  for (const SharedArray& each : block.arrays) {
    if (each.key == &key) return block.shared.data() + each.begin;
  }
  return add_array(&key, bytes);
}

std::byte* dynamic_shared_memory() { return block.shared.data(); }

void meet_block(int line) { meet(block.meeting, line); }
void meet_warp(unsigned mask, int line) { meet(warp_of(mask).meeting, line); }

std::uint64_t from_below(unsigned mask, std::uint64_t value, unsigned distance, int width, int line) {
  Warp& warp = warp_of(mask);
  require(width == kWarp && warp.meeting.size == kWarp, "only whole warps are known");
  auto& given = warp.given[warp.meeting.number % 2];
  const unsigned lane = block.running % kWarp;
  given[lane] = value;
  meet(warp.meeting, line);
  return lane + distance < kWarp ? given[lane + distance] : value;
}

void run(const Launch& launch, const std::function<void()>& thread) {
  check_limits(launch);
  gridDim = launch.grid;
  blockDim = launch.threads;
  block.body = &thread;
  block.threads.resize(launch.threads.x * launch.threads.y * launch.threads.z);
  std::vector<unsigned> turns(block.threads.size());
  std::iota(turns.begin(), turns.end(), 0u);
  std::vector<std::uint64_t> blocks(std::uint64_t{launch.grid.x} * launch.grid.y * launch.grid.z);
  std::iota(blocks.begin(), blocks.end(), std::uint64_t{0});
  std::shuffle(blocks.begin(), blocks.end(), block.order);
  for (const std::uint64_t i : blocks) {
    const std::uint64_t row = i / launch.grid.x;
    blockIdx = {static_cast<unsigned>(i % launch.grid.x), static_cast<unsigned>(row % launch.grid.y),
                static_cast<unsigned>(row / launch.grid.y)};
    prepare_block(launch);
    run_block(turns);
    check_gaps();
  }
}

}  // namespace cuda_stand_in
