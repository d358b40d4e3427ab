#pragma once
// Peers that are Python packages: a script of tests/bench reads the same bytes in a process of its own, compares, then
// times (tests/bench/peers.sh makes its environment).

#include <filesystem>
#include <string>
#include <vector>

namespace pipelines {

struct PeerTimes {
  std::string name;
  double bytes = 0;               // on disk
  double warm_s = 0, cold_s = 0;  // medians
};

// Runs PEERS/.venv's python with PEERS/SCRIPT, `folder` and `repeats`. Throws Error when it cannot, when a peer's
// voxels or those that it read of ours differ.
std::vector<PeerTimes> python_peers(const std::filesystem::path& peers, const std::string& script,
                                    const std::filesystem::path& folder, int repeats);

}  // namespace pipelines
