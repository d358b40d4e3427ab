#include "train/checkpoint.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "core/error.h"
#include "core/files.h"
#include "core/log.h"
#include "core/table.h"

namespace train {
namespace {

const std::string kStem = "checkpoint-";
const std::string kBestStem = "best-";
const std::string kSuffix = ".gadolin";
const std::string kFact = "run.";  // facts of the run; those without it are the checkpoint's own
const std::string kLearnerFact = "learner.";
const std::string kWatchFact = "watch.";

void put(runtime::Archive& archive, const std::string& group, const TensorsByName& tensors) {
  for (const auto& [name, tensor] : tensors) archive.tensors[group + "/" + name] = tensor;
}

// "group/rest" -> rest; nullopt for another group.
std::optional<std::string> rest_of(const std::string& name, const std::string& group) {
  if (!name.starts_with(group + "/")) return std::nullopt;
  return name.substr(group.size() + 1);
}

std::int64_t whole(const runtime::Archive& archive, const std::string& key) {
  const auto found = archive.facts.find(key);
  std::int64_t value = 0;
  if (found == archive.facts.end() ||
      std::from_chars(found->second.data(), found->second.data() + found->second.size(), value).ec != std::errc{}) {
    throw core::Error("the checkpoint says no " + key);
  }
  return value;
}

void put_best(runtime::Archive& archive, const Best& best) {
  if (best.step < 0) return;
  archive.facts["best.name"] = best.name;
  archive.facts["best.step"] = std::to_string(best.step);
  archive.facts["best.value"] = core::shortest(best.value);
}

Best best_of(const runtime::Archive& archive) {
  const auto name = archive.facts.find("best.name"), value = archive.facts.find("best.value");
  if (name == archive.facts.end() || value == archive.facts.end()) return {};
  return {name->second, whole(archive, "best.step"), std::strtod(value->second.c_str(), nullptr)};
}

void put_setbacks(runtime::Archive& archive, const Setbacks& setbacks) {
  if (setbacks.losses.defined()) archive.tensors["setbacks/losses"] = setbacks.losses;
  if (setbacks.spikes > 0) archive.facts["spikes"] = std::to_string(setbacks.spikes);
  if (setbacks.rewinds > 0) archive.facts["rewinds"] = std::to_string(setbacks.rewinds);
}

// "<rank>/rest" of a name; throws for what is none.
std::size_t rank_of(const std::string& name) {
  std::size_t rank = 0;
  if (std::from_chars(name.data(), name.data() + name.size(), rank).ec != std::errc{} || rank > 1'000'000) {
    throw core::Error("the checkpoint holds an entry of no rank: " + name);
  }
  return rank;
}

// The step in a name STEM<step>.gadolin; -1 for another name.
std::int64_t step_in(const std::filesystem::path& path, const std::string& stem) {
  const std::string name = path.filename().string();
  if (!name.starts_with(stem) || !name.ends_with(kSuffix)) return -1;
  const char* const begin = name.data() + stem.size();
  const char* const end = name.data() + name.size() - kSuffix.size();
  std::int64_t step = -1;
  return begin < end && std::from_chars(begin, end, step).ptr == end ? step : -1;
}

// Of a folder those with such a name, the newest first.
std::vector<std::filesystem::path> all_of(const std::filesystem::path& folder, const std::string& stem) {
  std::vector<std::filesystem::path> found;
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failed)) {
    if (step_in(entry.path(), stem) >= 0) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return step_in(a, stem) > step_in(b, stem); });
  return found;
}

runtime::Archive& learner_of(Checkpoint& checkpoint, std::size_t rank) {
  if (checkpoint.learner.size() <= rank) checkpoint.learner.resize(rank + 1);
  return checkpoint.learner[rank];
}

