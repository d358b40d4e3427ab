#pragma once
// A command as one of several processes: who talks, where it computes, what share of a batch is its own.

#include <c10/core/Device.h>

#include <cstdint>
#include <memory>
#include <string>

#include "runtime/comm.h"

namespace pipelines {

// Meets the other ranks when the environment tells of some (runtime/processes.h). From then on ranks other than 0 log
// warnings and errors alone, "[rank n]" before them. `reply_s`: how long a rank may leave a call unanswered.
std::unique_ptr<runtime::Comm> meet_ranks(double reply_s);

// The device a word names; where it names no number ("auto", "cuda"), each rank of a machine has a GPU of its own.
// Throws usage Error when there are fewer.
c10::Device device_of_rank(const std::string& name);

// Samples of one rank of a batch over all ranks. Throws usage Error when they cannot be shared evenly.
std::int64_t share_of_batch(std::int64_t batch_size, int ranks);

// Throws usage Error when the environment tells of several ranks: for a command that would do its work in each of them.
void refuse_ranks(const std::string& command);

}  // namespace pipelines
