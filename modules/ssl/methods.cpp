// The table of pretraining methods: one X each.
#include "core/error.h"
#include "ssl/method.h"

#define GADOLIN_SSL_METHODS(X) X(simclr) X(mae)

namespace ssl {

#define X(name) extern const MethodEntry name##_entry;
GADOLIN_SSL_METHODS(X)
#undef X

std::span<const MethodEntry* const> methods() {
#define X(name) &name##_entry,
  static const MethodEntry* const kAll[] = {GADOLIN_SSL_METHODS(X)};
#undef X
  return kAll;
}

const MethodEntry& method_named(const std::string& name) {
  std::vector<std::string> known;
  std::string list;
  for (const MethodEntry* entry : methods()) {
    if (entry->name == name) return *entry;
    known.emplace_back(entry->name);
    list += (list.empty() ? "" : ", ") + known.back();
  }
  const std::string close = core::nearest(name, known);
  throw core::usage_error("there is no method '" + name + "'",
                          (close.empty() ? "" : "did you mean " + close + "? ") + ("methods: " + list));
}

}  // namespace ssl
