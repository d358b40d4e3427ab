#pragma once
// What is kept of the step at which a run ends because it has no finite loss or gradient: enough to see what was in it
// and to do it again.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/batch.h"
#include "train/learner.h"

namespace train {

inline constexpr const char* kFaultFormat = "gadolin-fault-1";

struct Fault {
  std::int64_t step = 0;  // updates before it
  std::int64_t epoch = 0;
  std::int64_t skips = 0;                  // steps in a row that went this way, itself among them
  std::string what;                        // "the loss is nan"
  std::map<std::string, at::Tensor> seen;  // "loss", "<phase>.gradient_norm" ... of this rank
  std::filesystem::path before;            // the checkpoint to do it again from; may be empty
};

// Writes FOLDER/fault-<step>/batch.safetensors (batch-rank<r> with several ranks) in the layout of runtime/archive.h
// and returns its path. Tensors: all of the batch ("view0.images" ...), with the numbers of its samples, from which and
// data.seed every draw follows. Facts: `facts` of the run, the fault, the case ids, and the parameters whose gradient,
// as it is now, is not finite. Throws Error when it cannot be written.
std::filesystem::path write_fault(const std::filesystem::path& folder, const std::map<std::string, std::string>& facts,
                                  const Fault& fault, const data::Batch& batch, const std::vector<Phase>& phases,
                                  int rank = 0, int ranks = 1);

}  // namespace train
