#pragma once
// A curve over a range of values, kept as a table, applied to rows of voxels with the widest vectors the processor has
// (Google Highway). Products and sums are rounded one by one, so every processor gives the same bits. Pure.

#include <span>

namespace augment {

// voxel = clamp(voxel + what the table says at it, low, high). `added` holds what is added at evenly spaced values from
// low to high, two or more, straight between them; voxels beyond take the end. A table of what is added, not of what
// comes out, so that a curve that changes nothing changes no bit. low < high.
void follow_curve(std::span<float> voxels, float low, float high, std::span<const float> added);

}  // namespace augment
