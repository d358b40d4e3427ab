#include "pipelines/command.h"

#include <cstdio>
#include <memory>
#include <set>

namespace pipelines {
namespace {

int exit_code(core::Exit exit) { return static_cast<int>(exit); }

int unfold(const std::function<core::Exit()>& body) {
  try {
    return exit_code(body());
  } catch (const core::Error& error) {
    std::fprintf(stderr, "gadolin: %s\n", error.story().c_str());
    if (!error.hint().empty()) std::fprintf(stderr, "  hint: %s\n", error.hint().c_str());
    return exit_code(error.exit());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr,
                 "gadolin: out of memory\n  hint: fewer workers, a smaller batch or a smaller patch need less\n");
    return exit_code(core::Exit::kNothingUsable);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "gadolin: this is a bug of gadolin: %s\n", error.what());
    return exit_code(core::Exit::kBug);
  }
}

std::string unknown_command(const std::string& word) {
  std::vector<std::string> known;
  for (const Command* command : commands()) known.emplace_back(command->name);
  const std::string close = core::nearest(word, known);
  return close.empty() ? "see gadolin --help for the commands" : "did you mean 'gadolin " + close + "'?";
}

}  // namespace

std::vector<core::Setting> section_of(std::vector<core::Setting> recipe, const std::string& command) {
  // Whether or not this build has them; "arms" belong to a study.
  static const std::set<std::string> kSections{"phantom", "prepare", "pretrain", "finetune", "study", "arms"};
  const auto head = [](const core::Setting& setting) { return setting.key.substr(0, setting.key.find('.')); };
  std::set<std::string> sections;
  const core::Setting* beside = nullptr;
  for (const core::Setting& setting : recipe) {
    if (kSections.contains(head(setting))) {
      sections.insert(head(setting));
    } else {
      beside = &setting;
    }
  }
  if (sections.empty()) return recipe;
  if (beside != nullptr) {
    throw core::usage_error(beside->place + ": " + beside->key + " stands beside sections of commands",
                            "put it into the section of its command, for example " + *sections.begin() + ":");
  }
  std::vector<core::Setting> own;
  for (core::Setting& setting : recipe) {
    if (head(setting) != command) continue;
    if (setting.key == command)
      throw core::usage_error(setting.place + ": " + command + " is a section, it holds keys");
    setting.key = setting.key.substr(command.size() + 1);
    own.push_back(std::move(setting));
  }
  if (own.empty()) {
    std::string list;
    for (const std::string& section : sections) list += (list.empty() ? "" : ", ") + section;
    throw core::usage_error("the recipe has no section for " + command, "it has " + list);
  }
  return own;
}

SettingsOptions::SettingsOptions(CLI::App& app) : command_(app.get_name()) {
  app.add_option("--config", file_,
                 "recipe in YAML: only what differs from the defaults; a recipe with sections serves all commands")
      ->type_name("FILE");
  app.add_option("--set", set_, "one setting, key=value; wins over --config; may be given again")
      ->type_name("KEY=VALUE");
}

std::vector<core::Setting> SettingsOptions::settings() const {
  std::vector<core::Setting> settings;
  if (!file_.empty()) settings = section_of(core::settings_from_file(file_), command_);
  for (const std::string& argument : set_) settings.push_back(core::setting_from_argument(argument));
  return settings;
}

void SettingsOptions::apply(std::span<const core::Slot> slots) const { core::configure(slots, settings()); }

int run(int argc, const char* const* argv) {
  CLI::App app("gadolin: pictures in, cache, views, learner, checkpoint, task, score", "gadolin");
  app.set_version_flag("--version", "gadolin " GADOLIN_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Each command has --help with examples. Exit codes: 0 done, 1 bug, 2 usage, 3 nothing of the input usable,\n"
      "4 done but some cases failed, 5 interrupted after a checkpoint.");
  std::function<core::Exit()> chosen;
  for (const Command* command : commands()) {
    CLI::App* sub = app.add_subcommand(command->name, command->synopsis);
    sub->footer(std::string("Examples:\n") + command->examples);
    auto body = std::make_shared<std::function<core::Exit()>>(command->attach(*sub));
    sub->callback([body, &chosen] { chosen = *body; });
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    const bool no_command = app.get_subcommands().empty();
    std::fprintf(stderr, "gadolin: %s\n", error.what());
    if (no_command && argc > 1) {
      std::fprintf(stderr, "  hint: %s\n", unknown_command(argv[1]).c_str());
    } else {
      std::fprintf(stderr, "  hint: see gadolin%s --help\n",
                   no_command ? "" : (" " + app.get_subcommands().front()->get_name()).c_str());
    }
    return exit_code(core::Exit::kUsage);
  }
  return unfold(chosen);
}

}  // namespace pipelines
