#include "train/run_state.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "runtime/device.h"
#include "runtime/generators.h"

namespace train {
namespace {

// Keeps the seeds of ranks apart where a run goes on with another number of them.
constexpr std::uint64_t kMostRanks = 65536;
const char* const kOfLossScale = "loss_scale/";
constexpr std::size_t kMisfitsTold = 5;  // weights that do not fit, told by name
const char* const kOtherFolder = "it was made by another network; train into another folder";

std::vector<Optimiser> optimisers_of(const std::vector<Phase>& phases, const TrainerSettings& settings) {
  GADOLIN_CHECK(!phases.empty());
  std::vector<Optimiser> optimisers;
  for (const Phase& phase : phases) optimisers.emplace_back(phase, settings);
  return optimisers;
}

// The archive of every rank, on every rank.
std::vector<runtime::Archive> gather_archives(const runtime::Archive& own, runtime::Comm& comm, c10::Device device) {
  if (comm.size() == 1) return {own};
  const std::string bytes = runtime::pack_archive(own);
  at::Tensor sizes = at::zeros({comm.size()}, at::kLong);
  sizes[comm.rank()] = static_cast<std::int64_t>(bytes.size());
  sizes = sizes.to(device);
  comm.all_reduce_sum(sizes);
  sizes = sizes.cpu();
  at::Tensor padded = at::zeros({sizes.max().item<std::int64_t>()}, at::kByte);
  std::memcpy(padded.data_ptr(), bytes.data(), bytes.size());
  const at::Tensor all = comm.all_gather(padded.to(device)).cpu();
  std::vector<runtime::Archive> archives;
  for (int rank = 0; rank < comm.size(); ++rank) {
    const auto* const begin = static_cast<const char*>(all.const_data_ptr()) + rank * padded.numel();
    archives.push_back(runtime::unpack_archive({begin, static_cast<std::size_t>(sizes[rank].item<std::int64_t>())}));
  }
  return archives;
}

bool all_equal(const std::vector<runtime::Archive>& archives) {
  return std::all_of(archives.begin() + 1, archives.end(), [&](const runtime::Archive& each) {
    return runtime::pack_archive(each) == runtime::pack_archive(archives.front());
  });
}

TensorsByName below(const std::string& prefix, const TensorsByName& all) {
  TensorsByName found;
  for (const auto& [name, tensor] : all) {
    if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  }
  return found;
}

// The sums of one rank; of all ranks their mean, which is what a row of metrics.csv makes of them.
TensorsByName sums_of(const Checkpoint& checkpoint, std::optional<std::size_t> rank) {
  TensorsByName sums;
  const auto ranks = static_cast<double>(checkpoint.generators.size());
  for (const auto& [name, sum] : checkpoint.sums) {
    const std::size_t slash = name.find('/');
    if (rank && name.substr(0, slash) != std::to_string(*rank)) continue;
    at::Tensor& own = sums[name.substr(slash + 1)];
    const at::Tensor share = rank ? sum : sum / ranks;
    own = own.defined() ? own + share : share;
  }
  return sums;
}

}  // namespace

RunState::RunState(Learner& learner, data::BatchSource& source, const TrainerSettings& settings, c10::Device device,
                   runtime::Comm& comm)
    : phases(learner.phases()),
      optimisers(optimisers_of(phases, settings)),
      average(phases, settings.ema_decay),
      loss_scale(device),
      sums(device),
      learner_(learner),
      source_(source),
      device_(device),
      comm_(comm) {
  // The last phase that changes a parameter moves its average.
  for (auto each = optimisers.rbegin(); each != optimisers.rend(); ++each) each->keep(average);
}

void RunState::begin(std::uint64_t seed) {
  if (comm_.size() > 1) {
    const at::NoGradGuard no_gradient;
    for (const auto& [name, weight] : learner_.weights()) {
      at::Tensor values = weight.detach();
      comm_.broadcast(values, 0);
    }
    average.load(TensorsByName([&] {
      TensorsByName weights;
      for (const auto& [name, weight] : learner_.weights()) weights[name] = weight.detach();
      return weights;
    }()));
  }
  runtime::seed_generators(device_, seed + static_cast<std::uint64_t>(comm_.rank()));
}

Checkpoint RunState::take() const {
  Checkpoint checkpoint;
  checkpoint.step = step;
  checkpoint.epoch = epoch;
  checkpoint.position = source_.position();
  checkpoint.threads = runtime::set_threads(0);
  for (const auto& [name, weight] : learner_.weights()) {
    if (!checkpoint.weights.emplace(name, weight.detach()).second) {
      throw core::Error("two weights are named " + name);
    }
  }
  for (std::size_t p = 0; p < phases.size(); ++p) {
    for (auto& [name, tensor] : optimisers[p].state()) checkpoint.optimiser[phases[p].name + "/" + name] = tensor;
  }
  for (auto& [name, tensor] : loss_scale.state()) checkpoint.optimiser[kOfLossScale + name] = tensor;
  checkpoint.average = average.state();
  runtime::Archive learner, own;
  learner_.save(learner);
  checkpoint.learner = gather_archives(learner, comm_, device_);
  if (all_equal(checkpoint.learner)) checkpoint.learner.resize(1);
  own.tensors["generator"] = runtime::generator_state(device_);
  for (const auto& [name, sum] : sums.state()) own.tensors["sums/" + name] = sum;
  const std::vector<runtime::Archive> ranks = gather_archives(own, comm_, device_);
  for (std::size_t rank = 0; rank < ranks.size(); ++rank) {
    for (const auto& [name, tensor] : ranks[rank].tensors) {
      if (name == "generator") {
        checkpoint.generators.push_back(tensor);
      } else {
        checkpoint.sums[std::to_string(rank) + name.substr(name.find('/'))] = tensor;
      }
    }
  }
  return checkpoint;
}

void RunState::put_back_weights(const TensorsByName& weights) {
  const at::NoGradGuard no_gradient;
  const NamedTensors own = learner_.weights();
  std::string misfits;
  std::size_t count = 0;
  for (const auto& [name, weight] : own) {
    const auto found = weights.find(name);
    if (found != weights.end() && found->second.sizes() == weight.sizes()) continue;
    if (++count > kMisfitsTold) continue;
    misfits += (misfits.empty() ? "weight " : ", weight ") + name +
               (found == weights.end() ? " is not in it" : " has another shape");
  }
  if (count > 0) {
    const std::string more = count > kMisfitsTold ? " and " + std::to_string(count - kMisfitsTold) + " more" : "";
    throw core::usage_error("the checkpoint of the run does not fit: " + misfits + more, kOtherFolder);
  }
  if (own.size() != weights.size()) {
    throw core::usage_error("the checkpoint of the run does not fit: it has " + std::to_string(weights.size()) +
                                " weights, the network has " + std::to_string(own.size()),
                            kOtherFolder);
  }
  for (const auto& [name, weight] : own) at::Tensor(weight).copy_(weights.at(name));
}

void RunState::put_back_ranks(const Checkpoint& checkpoint) {
  static const runtime::Archive kNothing;
  const auto& states = checkpoint.learner;
  const auto rank = static_cast<std::size_t>(comm_.rank());
  const std::size_t before = checkpoint.generators.size(), now = static_cast<std::size_t>(comm_.size());
  if (before == now) {
    learner_.load(states.empty() ? kNothing : states[states.size() == 1 ? 0 : rank]);
    sums.load(sums_of(checkpoint, rank));
    runtime::set_generator_state(device_, checkpoint.generators[rank]);
    return;
  }
  const std::string story = "the run was begun on " + std::to_string(before) + " ranks, not " + std::to_string(now);
  if (states.size() > 1)
    throw core::usage_error(story + ", and each has kept something else", "go on with as many ranks as before");
  core::log_info(story + "; it goes on with the same batches, and what is drawn in training is drawn anew");
  learner_.load(states.empty() ? kNothing : states.front());
  sums.load(sums_of(checkpoint, std::nullopt));
  runtime::seed_generators(device_, static_cast<std::uint64_t>(step) * kMostRanks + rank);
}

void RunState::put_back(const Checkpoint& checkpoint) {
  put_back_weights(checkpoint.weights);
  for (std::size_t p = 0; p < phases.size(); ++p) optimisers[p].load(below(phases[p].name + "/", checkpoint.optimiser));
  loss_scale.load(below(kOfLossScale, checkpoint.optimiser));
  average.load(checkpoint.average);
  const int before = runtime::set_threads(0);
  if (runtime::set_threads(checkpoint.threads) != before) {
    core::log_info("the run was begun with " + std::to_string(checkpoint.threads) +
                   " torch threads and goes on with as many");
  }
  step = checkpoint.step;
  epoch = checkpoint.epoch;
  source_.seek(checkpoint.position);
  put_back_ranks(checkpoint);
}

}  // namespace train
