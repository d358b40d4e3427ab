#include "train/update_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "train/update_rows.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>

HWY_BEFORE_NAMESPACE();
namespace train {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Values = hn::Vec<Floats>;

HWY_INLINE Values set(float value) { return hn::Set(Floats(), value); }

// What one lane holds of a row; a rule changes it.
struct Lanes {
  Values gradient, parameter, first, second;
};

// The last numbers of a row, in vectors of their own.
struct Rest {
  HWY_ALIGN float gradient[hn::MaxLanes(Floats())] = {}, parameter[hn::MaxLanes(Floats())] = {},
                  first[hn::MaxLanes(Floats())] = {}, second[hn::MaxLanes(Floats())] = {},
                  average[hn::MaxLanes(Floats())] = {};
};

template <bool kSecond, bool kAverage, class Rule>
HWY_INLINE void change(const Row& row, std::size_t i, const Values& share, const Rule& rule) {
  const Floats d;
  Lanes lanes{hn::LoadU(d, row.gradient + i), hn::LoadU(d, row.parameter + i), hn::LoadU(d, row.first + i),
              hn::Zero(d)};
  if constexpr (kSecond) lanes.second = hn::LoadU(d, row.second + i);
  rule(lanes);
  hn::StoreU(lanes.parameter, d, row.parameter + i);
  hn::StoreU(lanes.first, d, row.first + i);
  if constexpr (kSecond) hn::StoreU(lanes.second, d, row.second + i);
  if constexpr (kAverage) {
    const auto average = hn::LoadU(d, row.average + i);
    hn::StoreU(hn::Add(average, hn::Mul(share, hn::Sub(lanes.parameter, average))), d, row.average + i);
  }
}

template <bool kSecond, bool kAverage, class Rule>
HWY_INLINE void change_row(const Row& row, std::size_t size, float average_share, const Rule& rule) {
  const std::size_t lanes = hn::Lanes(Floats());
  const auto share = set(average_share);
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) change<kSecond, kAverage>(row, i, share, rule);
  const std::size_t left = size - i;
  if (left == 0) return;
  Rest rest;
  std::copy_n(row.gradient + i, left, rest.gradient);
  std::copy_n(row.parameter + i, left, rest.parameter);
  std::copy_n(row.first + i, left, rest.first);
  if constexpr (kSecond) std::copy_n(row.second + i, left, rest.second);
  if constexpr (kAverage) std::copy_n(row.average + i, left, rest.average);
  change<kSecond, kAverage>({rest.gradient, rest.parameter, rest.first, rest.second, rest.average}, 0, share, rule);
  std::copy_n(rest.parameter, left, row.parameter + i);
  std::copy_n(rest.first, left, row.first + i);
  if constexpr (kSecond) std::copy_n(rest.second, left, row.second + i);
  if constexpr (kAverage) std::copy_n(rest.average, left, row.average + i);
}

void adamw(const Row& row, std::size_t size, const AdamWNumbers& n) {
  const auto scale = set(n.gradient_scale), beta1_rest = set(n.beta1_rest), beta2 = set(n.beta2),
             beta2_rest = set(n.beta2_rest), keep = set(n.keep), step = set(n.step), root = set(n.root_scale),
             epsilon = set(n.epsilon);
  const auto rule = [&](Lanes& x) HWY_ATTR {
    const auto gradient = hn::Mul(x.gradient, scale);
    x.first = hn::Add(x.first, hn::Mul(beta1_rest, hn::Sub(gradient, x.first)));
    x.second = hn::Add(hn::Mul(beta2, x.second), hn::Mul(beta2_rest, hn::Mul(gradient, gradient)));
    const auto below = hn::Add(hn::Mul(hn::Sqrt(x.second), root), epsilon);
    x.parameter = hn::Sub(hn::Mul(x.parameter, keep), hn::Mul(step, hn::Div(x.first, below)));
  };
  if (row.average != nullptr) return change_row<true, true>(row, size, n.average_share, rule);
  change_row<true, false>(row, size, 0, rule);
}

void momentum(const Row& row, std::size_t size, const MomentumNumbers& n) {
  const auto scale = set(n.gradient_scale), decay = set(n.decay), pull = set(n.pull), memory = set(n.momentum),
             rate = set(n.rate);
  const bool ahead = n.ahead;
  const auto rule = [&](Lanes& x) HWY_ATTR {
    const auto d = hn::Mul(pull, hn::Add(hn::Mul(x.gradient, scale), hn::Mul(decay, x.parameter)));
    x.first = hn::Add(hn::Mul(memory, x.first), d);
    const auto way = ahead ? hn::Add(hn::Mul(memory, x.first), d) : x.first;
    x.parameter = hn::Sub(x.parameter, hn::Mul(rate, way));
  };
  if (row.average != nullptr) return change_row<false, true>(row, size, n.average_share, rule);
  change_row<false, false>(row, size, 0, rule);
}

double squares(const float* numbers, std::size_t size) {
  constexpr std::size_t kLots = 8, kNear = 2048;  // what stays near the processor while its lots are gone through
  using Doubles = hn::CappedTag<double, kLots>;
  const Doubles d;
  const hn::Rebind<float, Doubles> narrow;
  const std::size_t lanes = hn::Lanes(d);
  HWY_ALIGN double sum[kLots] = {};
  for (std::size_t begin = 0; begin < size; begin += kNear) {
    const std::size_t end = std::min(begin + kNear, size), whole = begin + (end - begin) / kLots * kLots;
    for (std::size_t lot = 0; lot < kLots; lot += lanes) {
      auto s = hn::Load(d, sum + lot);
      for (std::size_t i = begin + lot; i < whole; i += kLots) {
        const auto x = hn::PromoteTo(d, hn::LoadU(narrow, numbers + i));
        s = hn::Add(s, hn::Mul(x, x));
      }
      hn::Store(s, d, sum + lot);
    }
    for (std::size_t i = whole; i < end; ++i)
      sum[i - whole] += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  }
  double all = 0;
  for (const double each : sum) all += each;
  return all;
}

}  // namespace HWY_NAMESPACE
}  // namespace train
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace train {
namespace {

HWY_EXPORT(adamw);
HWY_EXPORT(momentum);
HWY_EXPORT(squares);

}  // namespace

void adamw_row(const Row& row, std::size_t size, const AdamWNumbers& numbers) {
  HWY_DYNAMIC_DISPATCH(adamw)(row, size, numbers);
}

void momentum_row(const Row& row, std::size_t size, const MomentumNumbers& numbers) {
  HWY_DYNAMIC_DISPATCH(momentum)(row, size, numbers);
}

double sum_of_squares(const float* numbers, std::size_t size) { return HWY_DYNAMIC_DISPATCH(squares)(numbers, size); }

}  // namespace train
#endif
