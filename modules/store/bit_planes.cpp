#include "store/bit_planes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "store/bit_planes.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <cstdint>
#include <utility>

#include "core/error.h"

#ifndef GADOLIN_INLINED
#define GADOLIN_INLINED __attribute__((always_inline))  // of a lambda: its vectors stay in registers
#endif

HWY_BEFORE_NAMESPACE();
namespace store {
namespace HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR || HWY_HAVE_SCALABLE
// Without vectors of a known size nothing is turned here, all of it bit by bit below.
std::size_t from_some(const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) { return 0; }
std::size_t to_some(const std::uint8_t*, std::size_t, std::size_t, std::uint8_t*) { return 0; }
#else

namespace hn = hwy::HWY_NAMESPACE;
using Bytes = hn::CappedTag<std::uint8_t, 32>;
using Block = hn::Full128<std::uint8_t>;
using Words = hn::Repartition<std::uint64_t, Bytes>;
using Vector = hn::Vec<Bytes>;

constexpr std::size_t kVectorBytes = hn::MaxLanes(Bytes());
constexpr std::size_t kBlockBytes = 16;  // within which processors interleave
constexpr std::size_t kBlocks = kVectorBytes / kBlockBytes;
constexpr std::size_t kVoxels = 8 * kVectorBytes;  // that are turned at once: a vector of every plane

// body(0), body(1) ... as constants: lists of vectors then stay in registers.
template <std::size_t kCount, class Body>
HWY_INLINE void for_constants(Body&& body) {
  [&]<std::size_t... kEach>(std::index_sequence<kEach...>) GADOLIN_INLINED {
    (body(std::integral_constant<std::size_t, kEach>()), ...);
  }
  (std::make_index_sequence<kCount>());
}

// A list of 2^n vectors is one long row of bytes, of each block apart. Rotating left brings the highest bit of a byte's
// number to its lowest place.
template <std::size_t kCount>
HWY_INLINE void rotate_left(Vector* row) {
  const Bytes d;
  Vector turned[kCount];
  for_constants<kCount / 2>([&](auto i) GADOLIN_INLINED {
    turned[2 * i] = hn::InterleaveLower(d, row[i], row[i + kCount / 2]);
    turned[2 * i + 1] = hn::InterleaveUpper(d, row[i], row[i + kCount / 2]);
  });
  for_constants<kCount>([&](auto i) GADOLIN_INLINED { row[i] = turned[i]; });
}

// The inverse, but of whole vectors.
template <std::size_t kCount>
HWY_INLINE void rotate_right(Vector* row) {
  const Bytes d;
  Vector turned[kCount];
  for_constants<kCount / 2>([&](auto i) GADOLIN_INLINED {
    turned[i] = hn::ConcatEven(d, row[2 * i + 1], row[2 * i]);
    turned[i + kCount / 2] = hn::ConcatOdd(d, row[2 * i + 1], row[2 * i]);
  });
  for_constants<kCount>([&](auto i) GADOLIN_INLINED { row[i] = turned[i]; });
}

// Of eight vectors, bit i of a byte of vector k becomes bit k of the same byte of vector i.
HWY_INLINE void turn_bits(Vector* row) {
  const Words d;
  const auto swap = [&](auto shift, std::uint64_t mask) GADOLIN_INLINED {
    constexpr std::size_t kShift = decltype(shift)::value;
    for_constants<8>([&](auto k) GADOLIN_INLINED {
      if constexpr ((k & kShift) == 0) {
        const auto a = hn::BitCast(d, row[k]), b = hn::BitCast(d, row[k + kShift]);
        const auto t = hn::And(hn::Xor(hn::ShiftRight<static_cast<int>(kShift)>(a), b), hn::Set(d, mask));
        row[k + kShift] = hn::BitCast(Bytes(), hn::Xor(b, t));
        row[k] = hn::BitCast(Bytes(), hn::Xor(a, hn::ShiftLeft<static_cast<int>(kShift)>(t)));
      }
    });
  };
  swap(std::integral_constant<std::size_t, 4>(), 0x0F0F0F0F0F0F0F0FULL);
  swap(std::integral_constant<std::size_t, 2>(), 0x3333333333333333ULL);
  swap(std::integral_constant<std::size_t, 1>(), 0x5555555555555555ULL);
}

// Blocks of a vector come to lie `apart` bytes from each other.
template <class Any>
HWY_INLINE void store_blocks(Any vector, std::uint8_t* to, std::size_t apart) {
  if constexpr (kBlocks == 1) {
    hn::StoreU(vector, Bytes(), to);
  } else {
    hn::StoreU(hn::LowerHalf(vector), Block(), to);
    hn::StoreU(hn::UpperHalf(Block(), vector), Block(), to + apart);
  }
}

// Of `row`, the number of a byte is (place in the voxel, bit or voxel of eight, eight); of voxels (eight, voxel of the
// eight, place).
template <std::size_t kWidth>
std::size_t from_planes(const std::uint8_t* planes, std::size_t count, std::uint8_t* voxels) {
  const Bytes d;
  Vector row[8 * kWidth];
  std::size_t done = 0;
  for (; done + kVoxels <= count; done += kVoxels) {
    for_constants<kWidth>([&](auto place) GADOLIN_INLINED {
      Vector* const part = row + 8 * place;
      for_constants<8>(
          [&](auto k) GADOLIN_INLINED { part[k] = hn::LoadU(d, planes + (8 * place + k) * (count / 8) + done / 8); });
      turn_bits(part);
      for_constants<3>([&](auto) GADOLIN_INLINED { rotate_left<8>(part); });
    });
    if constexpr (kWidth > 1) rotate_left<8 * kWidth>(row);
    if constexpr (kWidth > 2) rotate_left<8 * kWidth>(row);
    if constexpr (kWidth > 4) rotate_left<8 * kWidth>(row);
    for_constants<8 * kWidth>([&](auto i) GADOLIN_INLINED {
      store_blocks(row[i], voxels + done * kWidth + i * kBlockBytes, 8 * kBlockBytes * kWidth);
    });
  }
  return done;
}

template <std::size_t kWidth>
std::size_t to_planes(const std::uint8_t* voxels, std::size_t count, std::uint8_t* planes) {
  const Bytes d;
  Vector row[8 * kWidth];
  std::size_t done = 0;
  for (; done + kVoxels <= count; done += kVoxels) {
    for_constants<8 * kWidth>(
        [&](auto i) GADOLIN_INLINED { row[i] = hn::LoadU(d, voxels + done * kWidth + i * kVectorBytes); });
    if constexpr (kWidth > 1) rotate_right<8 * kWidth>(row);
    if constexpr (kWidth > 2) rotate_right<8 * kWidth>(row);
    if constexpr (kWidth > 4) rotate_right<8 * kWidth>(row);
    for_constants<kWidth>([&](auto place) GADOLIN_INLINED {
      Vector* const part = row + 8 * place;
      for_constants<3>([&](auto) GADOLIN_INLINED { rotate_right<8>(part); });
      turn_bits(part);
      for_constants<8>(
          [&](auto k) GADOLIN_INLINED { hn::StoreU(part[k], d, planes + (8 * place + k) * (count / 8) + done / 8); });
    });
  }
  return done;
}

std::size_t from_some(const std::uint8_t* planes, std::size_t width, std::size_t count, std::uint8_t* voxels) {
  if (width == 1) return from_planes<1>(planes, count, voxels);
  if (width == 2) return from_planes<2>(planes, count, voxels);
  if (width == 4) return from_planes<4>(planes, count, voxels);
  return from_planes<8>(planes, count, voxels);
}

std::size_t to_some(const std::uint8_t* voxels, std::size_t width, std::size_t count, std::uint8_t* planes) {
  if (width == 1) return to_planes<1>(voxels, count, planes);
  if (width == 2) return to_planes<2>(voxels, count, planes);
  if (width == 4) return to_planes<4>(voxels, count, planes);
  return to_planes<8>(voxels, count, planes);
}

#endif
}  // namespace HWY_NAMESPACE
}  // namespace store
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace store {
namespace {

HWY_EXPORT(from_some);
HWY_EXPORT(to_some);

std::size_t checked_count(std::size_t bytes, std::size_t width, std::size_t other_bytes) {
  GADOLIN_CHECK(width == 1 || width == 2 || width == 4 || width == 8);
  GADOLIN_CHECK(bytes % (8 * width) == 0 && other_bytes == bytes);
  return bytes / width;
}

}  // namespace

void to_bit_planes(std::span<const std::byte> voxels, std::size_t width, std::span<std::byte> planes) {
  const std::size_t count = checked_count(voxels.size(), width, planes.size());
  const auto* in = reinterpret_cast<const std::uint8_t*>(voxels.data());
  auto* out = reinterpret_cast<std::uint8_t*>(planes.data());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(to_some)(in, width, count, out);
  for (std::size_t plane = 0; plane < 8 * width; ++plane) {
    for (std::size_t group = done / 8; group < count / 8; ++group) {
      unsigned bits = 0;
      for (std::size_t i = 0; i < 8; ++i) bits |= (in[(8 * group + i) * width + plane / 8] >> plane % 8 & 1U) << i;
      out[plane * (count / 8) + group] = static_cast<std::uint8_t>(bits);
    }
  }
}

void from_bit_planes(std::span<const std::byte> planes, std::size_t width, std::span<std::byte> voxels) {
  const std::size_t count = checked_count(planes.size(), width, voxels.size());
  const auto* in = reinterpret_cast<const std::uint8_t*>(planes.data());
  auto* out = reinterpret_cast<std::uint8_t*>(voxels.data());
  const std::size_t done = HWY_DYNAMIC_DISPATCH(from_some)(in, width, count, out);
  for (std::size_t i = done; i < count; ++i) {
    for (std::size_t b = 0; b < width; ++b) {
      unsigned byte = 0;
      for (std::size_t k = 0; k < 8; ++k) byte |= (in[(8 * b + k) * (count / 8) + i / 8] >> i % 8 & 1U) << k;
      out[i * width + b] = static_cast<std::uint8_t>(byte);
    }
  }
}

}  // namespace store
#endif
