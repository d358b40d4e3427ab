#include "augment/voxel_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "augment/voxel_rows.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

HWY_BEFORE_NAMESPACE();
namespace augment {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using Values = hn::Vec<Floats>;
using Numbers = hn::Vec<Ints>;

HWY_INLINE Values set(float value) { return hn::Set(Floats(), value); }

// voxel = change(voxel), for all; the last ones in a vector that is filled up.
template <class Change>
HWY_INLINE void change_all(float* voxels, std::size_t size, Change&& change) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) hn::StoreU(change(hn::LoadU(d, voxels + i)), d, voxels + i);
  if (i == size) return;
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  std::copy_n(voxels + i, size - i, rest);
  hn::Store(change(hn::Load(d, rest)), d, rest);
  std::copy_n(rest, size - i, voxels + i);
}

// Sums of the differences from `base` and of their squares, in eight lots whatever the width of a vector.
void moments(const float* voxels, std::size_t size, double base, double* sums, float* ends) {
  using Doubles = hn::CappedTag<double, 8>;
  constexpr std::size_t kLots = 8;
  const Doubles d;
  const hn::Rebind<float, Doubles> narrow;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN double sum[kLots] = {}, squares[kLots] = {};
  HWY_ALIGN float low[kLots], high[kLots];
  std::fill_n(low, kLots, voxels[0]);
  std::fill_n(high, kLots, voxels[0]);
  const std::size_t whole = size / kLots * kLots;
  for (std::size_t lot = 0; lot < kLots; lot += lanes) {
    auto s = hn::Zero(d), q = hn::Zero(d);
    auto least = hn::Set(narrow, voxels[0]), most = least;
    const auto from = hn::Set(d, base);
    for (std::size_t i = lot; i < whole; i += kLots) {
      const auto voxel = hn::LoadU(narrow, voxels + i);
      least = hn::Min(least, voxel);
      most = hn::Max(most, voxel);
      const auto difference = hn::Sub(hn::PromoteTo(d, voxel), from);
      s = hn::Add(s, difference);
      q = hn::Add(q, hn::Mul(difference, difference));
    }
    hn::StoreU(s, d, sum + lot);
    hn::StoreU(q, d, squares + lot);
    hn::StoreU(least, narrow, low + lot);
    hn::StoreU(most, narrow, high + lot);
  }
  for (std::size_t i = whole; i < size; ++i) {
    const double difference = static_cast<double>(voxels[i]) - base;
    sum[i - whole] += difference;
    squares[i - whole] += difference * difference;
    low[i - whole] = std::min(low[i - whole], voxels[i]);
    high[i - whole] = std::max(high[i - whole], voxels[i]);
  }
  sums[0] = sums[1] = 0;
  for (std::size_t lot = 0; lot < kLots; ++lot) {
    sums[0] += sum[lot];
    sums[1] += squares[lot];
  }
  ends[0] = *std::min_element(low, low + kLots);
  ends[1] = *std::max_element(high, high + kLots);
}

void stretch_some(float* voxels, std::size_t size, const Stretch& by) {
  const auto from = set(by.from), more = set(by.more), shift = set(by.shift), low = set(by.low), high = set(by.high);
  change_all(voxels, size, [&](Values v) HWY_ATTR {
    const auto changed = hn::Add(hn::Add(v, hn::Mul(hn::Sub(v, from), more)), shift);
    return hn::Min(hn::Max(changed, low), high);
  });
}

template <std::size_t kCount>
HWY_INLINE Values polynomial(Values x, const float (&coefficients)[kCount]) {
  auto y = set(coefficients[0]);
  for (std::size_t k = 1; k < kCount; ++k) y = hn::Add(hn::Mul(y, x), set(coefficients[k]));
  return y;
}

// Of normal numbers > 0: ln(m 2^e) = 2 atanh((m - 1) / (m + 1)) + e ln 2, m within [1 / sqrt 2, sqrt 2).
HWY_INLINE Values logarithm(Values x) {
  const Floats d;
  const Ints whole;
  constexpr std::int32_t kHalfRoot = 0x3f3504f3;  // bits of 1 / sqrt 2
  const auto bits = hn::Sub(hn::BitCast(whole, x), hn::Set(whole, kHalfRoot));
  const auto exponent = hn::ShiftRight<23>(bits);
  const auto fraction = hn::Add(hn::And(bits, hn::Set(whole, 0x007fffff)), hn::Set(whole, kHalfRoot));
  const auto m = hn::BitCast(d, fraction);
  const auto s = hn::Div(hn::Sub(m, set(1)), hn::Add(m, set(1)));
  const auto series = polynomial(hn::Mul(s, s), {2.0f / 9, 2.0f / 7, 2.0f / 5, 2.0f / 3, 2.0f});
  return hn::Add(hn::Mul(s, series), hn::Mul(hn::ConvertTo(d, exponent), set(std::numbers::ln2_v<float>)));
}

