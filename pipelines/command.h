#pragma once
// A command is one file pipelines/NAME.cpp that exports one entry, and one line in commands.cpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace pipelines {

// A command's settings, bound to an object of their own.
struct BoundSettings {
  std::shared_ptr<void> owner;
  std::vector<core::Slot> slots;
  // Groups whose name brings further keys ("encoder"), with the names there are.
  std::vector<std::pair<std::string, std::vector<std::string>>> choices;
};

struct Command {
  const char* name;
  const char* synopsis;  // one line
  const char* examples;  // shell lines, shown below the options
  // Declares the options and returns what is run once they are parsed. The options live in the closure.
  std::function<core::Exit()> (*attach)(CLI::App& app);
  // What --config and --set reach; nullptr: nothing. `given` says the names that bring further keys.
  BoundSettings (*settings)(std::span<const core::Setting> given) = nullptr;
};

// All commands of this build, in the order of the pipeline.
std::span<const Command* const> commands();

// The whole command line: parses, runs, turns what is thrown into one message on stderr and an exit code.
int run(int argc, const char* const* argv);

// A recipe for one command holds its keys; a recipe for the whole pipeline holds sections named after commands
// ("pretrain:"), and each command takes its own. Throws usage Error when there are sections but not this one, or keys
// beside sections.
std::vector<core::Setting> section_of(std::vector<core::Setting> recipe, const std::string& command);

// --config FILE and --set key=value (several) for a command with settings. Made while the command's options are
// declared; asked once they are parsed.
class SettingsOptions {
 public:
  explicit SettingsOptions(CLI::App& app);
  // What was given: the file's settings for this command, then those of --set.
  std::vector<core::Setting> settings() const;
  // Fills the settings behind `slots`: the file first, then --set.
  void apply(std::span<const core::Slot> slots) const;

 private:
  std::string command_, file_;
  std::vector<std::string> set_;
};

}  // namespace pipelines
