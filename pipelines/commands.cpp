// The table of commands: one line each, in the order of the pipeline.
#include "pipelines/command.h"
#include "pipelines/wings.h"

#define GADOLIN_COMMANDS(X)      \
  GADOLIN_IMAGING(X(phantom))    \
  GADOLIN_IMAGING(X(ingest))     \
  GADOLIN_IMAGING(X(deidentify)) \
  X(prepare)                     \
  X(inspect)                     \
  X(store)                       \
  GADOLIN_TORCH(X(methods))      \
  GADOLIN_TORCH(X(pretrain))     \
  GADOLIN_TORCH(X(finetune))     \
  GADOLIN_TORCH(X(checkpoint))   \
  GADOLIN_TORCH(X(predict))      \
  GADOLIN_TORCH(X(evaluate))     \
  GADOLIN_TORCH(X(embed))        \
  GADOLIN_TORCH(X(zeroshot))     \
  GADOLIN_TORCH(X(report))       \
  GADOLIN_TORCH(X(study))        \
  X(doctor)                      \
  X(config)                      \
  X(bench)

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
