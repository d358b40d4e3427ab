// The table of commands: one line each, in the order of the pipeline.
#include "pipelines/command.h"

#define GADOLIN_COMMANDS(X) X(doctor) X(config)

namespace pipelines {

#define X(name) extern const Command name##_command;
GADOLIN_COMMANDS(X)
#undef X

std::span<const Command* const> commands() {
#define X(name) &name##_command,
  static const Command* const kAll[] = {GADOLIN_COMMANDS(X)};
#undef X
  return kAll;
}

}  // namespace pipelines
