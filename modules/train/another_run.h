#pragma once
// Whether a checkpoint is one of this run.

#include <map>
#include <string>

#include "train/trainer.h"

namespace train {

// Throws usage Error naming what differs: settings by value, with `run.defaults` for those that the checkpoint does not
// know; "data" and "architecture" as they stand; "init", where the run says it. What only the checkpoint knows was
// taken out of gadolin since: it is told in the log.
void refuse_another_run(const std::map<std::string, std::string>& found, const RunFolder& run);

}  // namespace train
