#include "pipelines/study_grid.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/progress.h"
#include "pipelines/finetune_run.h"
#include "pipelines/pretrain_run.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::int64_t kFormat = 1;

std::string hash_of(const json::object& what) { return core::sha256_hex(json::serialize(what)).substr(0, 16); }

void set_seed(std::vector<core::Setting>& settings, std::int64_t seed) {
  for (const char* const key : {"trainer.seed=", "data.seed="})
    settings.push_back(core::setting_from_argument(key + std::to_string(seed)));
}

json::object data_of(const StudyPlan& plan, const StudyData& data) {
  return {{"format", kFormat},
          {"store", data.reader->data_hash()},
          {"split", data.split_hash},
          {"train_set", plan.settings.train_set},
          {"threads", data.threads}};
}

StudyPretraining pretraining_of(const StudyPlan& plan, const StudyArm& arm, std::int64_t seed, const StudyData& data) {
  StudyPretraining one{"", arm.name, seed, arm.pretrain};
  set_seed(one.settings, seed);
  PretrainRecipe recipe(one.settings);
  core::with_context("arm '" + arm.name + "'", [&] { core::configure(recipe.slots(), one.settings); });
  json::object what = data_of(plan, data);
  what["pretrain"] = core::resolved_yaml(recipe.slots());
  one.hash = hash_of(what);
  return one;
}

std::string finetune_config(const StudyArm& arm) {
  return core::with_context("arm '" + arm.name + "'", [&] {
    FinetuneRecipe recipe = FinetuneRecipe::from(arm.finetune);
    return core::resolved_yaml(recipe.slots());
  });
}

json::object finetune_of(const StudyPlan& plan, const StudyData& data) {
  const StudySettings& s = plan.settings;
  json::object what = data_of(plan, data);
  what["test_set"] = s.test_set;
  what["task"] = s.task;
  what["target"] = s.target;
  what["learning_rates"] = json::array(s.learning_rates.begin(), s.learning_rates.end());
  what["folds"] = s.folds;
  what["tolerance_mm"] = s.tolerance_mm;
  return what;
}

std::vector<std::int64_t> labelled_in(const StudyPlan& plan, const StudyData& data) {
  std::vector<std::int64_t> cases = cases_of(data.split, plan.settings.train_set, *data.reader);
  const bool dense = plan.settings.task == "segmentation";
  std::erase_if(cases, [&](std::int64_t index) {
    const store::CaseSummary& one = data.reader->summary(index);
    return dense ? !one.has_labels : !one.scalars.contains(plan.settings.target);
  });
  if (cases.empty())
    throw core::usage_error(fmt::format("no case of set '{}' has {}", plan.settings.train_set,
                                        dense ? "a label map" : "a value '" + plan.settings.target + "'"));
  return cases;
}

json::object json_of(const CellResult& result) {
  json::object facts;
  for (const auto& [name, text] : result.facts) facts[name] = text;
  return {{"format", kFormat},
          {"hash", result.cell.hash},
          {"arm", result.cell.arm},
          {"budget", result.cell.budget},
          {"draw", result.cell.draw},
          {"pretraining", result.cell.pretraining},
          {"task", result.task},
          {"failed", result.failed},
          {"learning_rate", result.learning_rate},
          {"labelled_patients", result.labelled_patients},
          {"seconds", result.seconds},
          {"pretraining_seconds", result.pretraining_seconds},
          {"facts", facts},
          {"scores", result.scores}};
}

std::string text_at(const json::object& all, const char* key) { return std::string(all.at(key).as_string()); }

}  // namespace

const StudyPretraining& StudyGrid::pretraining(const std::string& hash) const {
  const auto found = std::ranges::find(pretrainings, hash, &StudyPretraining::hash);
  GADOLIN_CHECK(found != pretrainings.end());
  return *found;
}