// e^x for x in [-87, 87]: 2^n e^r, |r| <= ln 2 / 2.
HWY_INLINE Values exponential(Values x) {
  const Floats d;
  const Ints whole;
  constexpr float kHigh = 0.693359375f, kLow = -2.12194440e-4f;  // ln 2 in two parts
  const auto n = hn::NearestInt(hn::Mul(x, set(std::numbers::log2e_v<float>)));
  const auto part = hn::ConvertTo(d, n);
  const auto r = hn::Sub(hn::Sub(x, hn::Mul(part, set(kHigh))), hn::Mul(part, set(kLow)));
  const auto series = polynomial(r, {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f});
  return hn::Mul(series, hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(whole, 127)))));
}

void power(float* voxels, std::size_t size, float low, float high, float exponent, bool upside_down) {
  const auto start = set(upside_down ? high : low), way = set(1 / (upside_down ? low - high : high - low));
  const auto one = set(1), zero = hn::Zero(Floats()), tiny = set(1e-37f), by = set(exponent), least = set(-87);
  change_all(voxels, size, [&](Values v) HWY_ATTR {
    const auto part = hn::Min(hn::Max(hn::Mul(hn::Sub(v, start), way), zero), one);
    const auto raised = exponential(hn::Max(hn::Mul(by, logarithm(hn::Max(part, tiny))), least));
    const auto kept = hn::IfThenElseZero(hn::Gt(part, tiny), raised);
    return upside_down ? hn::Sub(one, kept) : kept;
  });
}

// High and low halves of the products with a constant.
#if HWY_TARGET == HWY_SCALAR
template <class D>
HWY_INLINE void multiply(D d, hn::Vec<D> x, std::uint32_t constant, hn::Vec<D>& high, hn::Vec<D>& low) {
  const std::uint64_t product = std::uint64_t{hn::GetLane(x)} * constant;
  high = hn::Set(d, static_cast<std::uint32_t>(product >> 32));
  low = hn::Set(d, static_cast<std::uint32_t>(product));
}
#else
template <class D>
HWY_INLINE void multiply(D d, hn::Vec<D> x, std::uint32_t constant, hn::Vec<D>& high, hn::Vec<D>& low) {
  const hn::RepartitionToWide<D> wide;
  const auto factor = hn::Set(d, constant);
  const auto even = hn::MulEven(x, factor);
  const auto odd = hn::MulEven(hn::BitCast(d, hn::ShiftRight<32>(hn::BitCast(wide, x))), factor);
  low = hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(odd)), hn::BitCast(d, even));
  high = hn::OddEven(hn::BitCast(d, odd), hn::BitCast(d, hn::ShiftRight<32>(even)));
}
#endif

// Radius times cosine and sine of a turn's part: Box and Muller.
HWY_INLINE void normals(Values of_radius, Values of_angle, Values deviation, Values& first, Values& second) {
  const Floats d;
  const Ints whole;
  const auto radius = hn::Mul(deviation, hn::Sqrt(hn::Mul(set(-2), logarithm(of_radius))));
  // A turn has four quarters; within half of one from its middle the series are short.
  const auto quarter = hn::NearestInt(hn::Mul(of_angle, set(4)));
  const auto rest = hn::Sub(of_angle, hn::Mul(hn::ConvertTo(d, quarter), set(0.25f)));
  const auto a = hn::Mul(rest, set(2 * std::numbers::pi_v<float>)), square = hn::Mul(a, a);
  const auto sine = hn::Mul(a, polynomial(square, {1.0f / 362880, -1.0f / 5040, 1.0f / 120, -1.0f / 6, 1.0f}));
  const auto cosine = polynomial(square, {1.0f / 40320, -1.0f / 720, 1.0f / 24, -0.5f, 1.0f});
  const auto odd = hn::RebindMask(d, hn::Ne(hn::And(quarter, hn::Set(whole, 1)), hn::Zero(whole)));
  const auto sign = [&](Numbers places)
                        HWY_ATTR { return hn::BitCast(d, hn::ShiftLeft<30>(hn::And(places, hn::Set(whole, 2)))); };
  first = hn::Mul(radius, hn::Xor(hn::IfThenElse(odd, sine, cosine), sign(hn::Add(quarter, hn::Set(whole, 1)))));
  second = hn::Mul(radius, hn::Xor(hn::IfThenElse(odd, cosine, sine), sign(quarter)));
}

