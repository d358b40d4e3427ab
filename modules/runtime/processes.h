#pragma once
// Ranks that are processes, on one machine or several: who they are, as the program that started them tells.

#include <c10/core/Device.h>

#include <cstdlib>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "runtime/comm.h"

namespace runtime {

struct Ranks {
  int rank = 0, size = 1;
  int local_rank = 0;         // among those of this machine: the number of its GPU
  std::string address;        // of the machine of rank 0
  int port = 29500;           // where its list of addresses is kept
  bool list_is_kept = false;  // by the program that started the ranks; otherwise rank 0 keeps it
  std::string attempt = "0";  // how often the ranks were started again; keeps the lists apart
};

// The value of a variable of the environment, nullptr when it is not set.
using Environment = std::function<const char*(const char*)>;

// What torchrun (RANK, WORLD_SIZE, LOCAL_RANK, MASTER_ADDR, MASTER_PORT), srun (SLURM_PROCID, SLURM_NTASKS,
// SLURM_LOCALID, SLURM_LAUNCH_NODE_IPADDR) or mpirun (OMPI_COMM_WORLD_RANK, _SIZE, _LOCAL_RANK, _LOCAL_SIZE) set;
// looked for in this order. Under the last two MASTER_ADDR and MASTER_PORT win when they are set. Nothing when none of
// them started this process. Throws usage Error that names what is missing or no number.
std::optional<Ranks> ranks_from_environment(const Environment& environment = ::getenv);

// How long a rank waits before it gives up.
struct Patience {
  double meet_s = 60;   // for all ranks to come in the beginning
  double reply_s = 60;  // for a rank to come to a call, barrier excepted; one whose process ends is noticed at once
};

// Meets the other ranks: TCPStore and Gloo of c10d. Tensors of a GPU go through the host's memory (nccl_comm.h is what
// spares them that). Throws Error when
// not all ranks come in time; its calls throw Error that names the ranks that have ended or do not answer, after which
// nothing more can be said. Silences c10d's own log unless TORCH_CPP_LOG_LEVEL is set.
std::unique_ptr<Comm> meet(const Ranks& ranks, const Patience& patience = {});

// meet() as the environment says; alone() when it says nothing or that there is one rank. With a CUDA device in a build
// with kernels, NCCL is used for what lies there.
std::unique_ptr<Comm> comm_from_environment(const Patience& patience = {}, c10::Device device = c10::kCPU);

}  // namespace runtime
