#include "pipelines/initial_weights.h"

#include <algorithm>

#include "core/error.h"
#include "core/hash.h"
#include "pipelines/choice.h"
#include "pipelines/restored_task.h"
#include "train/checkpoint.h"

namespace pipelines {
namespace {

constexpr const char* kScratch = "scratch";

}  // namespace

train::InitialReport InitialWeights::start(const train::NamedTensors& target, const train::InitialRules& rules) const {
  return core::with_context("start from " + given.filename().string(),
                            [&] { return train::start_from(target, weights, rules); });
}

std::shared_ptr<const InitialWeights> read_initial(const std::filesystem::path& given) {
  if (given.empty()) return nullptr;
  const std::filesystem::path path = checkpoint_at(given);
  auto initial = std::make_shared<InitialWeights>();
  initial->given = given;
  initial->file = path.filename().string();
  initial->hash = core::sha256_file_hex(path);
  initial->weights = train::checkpoint_weights(path, true);
  return initial;
}

std::string initial_fact(const InitialWeights* initial) { return initial != nullptr ? initial->hash : kScratch; }

std::vector<core::Setting> with_encoder_of(const InitialWeights* initial, std::vector<core::Setting> settings) {
  const auto names_one = [](const core::Setting& each) { return each.key == "encoder.name"; };
  if (initial == nullptr || std::ranges::any_of(settings, names_one)) return settings;
  const auto config = initial->weights.facts.find("config");
  if (config == initial->weights.facts.end()) return settings;
  std::vector<core::Setting> all =
      settings_below({"encoder"}, core::settings_from_yaml(config->second, "settings of " + initial->file));
  all.insert(all.end(), settings.begin(), settings.end());
  return all;
}

void add_initial(CLI::App& app, std::filesystem::path& init, double& threshold) {
  app.add_option_function<std::string>(
         "--init", [&init](const std::string& word) { init = word == kScratch ? "" : word; },
         "'scratch', a checkpoint (RUN/best-N.gadolin too), or the folder of a run to take the newest of")
      ->type_name("CHECKPOINT")
      ->default_str(kScratch);
  app.add_option("--init-threshold", threshold, "share of the encoder that the checkpoint must fill")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
}

}  // namespace pipelines
