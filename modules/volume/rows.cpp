#include "volume/rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "volume/rows.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>
#include <limits>

HWY_BEFORE_NAMESPACE();
namespace volume {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;

template <class T>
HWY_INLINE hn::Vec<Floats> load(const T* from) {
  const Floats d;
  if constexpr (std::is_same_v<T, float>) {
    return hn::LoadU(d, from);
  } else {
    return hn::ConvertTo(d, hn::PromoteTo(Ints(), hn::LoadU(hn::Rebind<T, Floats>(), from)));
  }
}

template <class T, std::size_t kCount>
void sum_some(const T* const* rows, const float* weights, std::size_t size, float* out) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    auto sum = hn::Mul(hn::Set(d, weights[0]), load(rows[0] + i));
    for (std::size_t k = 1; k < kCount; ++k) sum = hn::Add(sum, hn::Mul(hn::Set(d, weights[k]), load(rows[k] + i)));
    hn::StoreU(sum, d, out + i);
  }
  for (; i < size; ++i) {
    float sum = weights[0] * static_cast<float>(rows[0][i]);
    for (std::size_t k = 1; k < kCount; ++k) sum += weights[k] * static_cast<float>(rows[k][i]);
    out[i] = sum;
  }
}

template <class T>
void sum_any(const T* const* rows, const float* weights, std::size_t count, std::size_t size, float* out) {
  if (count == 1) return sum_some<T, 1>(rows, weights, size, out);
  if (count == 2) return sum_some<T, 2>(rows, weights, size, out);
  if (count == 3) return sum_some<T, 3>(rows, weights, size, out);
  sum_some<T, 4>(rows, weights, size, out);
}

void sum_u8(const std::uint8_t* const* r, const float* w, std::size_t c, std::size_t n, float* o) {
  sum_any(r, w, c, n, o);
}
void sum_i8(const std::int8_t* const* r, const float* w, std::size_t c, std::size_t n, float* o) {
  sum_any(r, w, c, n, o);
}
void sum_u16(const std::uint16_t* const* r, const float* w, std::size_t c, std::size_t n, float* o) {
  sum_any(r, w, c, n, o);
}
void sum_i16(const std::int16_t* const* r, const float* w, std::size_t c, std::size_t n, float* o) {
  sum_any(r, w, c, n, o);
}
void sum_f32(const float* const* r, const float* w, std::size_t c, std::size_t n, float* o) { sum_any(r, w, c, n, o); }

template <std::size_t kCount>
void take_some(const float* row, const RowTaps& taps, std::size_t begin, std::size_t end, float* out) {
  const Floats d;
  const Ints whole;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t i = begin;
  for (; i + lanes <= end; i += lanes) {
    auto sum = hn::Mul(hn::LoadU(d, taps.weight[0].data() + i),
                       hn::GatherIndex(d, row, hn::LoadU(whole, taps.index[0].data() + i)));
    for (std::size_t k = 1; k < kCount; ++k) {
      sum = hn::Add(sum, hn::Mul(hn::LoadU(d, taps.weight[k].data() + i),
                                 hn::GatherIndex(d, row, hn::LoadU(whole, taps.index[k].data() + i))));
    }
    hn::StoreU(sum, d, out + i);
  }
  for (; i < end; ++i) {
    float sum = taps.weight[0][i] * row[taps.index[0][i]];
    for (std::size_t k = 1; k < kCount; ++k) sum += taps.weight[k][i] * row[taps.index[k][i]];
    out[i] = sum;
  }
}

void take(const float* row, const RowTaps& taps, std::size_t begin, std::size_t end, float* out) {
  if (taps.count == 1) return take_some<1>(row, taps, begin, end, out);
  if (taps.count == 2) return take_some<2>(row, taps, begin, end, out);
  take_some<4>(row, taps, begin, end, out);
}

template <class T>
void store_some(const float* row, std::size_t size, T* out) {
  const Floats d;
  const hn::Rebind<T, Floats> narrow;
  const std::size_t lanes = hn::Lanes(d);
  const auto lowest = static_cast<float>(std::numeric_limits<T>::lowest());
  const auto highest = static_cast<float>(std::numeric_limits<T>::max());
  const auto low = hn::Set(d, lowest), high = hn::Set(d, highest);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) {
    const auto value = hn::LoadU(d, row + i);
    const auto held = hn::Min(hn::IfThenElse(hn::Gt(value, low), value, low), high);
    hn::StoreU(hn::DemoteTo(narrow, hn::NearestInt(held)), narrow, out + i);
  }
  for (; i < size; ++i) {
    const float held = std::min(row[i] > lowest ? row[i] : lowest, highest);
    out[i] = static_cast<T>(std::nearbyint(held));
  }
}

void store_u8(const float* row, std::size_t size, std::uint8_t* out) { store_some(row, size, out); }
void store_i8(const float* row, std::size_t size, std::int8_t* out) { store_some(row, size, out); }
void store_u16(const float* row, std::size_t size, std::uint16_t* out) { store_some(row, size, out); }
void store_i16(const float* row, std::size_t size, std::int16_t* out) { store_some(row, size, out); }