// Adds noise to 4 * Lanes voxels, the blocks of which begin at `block`.
HWY_INLINE void noise_block(float* voxels, std::uint32_t block, const std::uint32_t* key_words, std::uint32_t channel,
                            Values deviation) {
  const Floats d;
  const hn::RebindToUnsigned<Floats> words;
  auto c0 = hn::Add(hn::Iota(words, 0), hn::Set(words, block)), c1 = hn::Set(words, channel);
  auto c2 = hn::Zero(words), c3 = hn::Zero(words);
  std::uint32_t k0 = key_words[0], k1 = key_words[1];
  for (int round = 0; round < 10; ++round) {
    auto high0 = c0, low0 = c0, high1 = c2, low1 = c2;
    multiply(words, c0, 0xD2511F53u, high0, low0);
    multiply(words, c2, 0xCD9E8D57u, high1, low1);
    c0 = hn::Xor(hn::Xor(high1, c1), hn::Set(words, k0));
    c2 = hn::Xor(hn::Xor(high0, c3), hn::Set(words, k1));
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  // (0, 1], so that its logarithm is finite.
  const auto part = [&](auto word) HWY_ATTR {
    const auto high = hn::ConvertTo(d, hn::BitCast(Ints(), hn::ShiftRight<8>(word)));
    return hn::Mul(hn::Add(high, set(1)), set(0x1.0p-24f));
  };
  auto n0 = deviation, n1 = deviation, n2 = deviation, n3 = deviation;
  normals(part(c0), part(c1), deviation, n0, n1);
  normals(part(c2), part(c3), deviation, n2, n3);
  hn::StoreInterleaved4(n0, n1, n2, n3, d, voxels);
}

void noise(float* voxels, std::size_t size, std::uint64_t seed, std::uint32_t channel, float deviation) {
  const Floats d;
  const std::size_t step = 4 * hn::Lanes(d);
  const std::uint32_t key[2] = {static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  HWY_ALIGN float made[4 * hn::MaxLanes(d)];
  for (std::size_t i = 0; i < size; i += step) {
    noise_block(made, static_cast<std::uint32_t>(i / 4), key, channel, set(deviation));
    const std::size_t count = std::min(step, size - i);
    std::size_t k = 0;
    for (; k + hn::Lanes(d) <= count; k += hn::Lanes(d))
      hn::StoreU(hn::Add(hn::LoadU(d, voxels + i + k), hn::Load(d, made + k)), d, voxels + i + k);
    for (; k < count; ++k) voxels[i + k] += made[k];
  }
}

void weigh(const float* rows, std::size_t stride, const float* weights, std::size_t count, std::size_t width,
           float* out) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t x = 0;
  for (; x + lanes <= width; x += lanes) {
    auto sum = hn::Mul(set(weights[0]), hn::LoadU(d, rows + x));
    for (std::size_t k = 1; k < count; ++k)
      sum = hn::Add(sum, hn::Mul(set(weights[k]), hn::LoadU(d, rows + k * stride + x)));
    hn::StoreU(sum, d, out + x);
  }
  for (; x < width; ++x) {
    float sum = weights[0] * rows[x];
    for (std::size_t k = 1; k < count; ++k) sum += weights[k] * rows[k * stride + x];
    out[x] = sum;
  }
}

void turn_around(float* voxels, std::size_t size) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t low = 0, high = size;
  for (; low + 2 * lanes <= high; low += lanes, high -= lanes) {
    const auto first = hn::LoadU(d, voxels + low), last = hn::LoadU(d, voxels + high - lanes);
    hn::StoreU(hn::Reverse(d, last), d, voxels + low);
    hn::StoreU(hn::Reverse(d, first), d, voxels + high - lanes);
  }
  std::reverse(voxels + low, voxels + high);
}

// Four rows and columns at once, as far as they go.
void turn_over(const float* from, std::size_t rows, std::size_t columns, float* to) {
  std::size_t done = 0;
#if HWY_TARGET != HWY_SCALAR
  const hn::FixedTag<float, 4> d;
  done = rows / 4 * 4;
  for (std::size_t c = 0; c + 4 <= columns; c += 4) {
    for (std::size_t r = 0; r < done; r += 4) {
      const float* const in = from + r * columns + c;
      const auto a = hn::LoadU(d, in), b = hn::LoadU(d, in + columns);
      const auto e = hn::LoadU(d, in + 2 * columns), f = hn::LoadU(d, in + 3 * columns);
      const auto ab = hn::InterleaveLower(d, a, b), ab2 = hn::InterleaveUpper(d, a, b);
      const auto ef = hn::InterleaveLower(d, e, f), ef2 = hn::InterleaveUpper(d, e, f);
      float* const out = to + c * rows + r;
      hn::StoreU(hn::ConcatLowerLower(d, ef, ab), d, out);
      hn::StoreU(hn::ConcatUpperUpper(d, ef, ab), d, out + rows);
      hn::StoreU(hn::ConcatLowerLower(d, ef2, ab2), d, out + 2 * rows);
      hn::StoreU(hn::ConcatUpperUpper(d, ef2, ab2), d, out + 3 * rows);
    }
  }
  for (std::size_t c = columns / 4 * 4; c < columns; ++c) {
    for (std::size_t r = 0; r < done; ++r) to[c * rows + r] = from[r * columns + c];
  }
#endif
  for (std::size_t r = done; r < rows; ++r) {
    for (std::size_t c = 0; c < columns; ++c) to[c * rows + r] = from[r * columns + c];
  }
}

