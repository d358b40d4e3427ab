#pragma once
// A command as one of several processes: who talks, where it computes, what share of a batch is its own.

#include <c10/core/Device.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/error.h"
#include "runtime/comm.h"

namespace pipelines {

// Meets the other ranks when the environment tells of some (runtime/processes.h). From then on ranks other than 0 log
// warnings and errors alone, "[rank n]" before them. `reply_s`: how long a rank may leave a call unanswered. `device`:
// this rank's.
std::unique_ptr<runtime::Comm> meet_ranks(double reply_s, c10::Device device);

// The device a word names; where it names no number ("auto", "cuda"), each rank of a machine has a GPU of its own.
// Throws usage Error when there are fewer.
c10::Device device_of_rank(const std::string& name);

// Samples of one rank of a batch over all ranks. Throws usage Error when they cannot be shared evenly.
std::int64_t share_of_batch(std::int64_t batch_size, int ranks);

// Runs the command of this rank; with several, its errors begin with "rank n".
core::Exit as_rank(const runtime::Comm& comm, const std::function<core::Exit()>& body);

// What `say` says on rank 0, where alone it runs, on every rank; the others wait as long as it takes.
double told_by_rank_zero(runtime::Comm& comm, const std::function<double()>& say);

// --rank-timeout, of a command that runs as several ranks.
void add_rank_timeout(CLI::App& app, double& seconds);

}  // namespace pipelines
