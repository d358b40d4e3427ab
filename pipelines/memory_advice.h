#pragma once
// One message, and what to change, where a training finds no memory.

#include <cstdint>
#include <functional>

#include "core/error.h"

namespace pipelines {

// Runs `body`; where it finds no memory for what it wants, of the processor or of a GPU, throws one usage Error instead
// that says what to change. `needed`, called once the body is gone, gives the forecast of what it would take.
core::Exit with_memory_advice(const std::function<core::Exit()>& body,
                              const std::function<std::int64_t()>& needed = {});

}  // namespace pipelines
