#pragma once
// Memory of this process as the system counts it: what of it lies in RAM, shared libraries included.

#include <cstdint>

namespace core {

std::int64_t resident_bytes();       // now; 0 where the system does not say
std::int64_t most_resident_bytes();  // the most since the process began or restart_most_resident()
// False where the system does not allow it; nothing is changed then.
bool restart_most_resident();

}  // namespace core