// here = a * here + b * near, or b * (near - here) with `a` 0.
template <bool kBack>
HWY_INLINE void recur(float* here, const float* near, float a, float b, std::size_t width) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  const auto first = hn::Set(d, a), second = hn::Set(d, b);
  std::size_t i = 0;
  for (; i + lanes <= width; i += lanes) {
    const auto x = hn::LoadU(d, here + i), y = hn::LoadU(d, near + i);
    if constexpr (kBack) {
      hn::StoreU(hn::Mul(second, hn::Sub(y, x)), d, here + i);
    } else {
      hn::StoreU(hn::Add(hn::Mul(first, x), hn::Mul(second, y)), d, here + i);
    }
  }
  for (; i < width; ++i) here[i] = kBack ? b * (near[i] - here[i]) : a * here[i] + b * near[i];
}

void spline(float* lines, std::size_t size, std::size_t stride, std::size_t width, const double* start,
            std::size_t starts) {
  const double exact = std::sqrt(3.0) - 2.0;
  const auto pole = static_cast<float>(exact);
  const auto gain = static_cast<float>((1.0 - exact) * (1.0 - 1.0 / exact));
  for (std::size_t i = 0; i < width; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < starts; ++k) sum += start[k] * static_cast<double>(lines[k * stride + i]);
    lines[i] = static_cast<float>(sum) * gain;
  }
  for (std::size_t k = 1; k < size; ++k) {
    float* here = lines + k * stride;
    recur<false>(here, here - stride, gain, pole, width);
  }
  const auto end = static_cast<float>(exact / (exact * exact - 1.0));
  float* last = lines + (size - 1) * stride;
  const float* before = last - stride;
  for (std::size_t i = 0; i < width; ++i) last[i] = end * (pole * before[i] + last[i]);
  for (std::size_t k = size - 1; k-- > 0;) {
    float* here = lines + k * stride;
    recur<true>(here, here + stride, 0, pole, width);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace volume
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace volume {
namespace {

HWY_EXPORT(sum_u8);
HWY_EXPORT(sum_i8);
HWY_EXPORT(sum_u16);
HWY_EXPORT(sum_i16);
HWY_EXPORT(sum_f32);
HWY_EXPORT(take);
HWY_EXPORT(store_u8);
HWY_EXPORT(store_i8);
HWY_EXPORT(store_u16);
HWY_EXPORT(store_i16);
HWY_EXPORT(spline);

}  // namespace

template <>
void sum_rows(std::span<const std::uint8_t* const> rows, std::span<const float> weights, std::size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(sum_u8)(rows.data(), weights.data(), rows.size(), size, out);
}
template <>
void sum_rows(std::span<const std::int8_t* const> rows, std::span<const float> weights, std::size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(sum_i8)(rows.data(), weights.data(), rows.size(), size, out);
}
template <>
void sum_rows(std::span<const std::uint16_t* const> rows, std::span<const float> weights, std::size_t size,
              float* out) {
  HWY_DYNAMIC_DISPATCH(sum_u16)(rows.data(), weights.data(), rows.size(), size, out);
}
template <>
void sum_rows(std::span<const std::int16_t* const> rows, std::span<const float> weights, std::size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(sum_i16)(rows.data(), weights.data(), rows.size(), size, out);
}
template <>
void sum_rows(std::span<const float* const> rows, std::span<const float> weights, std::size_t size, float* out) {
  HWY_DYNAMIC_DISPATCH(sum_f32)(rows.data(), weights.data(), rows.size(), size, out);
}

void take_taps(const float* row, const RowTaps& taps, std::size_t begin, std::size_t end, float* out) {
  HWY_DYNAMIC_DISPATCH(take)(row, taps, begin, end, out);
}

template <>
void store_row(const float* row, std::size_t size, std::uint8_t* out) {
  HWY_DYNAMIC_DISPATCH(store_u8)(row, size, out);
}
template <>
void store_row(const float* row, std::size_t size, std::int8_t* out) {
  HWY_DYNAMIC_DISPATCH(store_i8)(row, size, out);
}
template <>
void store_row(const float* row, std::size_t size, std::uint16_t* out) {
  HWY_DYNAMIC_DISPATCH(store_u16)(row, size, out);
}
template <>
void store_row(const float* row, std::size_t size, std::int16_t* out) {
  HWY_DYNAMIC_DISPATCH(store_i16)(row, size, out);
}
template <>
void store_row(const float* row, std::size_t size, float* out) {
  std::copy_n(row, size, out);
}

void spline_lines(float* lines, std::size_t size, std::size_t stride, std::size_t width,
                  std::span<const double> start) {
  HWY_DYNAMIC_DISPATCH(spline)(lines, size, stride, width, start.data(), start.size());
}

}  // namespace volume
#endif
