#pragma once
// A command is one file pipelines/NAME.cpp that exports one entry, and one line in commands.cpp.

#include <CLI/CLI.hpp>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "core/error.h"

namespace pipelines {

struct Command {
  const char* name;
  const char* synopsis;  // one line
  const char* examples;  // shell lines, shown below the options
  // Declares the options and returns what is run once they are parsed. The options live in the closure.
  std::function<core::Exit()> (*attach)(CLI::App& app);
};

// All commands of this build, in the order of the pipeline.
std::span<const Command* const> commands();

// The whole command line: parses, runs, turns what is thrown into one message on stderr and an exit code.
int run(int argc, const char* const* argv);

// --config FILE, --set key=value (several) and --settings (lists the keys) for a command with settings.
// `slots` is called after parsing, so that it may depend on other options.
class SettingsOptions {
 public:
  explicit SettingsOptions(CLI::App& app);
  // What was given: the file's settings, then those of --set.
  std::vector<core::Setting> settings() const;
  // Fills the settings behind `slots`: the file first, then --set.
  void apply(std::span<const core::Slot> slots) const;

 private:
  std::string file_;
  std::vector<std::string> set_;
};

}  // namespace pipelines
