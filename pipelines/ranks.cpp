#include "pipelines/ranks.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/log.h"
#include "runtime/device.h"
#include "runtime/processes.h"

namespace pipelines {

std::unique_ptr<runtime::Comm> meet_ranks(double reply_s, c10::Device device) {
  runtime::Patience patience;
  patience.reply_s = reply_s;
  patience.meet_s = std::max(patience.meet_s, reply_s);
  std::unique_ptr<runtime::Comm> comm = runtime::comm_from_environment(patience, device);
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

core::Exit as_rank(const runtime::Comm& comm, const std::function<core::Exit()>& body) {
  return comm.size() == 1 ? body() : core::with_context(fmt::format("rank {}", comm.rank()), body);
}

double told_by_rank_zero(runtime::Comm& comm, const std::function<double()>& say) {
  const double own = comm.rank() == 0 ? say() : 0;
  if (comm.size() == 1) return own;
  comm.barrier();
  at::Tensor told = at::full({1}, own, at::kDouble);
  comm.broadcast(told, 0);
  return told.item<double>();
}

void add_rank_timeout(CLI::App& app, double& seconds) {
  app.add_option("--rank-timeout", seconds,
                 "seconds that one of several ranks may leave the others without an answer; files may take longer")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 1e6))
      ->type_name("S");
}

}  // namespace pipelines