StudyGrid study_grid(const StudyPlan& plan, const StudyData& data) {
  StudyGrid grid;
  const std::vector<std::int64_t> labelled = labelled_in(plan, data);
  for (const std::string& word : plan.settings.budgets)
    grid.budgets.push_back(budget_of(word, static_cast<std::int64_t>(labelled.size())));
  std::ranges::sort(grid.budgets);
  grid.budgets.erase(std::ranges::unique(grid.budgets).begin(), grid.budgets.end());
  std::map<std::string, std::vector<std::string>> pretrained;  // by arm, hashes by seed
  std::map<std::string, std::string> configs;
  for (const StudyArm& arm : plan.arms) {
    configs[arm.name] = finetune_config(arm);
    for (std::int64_t seed = 1; arm.pretrained() && seed <= plan.settings.pretraining_seeds; ++seed) {
      grid.pretrainings.push_back(pretraining_of(plan, arm, seed, data));
      pretrained[arm.name].push_back(grid.pretrainings.back().hash);
    }
  }
  for (const std::int64_t budget : grid.budgets) {
    for (std::int64_t draw = 0; draw < plan.settings.draws; ++draw) {
      draw_labelled(data.split, *data.reader, labelled, budget, static_cast<std::uint64_t>(draw), 1,
                    plan.settings.task == "segmentation" ? "" : plan.settings.target);
      for (const StudyArm& arm : plan.arms) {
        StudyCell cell{"", arm.name, budget, draw, ""};
        const std::vector<std::string>& own = pretrained[arm.name];
        if (!own.empty()) cell.pretraining = own[static_cast<std::size_t>(draw) % own.size()];
        json::object what = finetune_of(plan, data);
        what["finetune"] = configs[arm.name];
        what["budget"] = budget;
        what["draw"] = draw;
        what["pretraining"] = cell.pretraining;
        cell.hash = hash_of(what);
        grid.cells.push_back(std::move(cell));
      }
    }
  }
  return grid;
}

void refuse_duplicates(const StudyPlan& plan, const StudyData& data) {
  std::map<std::string, std::string> seen;  // voxels -> case of the train set
  const std::vector<std::int64_t> train = cases_of(data.split, plan.settings.train_set, *data.reader),
                                  test = cases_of(data.split, plan.settings.test_set, *data.reader);
  core::Progress progress("look for duplicates", "cases", static_cast<std::int64_t>(train.size() + test.size()));
  const auto voxels_of = [&](std::int64_t index) {
    core::Sha256 hash;
    const store::CaseSummary& one = data.reader->summary(index);
    for (std::size_t channel = 0; channel < one.channels.size(); ++channel) {
      if (!one.channels[channel].present) continue;
      hash.update(data.reader->read(index, static_cast<std::int64_t>(channel), data.reader->whole(index)).bytes());
    }
    progress.advance();
    return hash.hex();
  };
  for (const std::int64_t index : train) seen.emplace(voxels_of(index), data.reader->summary(index).id);
  for (const std::int64_t index : test) {
    const auto found = seen.find(voxels_of(index));
    if (found == seen.end()) continue;
    throw core::usage_error(
        fmt::format("test case {} has the voxels of case {}, which is trained on", data.reader->summary(index).id,
                    found->second),
        "they are one picture under two names: put both into one set of the split, or leave one out");
  }
}

void write_cell(const fs::path& folder, const CellResult& result) {
  core::publish_file(folder / (result.cell.hash + ".json"), std::string_view(json::serialize(json_of(result)) + "\n"));
}

std::optional<CellResult> read_cell(const fs::path& folder, const std::string& hash) {
  const fs::path path = folder / (hash + ".json");
  if (!fs::exists(path)) return std::nullopt;
  return core::with_context("cell " + path.filename().string(), [&] {
    try {
      const json::object all = json::parse(core::read_text(path)).as_object();
      if (all.at("format").as_int64() > kFormat) throw core::Error("a newer gadolin wrote it");
      CellResult result;
      result.cell = {text_at(all, "hash"), text_at(all, "arm"), all.at("budget").as_int64(), all.at("draw").as_int64(),
                     text_at(all, "pretraining")};
      if (result.cell.hash != hash) throw core::Error("it is of another cell");
      result.task = text_at(all, "task");
      result.failed = text_at(all, "failed");
      result.scores = text_at(all, "scores");
      result.learning_rate = all.at("learning_rate").to_number<double>();
      result.seconds = all.at("seconds").to_number<double>();
      result.pretraining_seconds = all.at("pretraining_seconds").to_number<double>();
      result.labelled_patients = all.at("labelled_patients").as_int64();
      for (const auto& [name, text] : all.at("facts").as_object()) result.facts[name] = std::string(text.as_string());
      return std::optional(result);
    } catch (const boost::system::system_error& error) {
      throw core::Error("it cannot be read: " + std::string(error.what()), "remove it, and the study makes it again");
    }
  });
}

}  // namespace pipelines