void scale_numbers(const std::int16_t* numbers, std::size_t size, float scale, float offset, float* out) {
  const Floats d;
  const hn::Rebind<std::int16_t, Floats> narrow;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const auto number = hn::ConvertTo(d, hn::PromoteTo(Ints(), hn::LoadU(narrow, numbers + i)));
    hn::StoreU(hn::Add(hn::Mul(number, set(scale)), set(offset)), d, out + i);
  }
  for (; i < size; ++i) {
    const float product = static_cast<float>(numbers[i]) * scale;
    out[i] = product + offset;
  }
}

void clear_some(float* voxels, const std::uint8_t* valid, std::size_t size) {
  const Floats d;
  const Ints whole;
  const hn::Rebind<std::uint8_t, Floats> bytes;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const auto keep = hn::Ne(hn::PromoteTo(whole, hn::LoadU(bytes, valid + i)), hn::Zero(whole));
    hn::StoreU(hn::IfThenElseZero(hn::RebindMask(d, keep), hn::LoadU(d, voxels + i)), d, voxels + i);
  }
  for (; i < size; ++i) voxels[i] = valid[i] != 0 ? voxels[i] : 0;
}

}  // namespace HWY_NAMESPACE
}  // namespace augment
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace augment {
namespace {

HWY_EXPORT(turn_around);
HWY_EXPORT(turn_over);
HWY_EXPORT(scale_numbers);
HWY_EXPORT(clear_some);
HWY_EXPORT(moments);
HWY_EXPORT(stretch_some);
HWY_EXPORT(power);
HWY_EXPORT(noise);
HWY_EXPORT(weigh);

}  // namespace

Contents contents_of(std::span<const float> voxels) {
  if (voxels.empty()) return {};
  // Differences from one voxel, so that a large offset (HU, raw counts) costs no digits.
  const double base = voxels[0], count = static_cast<double>(voxels.size());
  double sums[2];
  float ends[2];
  HWY_DYNAMIC_DISPATCH(moments)(voxels.data(), voxels.size(), base, sums, ends);
  const double mean = sums[0] / count;
  return {base + mean, std::sqrt(std::max(0.0, sums[1] / count - mean * mean)), ends[0], ends[1]};
}

void stretch(std::span<float> voxels, const Stretch& by) {
  HWY_DYNAMIC_DISPATCH(stretch_some)(voxels.data(), voxels.size(), by);
}

void raise(std::span<float> voxels, float low, float high, float exponent, bool upside_down) {
  HWY_DYNAMIC_DISPATCH(power)(voxels.data(), voxels.size(), low, high, exponent, upside_down);
}

void add_noise(std::span<float> voxels, std::uint64_t seed, std::uint32_t channel, float deviation) {
  HWY_DYNAMIC_DISPATCH(noise)(voxels.data(), voxels.size(), seed, channel, deviation);
}

void weigh_rows(const float* rows, std::size_t stride, std::span<const float> weights, std::size_t width, float* out) {
  HWY_DYNAMIC_DISPATCH(weigh)(rows, stride, weights.data(), weights.size(), width, out);
}

void reverse(std::span<float> voxels) { HWY_DYNAMIC_DISPATCH(turn_around)(voxels.data(), voxels.size()); }

void transpose(const float* from, std::size_t rows, std::size_t columns, float* to) {
  HWY_DYNAMIC_DISPATCH(turn_over)(from, rows, columns, to);
}

void scale_row(std::span<const std::int16_t> numbers, float scale, float offset, float* out) {
  HWY_DYNAMIC_DISPATCH(scale_numbers)(numbers.data(), numbers.size(), scale, offset, out);
}

void clear(std::span<float> voxels, std::span<const std::uint8_t> valid) {
  HWY_DYNAMIC_DISPATCH(clear_some)(voxels.data(), valid.data(), voxels.size());
}

}  // namespace augment
#endif
