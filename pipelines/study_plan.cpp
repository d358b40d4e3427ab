#include "pipelines/study_plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <set>

#include "core/error.h"
#include "ssl/method.h"

namespace pipelines {
namespace {

// What is left of a key behind "prefix."; nothing when it does not begin so.
std::optional<std::string> below(const std::string& key, const std::string& prefix) {
  if (!key.starts_with(prefix + ".")) return std::nullopt;
  return key.substr(prefix.size() + 1);
}

std::vector<core::Setting> settings_at(const std::vector<core::Setting>& all, const std::string& prefix) {
  std::vector<core::Setting> own;
  for (const core::Setting& each : all) {
    if (const auto key = below(each.key, prefix)) own.push_back({*key, each.values, each.list, each.place});
  }
  return own;
}

// "arms.NAME.pretrain.method.hidden" -> NAME; throws for any other shape.
std::string arm_of(const core::Setting& setting) {
  const std::string rest = setting.key.substr(5);
  const std::size_t end = rest.find('.');
  const std::string what = end == std::string::npos ? "" : rest.substr(end + 1);
  if (!what.starts_with("pretrain.") && !what.starts_with("finetune."))
    throw core::usage_error(setting.place + ": an arm has settings of pretrain and finetune, not '" + setting.key + "'",
                            "arms: {mae: {pretrain: {method: {hidden: 0.6}}}}");
  return rest.substr(0, end);
}

void check_keys(const std::vector<core::Setting>& settings, const std::vector<std::string>& arms) {
  for (const core::Setting& each : settings) {
    static const std::set<std::string> kSections{"study", "pretrain", "finetune", "prepare", "phantom"};
    const std::string section = each.key.substr(0, each.key.find('.'));
    if (kSections.contains(section)) continue;
    if (section != "arms" || each.key.find('.') == std::string::npos)
      throw core::usage_error(each.place + ": there is no section '" + section + "'",
                              "a study has study, pretrain, finetune and arms");
    const std::string name = arm_of(each);
    if (std::ranges::find(arms, name) == arms.end())
      throw core::usage_error(fmt::format("{}: '{}' is not among the arms", each.place, name),
                              fmt::format("study.arms is {}", fmt::join(arms, ", ")));
  }
}

// Budget and search are the study's, not an arm's.
void refuse_another_budget(const std::string& arm, const std::vector<core::Setting>& settings) {
  static const std::set<std::string> kShared{"trainer.steps", "trainer.learning_rate", "data.batch_size", "data.seed"};
  for (const core::Setting& each : settings) {
    if (kShared.contains(each.key))
      throw core::usage_error(fmt::format("{}: arm '{}' has a {} of its own", each.place, arm, each.key),
                              "all arms are fine-tuned alike: set it below finetune");
  }
}

std::vector<std::string> arm_names(const StudySettings& settings) {
  std::vector<std::string> names{kScratch};
  for (const std::string& arm : settings.arms) {
    if (arm == kScratch) continue;  // it is always there
    if (std::ranges::find(names, arm) != names.end()) throw core::usage_error("study.arms names '" + arm + "' twice");
    names.push_back(arm);
  }
  if (names.size() < 2) throw core::usage_error("study.arms is empty", "name methods: arms: [mae, simclr]");
  return names;
}

StudyArm arm_of(const std::string& name, const std::string& task, const std::vector<core::Setting>& settings) {
  StudyArm arm{name, {}, settings_at(settings, "finetune")};
  arm.finetune.push_back(core::setting_from_argument("task.name=" + task));
  const std::vector<core::Setting> own = settings_at(settings, "arms." + name + ".finetune");
  refuse_another_budget(name, own);
  arm.finetune.insert(arm.finetune.end(), own.begin(), own.end());
  if (!arm.pretrained()) return arm;
  arm.pretrain = settings_at(settings, "pretrain");
  for (core::Setting& each : settings_at(settings, "arms." + name + ".pretrain")) arm.pretrain.push_back(each);
  const bool named = std::ranges::any_of(
      settings, [&](const core::Setting& each) { return each.key == "arms." + name + ".pretrain.method.name"; });
  if (!named) {
    core::with_context("arm '" + name + "' names no method (arms." + name + ".pretrain.method.name)",
                       [&] { ssl::method_named(name); });
    arm.pretrain.push_back(core::setting_from_argument("method.name=" + name));
  }
  return arm;
}

}  // namespace

bool StudyArm::pretrained() const { return name != kScratch; }

StudyPlan study_plan(const std::vector<core::Setting>& settings) {
  StudyPlan plan;
  core::configure(core::slots_of(plan.settings), settings_at(settings, "study"));
  const std::vector<std::string> names = arm_names(plan.settings);
  check_keys(settings, names);
  for (const std::string& name : names) plan.arms.push_back(arm_of(name, plan.settings.task, settings));
  const std::string& claimed = plan.settings.claimed;
  if (!claimed.empty() && (claimed == kScratch || std::ranges::find(names, claimed) == names.end()))
    throw core::usage_error("study.claimed is '" + claimed + "', which is no arm that could be claimed",
                            fmt::format("arms: {}", fmt::join(plan.settings.arms, ", ")));
  if (plan.settings.budgets.empty()) throw core::usage_error("study.budgets is empty", "budgets: [\"4\", \"8\", all]");
  if (plan.settings.learning_rates.empty())
    throw core::usage_error("study.learning_rates is empty", "name one, or several to choose from");
  for (const std::string& budget : plan.settings.budgets) budget_of(budget, std::int64_t{1} << 40);
  return plan;
}

std::int64_t budget_of(const std::string& word, std::int64_t available) {
  if (word == "all") return available;
  const bool share = word.ends_with('%');
  double number = 0;
  const char* const end = word.data() + word.size() - (share ? 1 : 0);
  const auto [at, failed] = std::from_chars(word.data(), end, number);
  const double count = share ? std::max(1.0, std::round(number / 100 * static_cast<double>(available))) : number;
  if (failed != std::errc() || at != end || !(number > 0) || !std::isfinite(number) || (share && number > 100) ||
      count != std::floor(count))
    throw core::usage_error("study.budgets: '" + word + "' is no number of cases", "take 8, 25% or all");
  if (count > static_cast<double>(available))
    throw core::usage_error(
        fmt::format("study.budgets: {} labelled cases are asked for, there are {}", word, available),
        "all takes what there is");
  return static_cast<std::int64_t>(count);
}

std::string argument_of(const core::Setting& setting) {
  if (!setting.list) return setting.key + "=" + setting.values.at(0);
  return fmt::format("{}=[{}]", setting.key, fmt::join(setting.values, ", "));
}

}  // namespace pipelines
