#include "pipelines/bench_methods_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "pipelines/choice.h"
#include "pipelines/command.h"
#include "pipelines/pretrain_run.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using Settings = std::vector<core::Setting>;

// Encoders with which a step takes tens of milliseconds. A key that an encoder does not have is left out.
const std::map<std::string, std::vector<std::string>>& small_encoders() {
  static const std::map<std::string, std::vector<std::string>> kSmall{
      {"resenc", {"base=4"}},           {"resnet", {"base=8", "depth=10"}},
      {"vit", {"width=96", "depth=4"}}, {"swin_unetr", {"base=12"}},
      {"mednext", {"base=4"}},          {"primus", {"width=96", "depth=4", "heads=3"}},
  };
  return kSmall;
}

// What a patch of 32 voxels along each axis asks of a method.
const std::map<std::string, std::vector<std::string>>& for_the_patch() {
  static const std::map<std::string, std::vector<std::string>> kFitting{{"voco", {"bases=[1, 2, 2]"}}};
  return kFitting;
}

void add(Settings& settings, const std::string& text) { settings.push_back(core::setting_from_argument(text)); }

void add_known(Settings& settings, const std::map<std::string, std::vector<std::string>>& table,
               const std::string& group, const std::string& name, const std::vector<core::Slot>& slots) {
  const auto found = table.find(name);
  if (found == table.end()) return;
  for (const std::string& text : found->second) {
    const std::string key = text.substr(0, text.find('='));
    if (std::ranges::any_of(slots, [&](const core::Slot& slot) { return slot.key == key; }))
      add(settings, group + "." + text);
  }
}

// The method's tiny recipe; of a method that has none its defaults.
Settings recipe_of(const MethodBenchRequest& request, const std::string& method) {
  if (!fs::is_directory(request.recipes))
    throw core::usage_error("there is no folder " + request.recipes.string(),
                            "--recipes: the folder with a recipe for each method, configs/ssl/tiny of the sources");
  const fs::path file = request.recipes / (method + ".yaml");
  Settings settings;
  if (fs::exists(file)) settings = section_of(core::settings_from_file(file), "pretrain");
  std::erase_if(settings, [](const core::Setting& each) { return each.key.starts_with("watch."); });
  add(settings, "method.name=" + method);
  return settings;
}

Settings settings_of(const MethodBenchRequest& request, const std::string& method, const std::string& encoder,
                     std::int64_t seed) {
  Settings settings, recipe = recipe_of(request, method);
  add(settings, "data.batch_size=8");
  const std::string chosen = encoder.empty() ? chosen_name(recipe, "encoder", "resenc") : encoder;
  if (chosen != chosen_name(recipe, "encoder", "resenc"))
    std::erase_if(recipe, [](const core::Setting& each) { return each.key.starts_with("encoder."); });
  settings.insert(settings.end(), recipe.begin(), recipe.end());
  add(settings, "encoder.name=" + chosen);
  add_known(settings, small_encoders(), "encoder", chosen, models::encoder_named(chosen).settings()->slots());
  add_known(settings, for_the_patch(), "method", method, ssl::method_named(method).settings()->slots());
  for (const std::string& text :
       {fmt::format("trainer.steps={}", request.steps), fmt::format("trainer.warmup_steps={}", request.steps / 10),
        fmt::format("trainer.log_every={}", std::max<std::int64_t>(1, request.steps / 10)),
        fmt::format("trainer.seed={}", seed), fmt::format("data.seed={}", seed),
        fmt::format("data.patch=[{}, {}, {}]", kBenchPatch[0], kBenchPatch[1], kBenchPatch[2]),
        std::string("trainer.checkpoint_every=0"), std::string("trainer.precision=fp32"),
        std::string("trainer.max_skips=1000000"), std::string("data.workers=1")})
    add(settings, text);
  for (const std::string& text : request.set) add(settings, text);
  return settings;
}

std::string question_of(const std::string& probe) {
  if (probe != "finetune") return "which organ at the centre of a patch";
  return fmt::format("segmentation, {} labelled scans, {} steps", kTuneLabels, kTuneSteps);
}

