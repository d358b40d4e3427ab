// The table of tasks: one line each.
#include "core/named_entry.h"
#include "finetune/task.h"

#define GADOLIN_FINETUNE_TASKS(X) X(segmentation) X(classification)

namespace finetune {

#define X(name) extern const TaskEntry name##_entry;
GADOLIN_FINETUNE_TASKS(X)
#undef X

std::span<const TaskEntry* const> tasks() {
#define X(name) &name##_entry,
  static const TaskEntry* const kAll[] = {GADOLIN_FINETUNE_TASKS(X)};
#undef X
  return kAll;
}

const TaskEntry& task_named(const std::string& name) {
  return core::entry_named(name, tasks(), "there is no task '" + name + "'", "known: ");
}

}  // namespace finetune
