#include "store/bit_planes.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "store/bit_planes.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>
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
constexpr std::size_t kStep = 4 * kVoxels;         // voxels whose bytes are kept apart in between

// body(0), body(1) ... as constants: lists of vectors then stay in registers.
template <std::size_t kCount, class Body>
HWY_INLINE void for_constants(Body&& body) {
  [&]<std::size_t... kEach>(std::index_sequence<kEach...>) GADOLIN_INLINED {
    (body(std::integral_constant<std::size_t, kEach>()), ...);
  }
  (std::make_index_sequence<kCount>());
}

// Eight vectors are one long row of bytes, of each block apart. Rotating left brings the highest bit of a byte's number
// to its lowest place.
HWY_INLINE void rotate_left(Vector* row) {
  const Bytes d;
  Vector turned[8];
  for_constants<4>([&](auto i) GADOLIN_INLINED {
    turned[2 * i] = hn::InterleaveLower(d, row[i], row[i + 4]);
    turned[2 * i + 1] = hn::InterleaveUpper(d, row[i], row[i + 4]);
  });
  for_constants<8>([&](auto i) GADOLIN_INLINED { row[i] = turned[i]; });
}

// The inverse, but of whole vectors.
HWY_INLINE void rotate_right(Vector* row) {
  const Bytes d;
  Vector turned[8];
  for_constants<4>([&](auto i) GADOLIN_INLINED {
    turned[i] = hn::ConcatEven(d, row[2 * i + 1], row[2 * i]);
    turned[i + 4] = hn::ConcatOdd(d, row[2 * i + 1], row[2 * i]);
  });
  for_constants<8>([&](auto i) GADOLIN_INLINED { row[i] = turned[i]; });
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

// One byte of each of `count` voxels out of its eight planes, which lie `stride` bytes apart, and back.
void byte_from_planes(const std::uint8_t* planes, std::size_t stride, std::size_t count, std::uint8_t* bytes) {
  for (std::size_t done = 0; done < count; done += kVoxels) {
    Vector row[8];
    for_constants<8>([&](auto k) GADOLIN_INLINED { row[k] = hn::LoadU(Bytes(), planes + k * stride + done / 8); });
    turn_bits(row);
    for_constants<3>([&](auto) GADOLIN_INLINED { rotate_left(row); });
    for_constants<8>([&](auto i)
                         GADOLIN_INLINED { store_blocks(row[i], bytes + done + i * kBlockBytes, 8 * kBlockBytes); });
  }
}

void byte_to_planes(const std::uint8_t* bytes, std::size_t stride, std::size_t count, std::uint8_t* planes) {
  for (std::size_t done = 0; done < count; done += kVoxels) {
    Vector row[8];
    for_constants<8>([&](auto i) GADOLIN_INLINED { row[i] = hn::LoadU(Bytes(), bytes + done + i * kVectorBytes); });
    for_constants<3>([&](auto) GADOLIN_INLINED { rotate_right(row); });
    turn_bits(row);
    for_constants<8>([&](auto k) GADOLIN_INLINED { hn::StoreU(row[k], Bytes(), planes + k * stride + done / 8); });
  }
}

// Bytes of voxels, by their place in the voxel.
using Apart = std::uint8_t[8][kStep];

// T has half of the width: element i of `low`, element i of `high`, one after the other.
template <class T>
void join_two(const std::uint8_t* low, const std::uint8_t* high, std::size_t bytes, std::uint8_t* to) {
  const hn::Repartition<T, Bytes> d;
  const auto at = [](const std::uint8_t* from) GADOLIN_INLINED { return reinterpret_cast<const T*>(from); };
  for (std::size_t i = 0; i < bytes; i += kVectorBytes) {
    hn::StoreInterleaved2(hn::LoadU(d, at(low + i)), hn::LoadU(d, at(high + i)), d, reinterpret_cast<T*>(to + 2 * i));
  }
}

template <class T>
void part_two(const std::uint8_t* from, std::size_t bytes, std::uint8_t* low, std::uint8_t* high) {
  const hn::Repartition<T, Bytes> d;
  for (std::size_t i = 0; i < bytes; i += kVectorBytes) {
    auto a = hn::Zero(d), b = a;
    hn::LoadInterleaved2(d, reinterpret_cast<const T*>(from + 2 * i), a, b);
    hn::StoreU(a, d, reinterpret_cast<T*>(low + i));
    hn::StoreU(b, d, reinterpret_cast<T*>(high + i));
  }
}

// Places 0 and 1 make a word, two words a word twice as wide, and so on.
void join(const Apart& apart, std::size_t width, std::size_t count, std::uint8_t* voxels) {
  HWY_ALIGN std::uint8_t twos[4][2 * kStep], fours[2][4 * kStep];
  for (std::size_t i = 0; i < width / 2; ++i)
    join_two<std::uint8_t>(apart[2 * i], apart[2 * i + 1], count, width == 2 ? voxels : twos[i]);
  for (std::size_t i = 0; i < width / 4; ++i)
    join_two<std::uint16_t>(twos[2 * i], twos[2 * i + 1], 2 * count, width == 4 ? voxels : fours[i]);
  if (width == 8) join_two<std::uint32_t>(fours[0], fours[1], 4 * count, voxels);
}

void part(const std::uint8_t* voxels, std::size_t width, std::size_t count, Apart& apart) {
  HWY_ALIGN std::uint8_t twos[4][2 * kStep], fours[2][4 * kStep];
  if (width == 8) part_two<std::uint32_t>(voxels, 4 * count, fours[0], fours[1]);
  for (std::size_t i = 0; i < width / 4; ++i)
    part_two<std::uint16_t>(width == 4 ? voxels : fours[i], 2 * count, twos[2 * i], twos[2 * i + 1]);
  for (std::size_t i = 0; i < width / 2; ++i)
    part_two<std::uint8_t>(width == 2 ? voxels : twos[i], count, apart[2 * i], apart[2 * i + 1]);
}

// Both return how many voxels were turned: all but what fills no vector.
std::size_t from_some(const std::uint8_t* planes, std::size_t width, std::size_t count, std::uint8_t* voxels) {
  HWY_ALIGN Apart apart;
  const std::size_t stride = count / 8, end = count / kVoxels * kVoxels;
  for (std::size_t done = 0; done < end; done += kStep) {
    const std::size_t now = std::min(kStep, end - done);
    for (std::size_t place = 0; place < width; ++place)
      byte_from_planes(planes + 8 * place * stride + done / 8, stride, now, width == 1 ? voxels + done : apart[place]);
    if (width > 1) join(apart, width, now, voxels + done * width);
  }
  return end;
}

std::size_t to_some(const std::uint8_t* voxels, std::size_t width, std::size_t count, std::uint8_t* planes) {
  HWY_ALIGN Apart apart;
  const std::size_t stride = count / 8, end = count / kVoxels * kVoxels;
  for (std::size_t done = 0; done < end; done += kStep) {
    const std::size_t now = std::min(kStep, end - done);
    if (width > 1) part(voxels + done * width, width, now, apart);
    for (std::size_t place = 0; place < width; ++place)
      byte_to_planes(width == 1 ? voxels + done : apart[place], stride, now, planes + 8 * place * stride + done / 8);
  }
  return end;
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
