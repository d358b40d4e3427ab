#pragma once
// What the value of one voxel goes through: the arithmetic of voxel_rows.h voxel by voxel, on the CPU and in kernels.
// Products and sums are rounded one by one (compile without fused ones), in the order of the vectors, so that the bits
// are the same; tests/augment/voxel_math_test.cpp holds one against the other. Pure.

#include <cmath>
#include <cstdint>

#include "runtime/dispatch.h"

namespace augment::voxel {

// ((x c[0] + c[1]) x + c[2]) ...
template <int kCount>
GADOLIN_HOST_DEVICE inline float polynomial(float x, const float (&coefficients)[kCount]) {
  float y = coefficients[0];
  for (int k = 1; k < kCount; ++k) y = y * x + coefficients[k];
  return y;
}

// To the nearest whole number, of two the even one; |x| < 2^22.
GADOLIN_HOST_DEVICE inline std::int32_t nearest(float x) {
  constexpr float kWhole = 0x1.8p23f;  // floats from here on have no digit behind the point
  return static_cast<std::int32_t>((x + kWhole) - kWhole);
}

// Of normal numbers > 0.
GADOLIN_HOST_DEVICE inline float logarithm(float x) {
  constexpr std::int32_t kHalfRoot = 0x3f3504f3;  // bits of 1 / sqrt 2
  const std::int32_t bits = __builtin_bit_cast(std::int32_t, x) - kHalfRoot;
  const float m = __builtin_bit_cast(float, (bits & 0x007fffff) + kHalfRoot);
  const float s = (m - 1.0f) / (m + 1.0f);
  const float series = polynomial(s * s, {2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3, 2.0f});
  return s * series + static_cast<float>(bits >> 23) * 0.693147180559945309f;
}

// e^x for x in [-87, 87].
GADOLIN_HOST_DEVICE inline float exponential(float x) {
  constexpr float kHigh = 0.693359375f, kLow = -2.12194440e-4f;  // ln 2 in two parts
  const std::int32_t n = nearest(x * 1.44269504088896341f);
  const float part = static_cast<float>(n);
  const float r = (x - part * kHigh) - part * kLow;
  const float series = polynomial(r, {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f});
  return series * __builtin_bit_cast(float, (n + 127) << 23);
}

// As `raise` of a row: `voxel` lies within low and high, low < high.
GADOLIN_HOST_DEVICE inline float raised(float voxel, float low, float high, float power, bool upside_down) {
  constexpr float kTiny = 1e-37f;
  const float start = upside_down ? high : low, way = 1.0f / (upside_down ? low - high : high - low);
  float part = (voxel - start) * way;
  part = part > 0.0f ? part : 0.0f;
  part = part < 1.0f ? part : 1.0f;
  const float exponent = power * logarithm(part > kTiny ? part : kTiny);
  const float kept = part > kTiny ? exponential(exponent > -87.0f ? exponent : -87.0f) : 0.0f;
  return upside_down ? 1.0f - kept : kept;
}

// As `stretch` of a row.
GADOLIN_HOST_DEVICE inline float stretched(float voxel, float from, float more, float shift, float low, float high) {
  const float changed = (voxel + (voxel - from) * more) + shift;
  const float above = changed > low ? changed : low;
  return above < high ? above : high;
}

// Philox4x32-10 with counter {block, channel, 0, 0} (core/rng.h).
GADOLIN_HOST_DEVICE inline void random_words(std::uint64_t seed, std::uint32_t channel, std::uint32_t block,
                                             std::uint32_t (&words)[4]) {
  std::uint32_t c0 = block, c1 = channel, c2 = 0, c3 = 0;
  auto k0 = static_cast<std::uint32_t>(seed), k1 = static_cast<std::uint32_t>(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t first = std::uint64_t{c0} * 0xD2511F53u, second = std::uint64_t{c2} * 0xCD9E8D57u;
    c0 = static_cast<std::uint32_t>(second >> 32) ^ c1 ^ k0;
    c2 = static_cast<std::uint32_t>(first >> 32) ^ c3 ^ k1;
    c1 = static_cast<std::uint32_t>(second);
    c3 = static_cast<std::uint32_t>(first);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  words[0] = c0, words[1] = c1, words[2] = c2, words[3] = c3;
}

// Box and Muller: `deviation` times two normal numbers, of two words.
GADOLIN_HOST_DEVICE inline void normals(std::uint32_t of_radius, std::uint32_t of_angle, float deviation, float& first,
                                        float& second) {
  const float part = (static_cast<float>(of_radius >> 8) + 1.0f) * 0x1.0p-24f;
  const float turn = (static_cast<float>(of_angle >> 8) + 1.0f) * 0x1.0p-24f;
  const float radius = deviation * std::sqrt(-2.0f * logarithm(part));
  const std::int32_t quarter = nearest(turn * 4.0f);
  const float a = (turn - static_cast<float>(quarter) * 0.25f) * 6.28318530717958648f, square = a * a;
  const float sine = a * polynomial(square, {1.0f / 362880, -1.0f / 5040, 1.0f / 120, -1.0f / 6, 1.0f});
  const float cosine = polynomial(square, {1.0f / 40320, -1.0f / 720, 1.0f / 24, -0.5f, 1.0f});
  const bool odd = (quarter & 1) != 0;
  const float x = odd ? sine : cosine, y = odd ? cosine : sine;
  first = radius * (((quarter + 1) & 2) != 0 ? -x : x);
  second = radius * ((quarter & 2) != 0 ? -y : y);
}

// What add_noise adds to voxels 4 block to 4 block + 3 of a channel.
GADOLIN_HOST_DEVICE inline void noise_of(std::uint64_t seed, std::uint32_t channel, std::uint32_t block,
                                         float deviation, float (&noise)[4]) {
  std::uint32_t words[4];
  random_words(seed, channel, block, words);
  normals(words[0], words[1], deviation, noise[0], noise[1]);
  normals(words[2], words[3], deviation, noise[2], noise[3]);
}

// Sum over k of weights[k] * voxels[k * stride], as weigh_rows.
GADOLIN_HOST_DEVICE inline float weighed(const float* voxels, int stride, const float* weights, int count) {
  float sum = weights[0] * voxels[0];
  for (int k = 1; k < count; ++k) sum = sum + weights[k] * voxels[k * stride];
  return sum;
}

}  // namespace augment::voxel
