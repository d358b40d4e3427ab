#pragma once
// Arithmetic of the ops on rows of voxels, with the widest vectors the processor has (Google Highway). Products and
// sums are rounded one by one and sums over voxels are taken in eight lots, so every processor gives the same bits.
// Pure.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

namespace augment {

// What voxels are like; all 0 without any.
struct Contents {
  double mean = 0, deviation = 0;
  float low = 0, high = 0;
};
Contents contents_of(std::span<const float> voxels);

// voxel = clamp(voxel + (voxel - from) * more + shift, low, high).
struct Stretch {
  float from = 0, more = 0, shift = 0;
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
};
void stretch(std::span<float> voxels, const Stretch& by);

// voxel = part^power, where part is how far the voxel lies on the way from low to high (upside_down: from high to low,
// and the result is turned around again). Voxels lie within low and high; power > 0. Right to 1e-5 of the range for
// powers up to 100.
void raise(std::span<float> voxels, float low, float high, float power, bool upside_down);

// Adds `deviation` times a normal number to each voxel: Philox4x32-10 with counter {i / 4, channel, 0, 0} for voxels i,
// i + 1, i + 2, i + 3, then Box and Muller's transform of words {0, 1} and {2, 3}.
void add_noise(std::span<float> voxels, std::uint64_t seed, std::uint32_t channel, float deviation);

// out[x] = sum over k of weights[k] * rows[k * stride + x], x < width.
void weigh_rows(const float* rows, std::size_t stride, std::span<const float> weights, std::size_t width, float* out);

// The same voxels, last first.
void reverse(std::span<float> voxels);

// to[column][row] = from[row][column].
void transpose(const float* from, std::size_t rows, std::size_t columns, float* to);

// out = number * scale + offset.
void scale_row(std::span<const std::int16_t> numbers, float scale, float offset, float* out);

// Voxels that are not valid become 0.
void clear(std::span<float> voxels, std::span<const std::uint8_t> valid);

}  // namespace augment
