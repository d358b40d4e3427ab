#include "runtime/processes.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <map>
#include <thread>

#include "comm_bodies.h"
#include "ranks.h"

namespace {

using Variables = std::map<std::string, std::string>;

std::optional<runtime::Ranks> ranks_of(const Variables& variables) {
  return runtime::ranks_from_environment([&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

TEST(Processes, TheGradientOfAGlobalBatchLossIsThatOfOneProcess) {
  for (const int end : as_ranks(2, 60, expect_the_gradient_of_one_process)) EXPECT_EQ(end, 0);
}

TEST(Processes, ReduceGatherAndBroadcastInTheOrderOfRanks) {
  for (const int end : as_ranks(3, 60, expect_sums_parts_and_values_in_the_order_of_ranks)) EXPECT_EQ(end, 0);
}

TEST(Processes, SumsUnderWayHaveTheBitsOfThoseWaitedForWhateverIsCalledBetween) {
  for (const int end : as_ranks(3, 60, expect_sums_under_way_to_have_the_bits_of_those_waited_for)) EXPECT_EQ(end, 0);
}

TEST(Processes, ASumWithAnotherShapeIsAnErrorOnAllRanks) {
  const auto ends = as_ranks(2, 60, [](runtime::Comm& comm) {
    const auto wrong = comm.begin_sum(at::ones({comm.rank() + 1}));
    EXPECT_NE(error_of([&] { wrong->wait(); }).find("different shapes"), std::string::npos);
    at::Tensor right = at::ones({3});
    comm.begin_sum(right)->wait();  // they go on together
    EXPECT_EQ(right[0].item<float>(), 2);
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

TEST(Processes, AnotherShapeOrAnotherCallIsAnErrorOnAllRanks) {
  const auto ends = as_ranks(2, 60, [](runtime::Comm& comm) {
    at::Tensor tensor = at::zeros({comm.rank() + 1});
    EXPECT_NE(error_of([&] { comm.all_reduce_sum(tensor); }).find("different shapes"), std::string::npos);
    at::Tensor same = at::ones({3});
    const std::string other = error_of([&] { comm.rank() == 0 ? comm.barrier() : comm.all_reduce_sum(same); });
    EXPECT_NE(other.find("do not do the same"), std::string::npos) << other;
    comm.all_reduce_sum(same);  // they go on together
    EXPECT_EQ(same[0].item<float>(), 2);
  });
  for (const int end : ends) EXPECT_EQ(end, 0);
}

void expect_the_others_to_name(int victim, const std::function<void(runtime::Comm&)>& call) {
  const auto ends = as_ranks(3, 30, [&](runtime::Comm& comm) {
    comm.barrier();
    if (comm.rank() == victim) ::raise(SIGKILL);
    const std::string error = error_of([&] {
      while (true) call(comm);
    });
    // On a busy machine another one may be late for the roll call and be named too.
    const auto end = error.find(" of 3 has ended");
    EXPECT_TRUE(end != std::string::npos && error.substr(0, end).find(std::to_string(victim)) != std::string::npos)
        << error;
    EXPECT_NE(error_of([&] { comm.barrier(); }), "") << "nothing more can be said";
  });
  if (std::getenv("RANK") != nullptr) return;
  for (int rank = 0; rank < 3; ++rank)
    EXPECT_EQ(ends[static_cast<std::size_t>(rank)], rank == victim ? 128 + SIGKILL : 0) << rank;
}

void sum_at_once(runtime::Comm& comm) {
  at::Tensor tensor = at::ones({4});
  comm.all_reduce_sum(tensor);
}

TEST(Processes, AKilledRankIsNamedByTheOthers) { expect_the_others_to_name(1, sum_at_once); }

TEST(Processes, RankZeroToo) { expect_the_others_to_name(0, sum_at_once); }

TEST(Processes, AKilledRankIsNamedByThoseThatHaveASumUnderWay) {
  expect_the_others_to_name(2, [](runtime::Comm& comm) { comm.begin_sum(at::ones({4}))->wait(); });
}

TEST(Processes, ARankThatNobodyMeetsSaysWhereItWaited) {
  runtime::Ranks ranks;
  ranks.size = 2;
  ranks.address = "127.0.0.1";
  ranks.port = free_port();
  for (ranks.rank = 0; ranks.rank < 2; ++ranks.rank) {
    const std::string error = error_of([&] { runtime::meet(ranks, {1, 1}); });
    EXPECT_NE(error.find("not all of 2 ranks met at 127.0.0.1:" + std::to_string(ranks.port)), std::string::npos)
        << error;
  }
}

TEST(RanksFromEnvironment, AreThoseOfTorchrunSrunOrMpirun) {
  EXPECT_FALSE(ranks_of({}));
  EXPECT_FALSE(ranks_of({{"SLURM_NTASKS", "4"}})) << "the shell of an allocation is no task";
  Variables torchrun{
      {"RANK", "3"}, {"WORLD_SIZE", "4"}, {"LOCAL_RANK", "1"}, {"MASTER_ADDR", "node7"}, {"MASTER_PORT", "1234"}};
  auto ranks = ranks_of(torchrun);
  EXPECT_EQ(ranks->rank, 3);
  EXPECT_EQ(ranks->size, 4);
  EXPECT_EQ(ranks->local_rank, 1);
  EXPECT_EQ(ranks->address, "node7");
  EXPECT_EQ(ranks->port, 1234);
  EXPECT_FALSE(ranks->list_is_kept);
  torchrun["TORCHELASTIC_USE_AGENT_STORE"] = "True";
  torchrun["TORCHELASTIC_RESTART_COUNT"] = "2";
  EXPECT_TRUE(ranks_of(torchrun)->list_is_kept);
  EXPECT_EQ(ranks_of(torchrun)->attempt, "2");
  Variables srun{
      {"SLURM_PROCID", "5"}, {"SLURM_NTASKS", "8"}, {"SLURM_LOCALID", "1"}, {"SLURM_LAUNCH_NODE_IPADDR", "10.0.0.7"}};
  ranks = ranks_of(srun);
  EXPECT_EQ(ranks->rank, 5);
  EXPECT_EQ(ranks->size, 8);
  EXPECT_EQ(ranks->local_rank, 1);
  EXPECT_EQ(ranks->address, "10.0.0.7");
  EXPECT_EQ(ranks->port, 29500);
  srun["MASTER_ADDR"] = "node1";
  srun["MASTER_PORT"] = "77";
  EXPECT_EQ(ranks_of(srun)->address, "node1");
  EXPECT_EQ(ranks_of(srun)->port, 77);
  Variables mpirun{{"OMPI_COMM_WORLD_RANK", "1"},
                   {"OMPI_COMM_WORLD_SIZE", "2"},
                   {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                   {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}};
  EXPECT_EQ(ranks_of(mpirun)->address, "127.0.0.1");
  mpirun["MASTER_ADDR"] = "node1";
  EXPECT_EQ(ranks_of(mpirun)->address, "node1");
}

TEST(RanksFromEnvironment, NameWhatIsMissingOrNoNumber) {
  const auto expect_missing = [](const Variables& whole) {
    for (const auto& [name, value] : whole) {
      Variables half = whole;
      half.erase(name);
      const std::string error = error_of([&] { ranks_of(half); });
      EXPECT_NE(error.find(": " + name + " is not set"), std::string::npos) << error;
      half[name] = name.ends_with("ADDR") ? "" : "many";
      EXPECT_NE(error_of([&] { ranks_of(half); }).find(name), std::string::npos) << name;
    }
  };
  expect_missing({{"RANK", "0"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "0"}, {"MASTER_ADDR", "a"}, {"MASTER_PORT", "1"}});
  expect_missing({{"OMPI_COMM_WORLD_RANK", "0"},
                  {"OMPI_COMM_WORLD_SIZE", "2"},
                  {"OMPI_COMM_WORLD_LOCAL_RANK", "0"},
                  {"MASTER_ADDR", "a"}});
  const Variables srun{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "2"}, {"SLURM_LOCALID", "0"}};
  EXPECT_NE(error_of([&] { ranks_of(srun); }).find("SLURM_LAUNCH_NODE_IPADDR is not set"), std::string::npos);
  Variables outside{{"RANK", "2"}, {"WORLD_SIZE", "2"}, {"LOCAL_RANK", "0"}};
  EXPECT_NE(error_of([&] { ranks_of(outside); }).find("RANK is '2', no number from 0 to 1"), std::string::npos);
}

}  // namespace