std::string hash_of_all(const Settings& settings) {
  PretrainRecipe recipe(settings);
  core::configure(recipe.slots(), settings);
  return core::settings_hash(recipe.slots());
}

std::string hash_of_encoder(const Settings& settings) {
  EncoderChoice choice = EncoderChoice::from(settings);
  core::configure(choice.slots(), settings_below({"encoder"}, settings));
  return core::settings_hash(choice.slots());
}

PlannedCell method_cell(const MethodBenchRequest& request, const ssl::MethodEntry& entry, const std::string& encoder,
                        std::int64_t seed) {
  PlannedCell cell;
  cell.settings = settings_of(request, std::string(entry.name), encoder, seed);
  const std::string probe(entry.probe);
  cell.key = {"method",      std::string(entry.name),    chosen_name(cell.settings, "encoder", "resenc"), probe, seed,
              request.steps, hash_of_all(cell.settings), told(request.cohort) + "; " + question_of(probe)};
  return cell;
}

PlannedCell pair_cell(const MethodBenchRequest& request, const ssl::MethodEntry& entry, const std::string& encoder) {
  PlannedCell cell = method_cell(request, entry, encoder, 0);
  cell.key.kind = "pair";
  cell.key.probe.clear();
  cell.key.steps = kPairSteps;
  cell.key.cohort = told(request.cohort);
  return cell;
}

std::vector<const ssl::MethodEntry*> chosen_methods(const MethodBenchRequest& request) {
  std::vector<const ssl::MethodEntry*> all;
  for (const std::string& name : request.methods) all.push_back(&ssl::method_named(name));
  if (request.methods.empty()) all.assign(ssl::methods().begin(), ssl::methods().end());
  return all;
}

// An empty name: the recipe's.
std::vector<std::string> encoders_for(const MethodBenchRequest& request, const ssl::MethodEntry& entry) {
  if (request.encoders.empty()) return {""};
  std::vector<std::string> all;
  for (const std::string& name : request.encoders) {
    if (ssl::runs_with(entry, models::encoder_named(name).name)) all.push_back(name);
  }
  return all;
}

std::int64_t whole(std::string_view text, const std::string& shard) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number > 0) return number;
  throw core::usage_error("--shard " + shard + " is none", "--shard 2/3: the second of three parts");
}

}  // namespace

CellKey control_of(const PlannedCell& cell) {
  CellKey key = cell.key;
  key.kind = "random";
  key.method.clear();
  key.steps = 0;
  key.settings = hash_of_encoder(cell.settings);
  return key;
}

std::vector<PlannedCell> plan_cells(const MethodBenchRequest& request) {
  std::vector<PlannedCell> all;
  std::set<std::string> controls;
  const auto methods = chosen_methods(request);
  for (std::int64_t seed = 0; seed < request.seeds; ++seed) {
    for (const ssl::MethodEntry* entry : methods) {
      for (const std::string& encoder : encoders_for(request, *entry)) {
        PlannedCell cell = method_cell(request, *entry, encoder, seed);
        const CellKey control = control_of(cell);
        if (controls.insert(control.hash()).second) all.push_back({control, cell.settings});
        all.push_back(std::move(cell));
      }
    }
  }
  if (!request.pairs) return all;
  for (const ssl::MethodEntry* entry : methods) {
    for (const std::string& encoder : encoder_names()) {
      const bool asked = request.encoders.empty() || std::ranges::count(request.encoders, encoder) > 0;
      if (asked && ssl::runs_with(*entry, encoder)) all.push_back(pair_cell(request, *entry, encoder));
    }
  }
  return all;
}

std::vector<PlannedCell> part_of(const std::vector<PlannedCell>& cells, const std::string& shard) {
  const std::size_t slash = std::min(shard.find('/'), shard.size());
  const std::int64_t part = whole(std::string_view(shard).substr(0, slash), shard);
  const std::int64_t parts = whole(std::string_view(shard).substr(std::min(slash + 1, shard.size())), shard);
  if (part > parts) whole("", shard);
  std::vector<PlannedCell> own;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (static_cast<std::int64_t>(i) % parts == part - 1) own.push_back(cells[i]);
  }
  return own;
}

}  // namespace pipelines
