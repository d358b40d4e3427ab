#include "pipelines/ranks.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "runtime/device.h"
#include "runtime/processes.h"

namespace pipelines {

std::unique_ptr<runtime::Comm> meet_ranks(double reply_s) {
  runtime::Patience patience;
  patience.reply_s = reply_s;
  patience.meet_s = std::max(patience.meet_s, reply_s);
  std::unique_ptr<runtime::Comm> comm = runtime::comm_from_environment(patience);
  if (comm->rank() > 0) {
    core::set_log_prefix(fmt::format("[rank {}] ", comm->rank()));
    core::set_log_level(std::max(core::log_level(), core::LogLevel::kWarn));
  }
  return comm;
}

c10::Device device_of_rank(const std::string& name) {
  const c10::Device device = runtime::device_named(name);
  const auto ranks = runtime::ranks_from_environment();
  if (!device.is_cuda() || name.find(':') != std::string::npos || !ranks || ranks->size == 1) return device;
  return runtime::device_named(fmt::format("cuda:{}", ranks->local_rank));
}

std::int64_t share_of_batch(std::int64_t batch_size, int ranks) {
  if (batch_size % ranks != 0)
    throw core::usage_error(fmt::format("a batch of {} cannot be shared evenly by {} ranks", batch_size, ranks),
                            fmt::format("data.batch_size counts the samples of all ranks together: --set "
                                        "data.batch_size={}",
                                        (batch_size / ranks + 1) * ranks));
  return batch_size / ranks;
}

void refuse_ranks(const std::string& command) {
  const auto ranks = runtime::ranks_from_environment();
  if (ranks && ranks->size > 1)
    throw core::usage_error(fmt::format("{} runs as one process, and this is one of {}", command, ranks->size),
                            "start it without torchrun, srun or mpirun; pretrain is what runs as several");
}

}  // namespace pipelines
