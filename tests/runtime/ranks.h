#pragma once
// Tests whose body runs in several processes that are ranks of one another.

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

#include "../processes.h"
#include "../scratch.h"
#include "runtime/processes.h"

// Runs the test at hand again in `size` processes that come to the body as ranks; their exit codes.
inline std::vector<int> as_ranks(int size, double reply_s, const std::function<void(runtime::Comm&)>& body) {
  if (std::getenv("RANK") != nullptr) {
    body(*runtime::comm_from_environment({60, reply_s}));
    return std::vector<int>(static_cast<std::size_t>(size), 0);
  }
  const Scratch folder;
  const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string filter = std::string("--gtest_filter=") + test->test_suite_name() + "." + test->name();
  const int port = free_port();
  std::vector<pid_t> children;
  for (int rank = 0; rank < size; ++rank)
    children.push_back(
        start({"/proc/self/exe", filter}, rank_environment(rank, size, port), folder / std::to_string(rank)));
  std::vector<int> ends;
  for (int rank = 0; rank < size; ++rank) {
    ends.push_back(end_of(children[static_cast<std::size_t>(rank)]));
    if (ends.back() != 0) std::printf("rank %d:\n%s\n", rank, bytes_of(folder / std::to_string(rank)).c_str());
  }
  return ends;
}
