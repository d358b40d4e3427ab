// The table of commands: one line each, in the order of the pipeline.
#include "pipelines/command.h"

#ifdef GADOLIN_HAS_IMAGING
#define GADOLIN_IMAGING_COMMANDS(X) X(ingest)
#else
#define GADOLIN_IMAGING_COMMANDS(X)
#endif
#define GADOLIN_COMMANDS(X) X(doctor) X(config) GADOLIN_IMAGING_COMMANDS(X)

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
