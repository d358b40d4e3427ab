#include "runtime/processes.h"

#include <charconv>
#include <string_view>

#include "core/error.h"
#include "runtime/dispatch.h"
#include "runtime/nccl_comm.h"

namespace runtime {
namespace {

const char* const kHint =
    "start the ranks with torchrun --no-python, srun or mpirun, or unset what is left of such an environment";

class Launcher {
 public:
  Launcher(std::string name, const Environment& environment) : name_(std::move(name)), environment_(environment) {}

  bool sets(const char* variable) const { return environment_(variable) != nullptr; }
  std::string text(const char* variable) const {
    const char* const found = environment_(variable);
    if (found == nullptr || *found == '\0')
      throw core::usage_error(std::string("the environment is half that of ") + name_ + ": " + variable + " is not set",
                              kHint);
    return found;
  }
  int number(const char* variable, int from, int to) const {
    const std::string word = text(variable);
    int value = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (error != std::errc() || end != word.data() + word.size() || value < from || value > to)
      throw core::usage_error(std::string("the environment of ") + name_ + ": " + variable + " is '" + word +
                                  "', no number from " + std::to_string(from) + " to " + std::to_string(to),
                              kHint);
    return value;
  }
  Ranks ranks(const char* rank, const char* size, const char* local_rank) const {
    Ranks found;
    found.size = number(size, 1, kMost);
    found.rank = number(rank, 0, found.size - 1);
    found.local_rank = number(local_rank, 0, found.size - 1);
    return found;
  }

 private:
  static constexpr int kMost = 65536;
  std::string name_;
  const Environment& environment_;
};

constexpr int kLastPort = 65535;

Ranks of_torchrun(const Environment& environment) {
  const Launcher launcher("torchrun", environment);
  Ranks ranks = launcher.ranks("RANK", "WORLD_SIZE", "LOCAL_RANK");
  ranks.address = launcher.text("MASTER_ADDR");
  ranks.port = launcher.number("MASTER_PORT", 1, kLastPort);
  ranks.list_is_kept =
      launcher.sets("TORCHELASTIC_USE_AGENT_STORE") && launcher.text("TORCHELASTIC_USE_AGENT_STORE") == "True";
  if (launcher.sets("TORCHELASTIC_RESTART_COUNT")) ranks.attempt = launcher.text("TORCHELASTIC_RESTART_COUNT");
  return ranks;
}

Ranks of_srun(const Environment& environment) {
  const Launcher launcher("srun", environment);
  Ranks ranks = launcher.ranks("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID");
  if (ranks.size == 1) return ranks;
  ranks.address = launcher.text(launcher.sets("MASTER_ADDR") ? "MASTER_ADDR" : "SLURM_LAUNCH_NODE_IPADDR");
  if (launcher.sets("MASTER_PORT")) ranks.port = launcher.number("MASTER_PORT", 1, kLastPort);
  return ranks;
}

Ranks of_mpirun(const Environment& environment) {
  const Launcher launcher("mpirun", environment);
  Ranks ranks = launcher.ranks("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK");
  if (ranks.size == 1) return ranks;
  const bool one_machine = launcher.sets("OMPI_COMM_WORLD_LOCAL_SIZE") &&
                           launcher.number("OMPI_COMM_WORLD_LOCAL_SIZE", 1, ranks.size) == ranks.size;
  ranks.address = one_machine && !launcher.sets("MASTER_ADDR") ? "127.0.0.1" : launcher.text("MASTER_ADDR");
  if (launcher.sets("MASTER_PORT")) ranks.port = launcher.number("MASTER_PORT", 1, kLastPort);
  return ranks;
}

}  // namespace

std::optional<Ranks> ranks_from_environment(const Environment& environment) {
  const auto sets = [&](const char* variable) { return environment(variable) != nullptr; };
  if (sets("RANK") || sets("WORLD_SIZE")) return of_torchrun(environment);
  // The shell of an allocation has SLURM_NTASKS and is no task.
  if (sets("SLURM_PROCID")) return of_srun(environment);
  if (sets("OMPI_COMM_WORLD_RANK") || sets("OMPI_COMM_WORLD_SIZE")) return of_mpirun(environment);
  return std::nullopt;
}

std::unique_ptr<Comm> comm_from_environment(const Patience& patience, c10::Device device) {
  const std::optional<Ranks> ranks = ranks_from_environment();
  if (!ranks || ranks->size == 1) return alone();
  std::unique_ptr<Comm> comm = meet(*ranks, patience);
  if constexpr (kCudaKernels) {
    if (device.is_cuda()) return over_nccl(std::move(comm), device);
  }
  return comm;
}

}  // namespace runtime