void take(Checkpoint& checkpoint, const std::string& name, const at::Tensor& tensor) {
  if (name.find('/') == std::string::npos) {
    checkpoint.weights[name] = tensor;
  } else if (const auto moment = rest_of(name, "optimiser")) {
    checkpoint.optimiser[*moment] = tensor;
  } else if (const auto average = rest_of(name, "average")) {
    checkpoint.average[*average] = tensor;
  } else if (const auto sum = rest_of(name, "sums")) {
    checkpoint.sums[*sum] = tensor;
  } else if (name == "setbacks/losses") {
    checkpoint.setbacks.losses = tensor;
  } else if (const auto watched = rest_of(name, "watch")) {
    checkpoint.watch.tensors[*watched] = tensor;
  } else if (const auto generator = rest_of(name, "generator")) {
    const std::size_t rank = rank_of(*generator);
    if (checkpoint.generators.size() <= rank) checkpoint.generators.resize(rank + 1);
    checkpoint.generators[rank] = tensor;
  } else if (const auto state = rest_of(name, "learner")) {
    const std::size_t slash = state->find('/');
    if (slash == std::string::npos) throw core::Error("the checkpoint holds an unknown entry " + name);
    learner_of(checkpoint, rank_of(*state)).tensors[state->substr(slash + 1)] = tensor;
  }
}

}  // namespace

void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint) {
  runtime::Archive archive;
  for (const auto& [name, tensor] : checkpoint.weights) {
    GADOLIN_CHECK(name.find('/') == std::string::npos);
    archive.tensors[name] = tensor;
  }
  put(archive, "optimiser", checkpoint.optimiser);
  put(archive, "average", checkpoint.average);
  put(archive, "sums", checkpoint.sums);
  for (std::size_t rank = 0; rank < checkpoint.generators.size(); ++rank) {
    archive.tensors["generator/" + std::to_string(rank)] = checkpoint.generators[rank];
  }
  for (std::size_t rank = 0; rank < checkpoint.learner.size(); ++rank) {
    put(archive, "learner/" + std::to_string(rank), checkpoint.learner[rank].tensors);
    for (const auto& [key, value] : checkpoint.learner[rank].facts) {
      archive.facts[kLearnerFact + std::to_string(rank) + "/" + key] = value;
    }
  }
  put(archive, "watch", checkpoint.watch.tensors);
  for (const auto& [key, value] : checkpoint.watch.facts) archive.facts[kWatchFact + key] = value;
  for (const auto& [key, value] : checkpoint.facts) archive.facts[kFact + key] = value;
  put_best(archive, checkpoint.best);
  put_setbacks(archive, checkpoint.setbacks);
  archive.facts["format"] = kCheckpointFormat;
  archive.facts["step"] = std::to_string(checkpoint.step);
  archive.facts["epoch"] = std::to_string(checkpoint.epoch);
  archive.facts["position"] = std::to_string(checkpoint.position);
  archive.facts["threads"] = std::to_string(checkpoint.threads);
  archive.facts["version"] = GADOLIN_VERSION;
  runtime::write_archive(path, archive);
}

Checkpoint read_checkpoint(const std::filesystem::path& path) {
  const runtime::Archive archive = runtime::read_archive(path, kCheckpointFormat);
  return core::with_context("read " + path.filename().string(), [&] {
    Checkpoint checkpoint;
    checkpoint.step = whole(archive, "step");
    checkpoint.epoch = whole(archive, "epoch");
    checkpoint.position = static_cast<std::uint64_t>(whole(archive, "position"));
    checkpoint.threads = static_cast<int>(whole(archive, "threads"));
    checkpoint.best = best_of(archive);
    if (archive.facts.contains("spikes")) checkpoint.setbacks.spikes = whole(archive, "spikes");
    if (archive.facts.contains("rewinds")) checkpoint.setbacks.rewinds = whole(archive, "rewinds");
    for (const auto& [name, tensor] : archive.tensors) take(checkpoint, name, tensor);
    for (const auto& [key, value] : archive.facts) {
      if (key.starts_with(kFact)) {
        checkpoint.facts[key.substr(kFact.size())] = value;
      } else if (key.starts_with(kWatchFact)) {
        checkpoint.watch.facts[key.substr(kWatchFact.size())] = value;
      } else if (key.starts_with(kLearnerFact)) {
        const std::string rest = key.substr(kLearnerFact.size());
        learner_of(checkpoint, rank_of(rest)).facts[rest.substr(rest.find('/') + 1)] = value;
      }
    }
    return checkpoint;
  });
}

