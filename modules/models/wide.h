#pragma once
// Marks a loop over plain arrays that is compiled for the processors there are; which one is chosen when the program
// starts.

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GADOLIN_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define GADOLIN_WIDE
#endif
