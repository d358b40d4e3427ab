// The table of tasks: one line each.
#include <vector>

#include "core/error.h"
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
  std::vector<std::string> known;
  std::string list;
  for (const TaskEntry* entry : tasks()) {
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  const std::string close = core::nearest(name, known);
  throw core::usage_error("there is no task '" + name + "'",
                          (close.empty() ? "" : "did you mean " + close + "? ") + ("known: " + list));
}

}  // namespace finetune
