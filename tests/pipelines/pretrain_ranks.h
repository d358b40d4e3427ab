#pragma once
// gadolin as the ranks of one run.

#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "../processes.h"
#include "../scratch.h"
#include "tiny_store.h"

namespace ranks {

namespace fs = std::filesystem;

inline const std::string kSteps =
    " --set method.name=simclr --set trainer.warmup_steps=2 --set trainer.log_every=1 --set watch.every_steps=0";

struct Ended {
  int exit = -1;
  std::string said;
};

// Processes that run one command as the ranks of a run.
class Ranks {
 public:
  Ranks(const Scratch& scratch, int size, const std::function<std::string(int)>& arguments) : scratch_(scratch) {
    const int port = size > 1 ? free_port() : 0;
    for (int rank = 0; rank < size; ++rank) {
      const std::string line = std::string("exec ") + GADOLIN_BINARY + " " + arguments(rank);
      const auto environment = size > 1 ? rank_environment(rank, size, port) : std::vector<std::string>{};
      children_.push_back(start({"/bin/sh", "-c", line}, environment, said(rank)));
    }
  }
  pid_t operator[](std::size_t rank) const { return children_[rank]; }
  std::vector<Ended> wait() const {
    std::vector<Ended> ends;
    for (std::size_t rank = 0; rank < children_.size(); ++rank)
      ends.push_back({end_of(children_[rank]), bytes_of(said(static_cast<int>(rank)))});
    return ends;
  }

 private:
  fs::path said(int rank) const { return scratch_ / ("said-" + std::to_string(rank)); }
  const Scratch& scratch_;
  std::vector<pid_t> children_;
};

inline std::function<std::string(int)> pretraining(const Scratch& folder, const std::string& out,
                                                   const std::string& more) {
  return [=, &folder](int) {
    return "pretrain " + quoted(folder / "store") + " --out " + quoted(folder / out) + tiny::kSmall + kSteps + more;
  };
}

inline void wait_for(const fs::path& file) {
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(120);
  while (!fs::exists(file) && std::chrono::steady_clock::now() < patience)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  ASSERT_TRUE(fs::exists(file)) << file;
}

}  // namespace ranks
