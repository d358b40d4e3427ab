#pragma once
// A workload of `gadolin bench` is one file bench_NAME.cpp that exports one entry, and one X line in bench.cpp.
//
// Each compares first: what a peer computes from the same bytes must be equal, or it throws and nothing is timed. Then
// ours, the peer and the limit are timed in turn, in one run, on the threads asked for.

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pipelines {

struct BenchOptions {
  std::int64_t size = 128;  // voxels of an edge
  int repeats = 7;
  int threads = 1;
  std::string peers = {};  // folder of the peers that are Python packages (bench_peers.h); empty: without them
};

struct BenchResult {
  std::string what;         // "linear 1 mm -> 1.43 mm"
  double amount = 0;        // of work, in `unit`
  std::string unit;         // "Mvoxel"
  std::string peer, limit;  // who else did it; what bounds it; empty when there is none
  double ours_s = 0, peer_s = 0, limit_s = 0;
  std::string note = {};                       // told below the table
  std::map<std::string, double> numbers = {};  // more that was measured, for --json
};

struct Workload {
  const char* name;
  const char* help;
  std::vector<BenchResult> (*run)(const BenchOptions&);
};

double wall_seconds();
double processor_seconds();  // of this process: whatever else the machine does

std::string processor_name();

double median(std::vector<double> values);  // of one at least

// The median of the seconds that each takes, taken in turn so that a busy moment meets all of them. `now` tells seconds
// of another clock than the one on the wall.
std::vector<double> median_seconds(const std::vector<std::function<void()>>& bodies, int repeats,
                                   const std::function<double()>& now = wall_seconds);

// Throws Error telling that ours and the peer differ: nothing is timed then.
void require_equal(bool equal, const std::string& what);

}  // namespace pipelines
