#pragma once
// What doctor finds out.

#include <string>
#include <vector>

namespace pipelines {

struct Finding {
  std::string name, value;
  bool good = true;
  std::string hint;  // what to do; a good one may have a remark
};

// Whether gadolin-worker is there and can read text in pixels. Empty in a build without imaging.
std::vector<Finding> examine_imaging();
// Torch's threads, devices, and whether a convolution computes what it should: on the processor against a plain loop in
// double, on each GPU against the processor. Empty in a build without torch.
std::vector<Finding> examine_torch();

}  // namespace pipelines
