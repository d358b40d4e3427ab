// What a second process brings: a step of one process with the whole batch, and of two with half of it each.
#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "pipelines/bench.h"
#include "runtime/processes.h"
#include "ssl/method.h"
#include "train/gradient_exchange.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kBatch = 8;  // of all ranks together

std::unique_ptr<ssl::Method> made_method(std::int64_t patch) {
  at::manual_seed(1);
  const models::Input input{1, {patch, patch, patch}, {1, 1, 1}};
  return ssl::method_named("simclr").settings()->make({models::encoder_named("resenc").settings()->make(input), input});
}

// This rank's samples of a batch of noise, the same for any number of ranks.
data::Batch part_of_batch(std::int64_t patch, const runtime::Comm& comm) {
  const std::int64_t size = kBatch / comm.size();
  data::Batch batch;
  for (int view = 0; view < 2; ++view) {
    const at::Tensor images = at::randn({kBatch, 1, patch, patch, patch});
    batch.views.push_back({});
    batch.views.back().images = images.narrow(0, comm.rank() * size, size);
  }
  batch.ids.resize(static_cast<std::size_t>(size));
  return batch;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Forward, backward, gradients over ranks, gradient descent. What is waited for after backward is what communication
// costs beyond what hides behind it.
BenchResult as_rank(const BenchOptions& options, runtime::Comm& comm) {
  at::set_num_threads(options.threads);
  const std::int64_t patch = std::max<std::int64_t>(16, options.size / 4);
  const auto method = made_method(patch);
  method->use(comm);
  const data::Batch batch = part_of_batch(patch, comm);
  const train::Parameters parameters = method->phases().front().parameters;
  train::GradientExchange exchange(parameters, comm);
  std::vector<double> steps, waits;
  double loss = 0;
  for (int step = 0; step <= options.repeats + 1; ++step) {
    comm.barrier();
    const double start = wall_seconds();
    for (const train::Parameter& each : parameters) each.tensor.mutable_grad() = at::Tensor();
    exchange.begin();
    at::Tensor own = method->step(0, batch, {}).loss;
    own.backward();
    const double after_backward = wall_seconds();
    exchange.finish();
    const double after_exchange = wall_seconds();
    const at::NoGradGuard no_gradient;
    for (const train::Parameter& each : parameters) at::Tensor(each.tensor).add_(each.tensor.grad(), -0.01);
    const double end = wall_seconds();
    own = own.detach();
    comm.all_reduce_sum(own);
    loss = own.item<double>() / comm.size();
    if (step < 2) continue;  // the first two make memory and learn which gradients come
    steps.push_back(end - start);
    waits.push_back(after_exchange - after_backward);
  }
  BenchResult result{fmt::format("rank {} of {}", comm.rank(), comm.size()), kBatch, "sample", "", "", median(steps)};
  result.numbers = {{"loss", loss}, {"wait_s", median(waits)}};
  return result;
}

int free_port() {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  const bool found = ::bind(socket, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(socket);
  if (!found) throw core::Error("bench ranks: this machine has no free port");
  return ntohs(address.sin_port);
}

struct Timed {
  double step_s = 0, wait_s = 0, loss = 0;
};

// This workload again in `ranks` processes; what rank 0 tells.
Timed in_processes(const BenchOptions& options, int ranks) {
  const fs::path gadolin = fs::read_symlink("/proc/self/exe").parent_path() / "gadolin";
  const int port = free_port();
  std::vector<FILE*> pipes;
  for (int rank = 0; rank < ranks; ++rank) {
    const std::string line = fmt::format(
        "RANK={0} LOCAL_RANK={0} WORLD_SIZE={1} MASTER_ADDR=127.0.0.1 MASTER_PORT={2} OMP_NUM_THREADS={3} '{4}' bench "
        "ranks --json --threads {3} --size {5} --repeats {6}",
        rank, ranks, port, options.threads, gadolin.string(), options.size, options.repeats);
    pipes.push_back(::popen(line.c_str(), "r"));
  }
  std::string told;
  bool well = true;
  for (FILE* const pipe : pipes) {
    std::string text;
    char buffer[4096];
    for (std::size_t got = 0; pipe != nullptr && (got = ::fread(buffer, 1, sizeof buffer, pipe)) > 0;)
      text.append(buffer, got);
    well = pipe != nullptr && ::pclose(pipe) == 0 && well;
    if (told.empty()) told = std::move(text);
  }
  if (!well) throw core::Error("bench ranks: a process failed", "its own message stands above");
  const boost::json::value all = boost::json::parse(told);
  const boost::json::value& one = all.at("results").at(0);
  return {one.at("ours_s").to_number<double>(), one.at("numbers").at("wait_s").to_number<double>(),
          one.at("numbers").at("loss").to_number<double>()};
}

std::vector<BenchResult> run(const BenchOptions& options) {
  if (runtime::ranks_from_environment()) return {as_rank(options, *runtime::comm_from_environment())};
  constexpr int kRanks = 2;
  std::vector<double> one_s, ranks_s, waits;
  for (int turn = 0; turn < std::min(3, options.repeats); ++turn) {
    const Timed one = in_processes(options, 1), several = in_processes(options, kRanks);
    require_equal(std::abs(one.loss - several.loss) <= 1e-4 * std::abs(one.loss), "ranks: the loss after all steps");
    one_s.push_back(one.step_s);
    ranks_s.push_back(several.step_s);
    waits.push_back(several.wait_s);
  }
  BenchResult result{fmt::format("simclr, {} samples on {} processes", kBatch, kRanks),
                     kBatch,
                     "sample",
                     "one process with all samples",
                     fmt::format("one process, {} times as fast", kRanks),
                     median(ranks_s),
                     median(one_s),
                     median(one_s) / kRanks};
  const double share = median(waits) / result.ours_s;
  result.numbers = {{"efficiency", result.limit_s / result.ours_s}, {"wait_share", share}};
  result.note = fmt::format(
      "ranks: \"of limit\" is the efficiency, t(1 process) / ({} t({} processes)), each of so many threads and all "
      "with "
      "the same {} samples a step; {:.1f} % of a step waits for gradients after backward",
      kRanks, kRanks, kBatch, 100 * share);
  return {std::move(result)};
}

}  // namespace

extern const Workload ranks_workload;
const Workload ranks_workload{
    "ranks", "a training step of two processes beside one with the same batch; under torchrun: the ranks there are",
    run};

}  // namespace pipelines
