#pragma once
// Launches of faults_cuda.cu, through the stand-in.

#include <cstddef>
#include <cstdint>

namespace faults::stand_in {

// 10 x 9 x 4 numbers, width fastest: each thread adds 100 z + 10 y + x of its place in the grid to its own.
void run_number_all(int* numbers);
// Each 64 voxels turned around through shared memory.
void run_turn_around(bool with_barrier, int blocks, float* voxels);
// 64 threads; `from_below`: number + 1/2 of the thread `distance` further; `first`: the sum of the warp's numbers.
void run_shuffle(int distance, double* from_below, int* first);
// Three of 64 threads are done when the others wait.
void run_leave_early();
// Each of two warps at a barrier of its own.
void run_wait_apart();
// Writes to an array of 64 in shared memory, which another follows.
void run_write_behind(int index);
// Who of 8 blocks of 64 threads writes last.
void run_last_wins(int* block, int* thread);
// `bytes` of shared memory and 256 more.
void run_ask_for(unsigned blocks, unsigned along_y, unsigned threads, std::size_t bytes);

}  // namespace faults::stand_in