runtime::Archive checkpoint_weights(const std::filesystem::path& path, bool average) {
  Checkpoint checkpoint = read_checkpoint(path);
  runtime::Archive archive;
  archive.tensors = std::move(checkpoint.weights);
  archive.facts = std::move(checkpoint.facts);
  if (average) {
    for (const auto& [name, tensor] : checkpoint.average) archive.tensors[name] = tensor;
  }
  return archive;
}

std::filesystem::path checkpoint_path(const std::filesystem::path& folder, std::int64_t step) {
  return folder / (kStem + std::to_string(step) + kSuffix);
}

std::filesystem::path best_path(const std::filesystem::path& folder, std::int64_t step) {
  return folder / (kBestStem + std::to_string(step) + kSuffix);
}

std::int64_t checkpoint_step(const std::filesystem::path& path) { return step_in(path, kStem); }

std::vector<std::filesystem::path> checkpoints(const std::filesystem::path& folder) { return all_of(folder, kStem); }

std::vector<std::filesystem::path> best_checkpoints(const std::filesystem::path& folder) {
  return all_of(folder, kBestStem);
}

void sweep_best(const std::filesystem::path& folder, std::int64_t best, std::int64_t recorded) {
  std::error_code ignored;
  if (best < 0 || !std::filesystem::exists(best_path(folder, best), ignored)) return;
  for (const auto& path : best_checkpoints(folder)) {
    if (path != best_path(folder, best) && path != best_path(folder, recorded)) std::filesystem::remove(path, ignored);
  }
}

void set_aside_damaged(const std::filesystem::path& folder, const std::filesystem::path& sound) {
  for (const auto& path : checkpoints(folder)) {
    if (path == sound) return;
    std::error_code ignored;
    std::filesystem::rename(path, path.string() + ".damaged", ignored);
  }
}

std::optional<std::pair<std::filesystem::path, Checkpoint>> newest_checkpoint(
    const std::filesystem::path& folder, const std::function<bool(std::int64_t step)>& wanted) {
  auto all = checkpoints(folder);
  if (wanted) std::erase_if(all, [&](const auto& path) { return !wanted(checkpoint_step(path)); });
  for (const auto& path : all) {
    try {
      return std::pair{path, read_checkpoint(path)};
    } catch (const core::Error& error) {
      if (error.exit() == core::Exit::kUsage) throw;  // sound, and nothing to pass over
      core::log_warn(error.story() + "; going back to the checkpoint before it");
    }
  }
  if (all.empty()) return std::nullopt;
  throw core::Error("none of the " + std::to_string(all.size()) + " checkpoints of the run is sound",
                    "move the folder away to begin anew");
}

void sweep_checkpoints(const std::filesystem::path& folder, std::int64_t keep) {
  std::error_code ignored;
  const auto all = checkpoints(folder);
  for (std::size_t i = static_cast<std::size_t>(keep); i < all.size(); ++i) std::filesystem::remove(all[i], ignored);
  sweep_temporaries(folder);
}

void sweep_temporaries(const std::filesystem::path& folder) {
  std::error_code ignored;
  std::vector<std::filesystem::path> litter;
  for (const auto& entry : std::filesystem::directory_iterator(folder, ignored)) {
    if (core::is_temporary(entry.path())) litter.push_back(entry.path());
  }
  for (const auto& path : litter) std::filesystem::remove(path, ignored);
}

}  // namespace train
