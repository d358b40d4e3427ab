#pragma once
// Threads for what is ours. torch has its own.

#include <cstdint>
#include <functional>

namespace core {

// Processors this process may use (affinity and cgroup limits counted), at least 1.
int usable_processors();

// Calls body(i) for i in 0 .. count-1 from at most `threads` threads, in no fixed order, and returns when all are done.
// The result must not depend on the order: give each i a place of its own. When bodies throw, no new i is begun and one
// of the exceptions is rethrown here.
void parallel_for(std::int64_t count, int threads, const std::function<void(std::int64_t)>& body);

}  // namespace core
