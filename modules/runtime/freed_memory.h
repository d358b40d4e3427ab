#pragma once
// What the C library does with memory that is freed.

namespace runtime {

// From now on this process keeps up to 1 GiB of freed memory for what is asked for next. By default large blocks go
// back to the system at once, and each step of training meets the same pages again, zeroed one by one: a twentieth of
// the processor's time of a step on the CPU (tests/bench/RESULTS.md). For commands that take steps; once is enough.
// Nothing where the C library is not glibc.
void keep_freed_memory();

}  // namespace runtime
