// The table of optimisers: one X each.
#include "core/named_entry.h"
#include "train/optimiser.h"

#define GADOLIN_OPTIMISERS(X) X(adamw) X(lars) X(sgd)

namespace train {

#define X(name) extern const OptimiserEntry name##_optimiser;
GADOLIN_OPTIMISERS(X)
#undef X

std::span<const OptimiserEntry* const> optimisers() {
#define X(name) &name##_optimiser,
  static const OptimiserEntry* const kAll[] = {GADOLIN_OPTIMISERS(X)};
#undef X
  return kAll;
}

const OptimiserEntry& optimiser_named(const std::string& name) {
  return core::entry_named(name, optimisers(), "optimiser '" + name + "' is unknown", "there are ");
}

}  // namespace train
