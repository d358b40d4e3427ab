#include "volume/resample_aligned.h"

#include <algorithm>

#include "core/parallel.h"
#include "volume/rows.h"

namespace volume {
namespace {

// The taps that weigh anything.
struct Parts {
  std::array<std::int64_t, 4> index{};
  std::array<float, 4> weight{};
  std::size_t count = 0;
};

Parts parts_of(const Taps& taps) {
  Parts parts;
  for (std::size_t k = 0; k < static_cast<std::size_t>(taps.count); ++k) {
    if (taps.weight[k] == 0) continue;
    parts.index[parts.count] = taps.index[k];
    parts.weight[parts.count++] = static_cast<float>(taps.weight[k]);
  }
  return parts;
}

// A tap that weighs nothing points to one that does, so that a NaN beside a sample stays beside it.
RowTaps row_taps_of(const std::vector<Taps>& taps) {
  RowTaps row;
  row.count = taps.empty() ? 0 : taps.front().count;
  for (int k = 0; k < row.count; ++k) {
    const auto tap = static_cast<std::size_t>(k);
    for (const Taps& one : taps) {
      const auto heaviest = std::max_element(one.weight.begin(), one.weight.end()) - one.weight.begin();
      const std::int64_t from = one.weight[tap] == 0 ? one.index[static_cast<std::size_t>(heaviest)] : one.index[tap];
      row.index[tap].push_back(static_cast<std::int32_t>(from));
      row.weight[tap].push_back(static_cast<float>(one.weight[tap]));
    }
  }
  return row;
}

bool keeps_samples(const std::vector<Taps>& taps, std::int64_t size) {
  if (static_cast<std::int64_t>(taps.size()) != size) return false;
  for (std::size_t i = 0; i < taps.size(); ++i) {
    const Parts parts = parts_of(taps[i]);
    if (parts.count != 1 || parts.index[0] != static_cast<std::int64_t>(i) || parts.weight[0] != 1) return false;
  }
  return true;
}

// What is the same for all slices of a target.
template <class S, class T>
struct Work {
  std::span<const S> source;
  const Shape& shape;
  const std::array<AxisPlan, 3>& axes;
  RowTaps along;
  bool keeps_rows;
  T outside;
  std::span<T> target;

  const S* row(std::int64_t d, std::int64_t h) const { return source.data() + (d * shape.height + h) * shape.width; }
  auto width() const { return static_cast<std::size_t>(shape.width); }

  void fill_slice(std::int64_t d) const {
    const auto rows = static_cast<std::int64_t>(axes[1].taps.size()),
               size = static_cast<std::int64_t>(axes[2].taps.size());
    T* const out = target.data() + d * rows * size;
    if (d < axes[0].begin || d >= axes[0].end) {
      std::fill_n(out, rows * size, outside);
      return;
    }
    const Parts deep = parts_of(axes[0].taps[static_cast<std::size_t>(d)]);
    const bool at_once = deep.count <= 2 && axes[1].taps.front().count <= 2;
    std::vector<float> slice(at_once ? 0 : static_cast<std::size_t>(shape.height * shape.width));
    for (std::int64_t h = 0; !slice.empty() && h < shape.height; ++h) {
      std::array<const S*, 4> rows_there{};
      for (std::size_t k = 0; k < deep.count; ++k) rows_there[k] = row(deep.index[k], h);
      sum_rows<S>({rows_there.data(), deep.count}, {deep.weight.data(), deep.count}, width(),
                  slice.data() + h * shape.width);
    }
    std::vector<float> sum(width()), taken(static_cast<std::size_t>(size));
    for (std::int64_t h = 0; h < rows; ++h) {
      if (h < axes[1].begin || h >= axes[1].end) {
        std::fill_n(out + h * size, size, outside);
        continue;
      }
      const Parts high = parts_of(axes[1].taps[static_cast<std::size_t>(h)]);
      at_once ? sum_of_four(deep, high, sum.data()) : sum_of_slice(slice, high, sum.data());
      finish_row(sum.data(), taken.data(), out + h * size);
    }
  }

  void sum_of_four(const Parts& deep, const Parts& high, float* sum) const {
    std::array<const S*, 4> rows{};
    std::array<float, 4> weights{};
    std::size_t count = 0;
    for (std::size_t i = 0; i < deep.count; ++i) {
      for (std::size_t j = 0; j < high.count; ++j, ++count) {
        rows[count] = row(deep.index[i], high.index[j]);
        weights[count] = deep.weight[i] * high.weight[j];
      }
    }
    sum_rows<S>({rows.data(), count}, {weights.data(), count}, width(), sum);
  }

  void sum_of_slice(const std::vector<float>& slice, const Parts& high, float* sum) const {
    std::array<const float*, 4> rows{};
    for (std::size_t k = 0; k < high.count; ++k) rows[k] = slice.data() + high.index[k] * shape.width;
    sum_rows<float>({rows.data(), high.count}, {high.weight.data(), high.count}, width(), sum);
  }

  void finish_row(const float* sum, float* taken, T* out) const {
    const auto begin = static_cast<std::size_t>(axes[2].begin), end = static_cast<std::size_t>(axes[2].end);
    std::fill_n(out, begin, outside);
    std::fill(out + end, out + axes[2].taps.size(), outside);
    if (!keeps_rows) take_taps(sum, along, begin, end, taken);
    store_row<T>((keeps_rows ? sum : taken) + begin, end - begin, out + begin);
  }
};

}  // namespace

template <class S, class T>
void resample_aligned(std::span<const S> source, const Shape& shape, const std::array<AxisPlan, 3>& axes, T outside,
                      std::span<T> target, int threads) {
  const Work<S, T> work{source,  shape, axes, row_taps_of(axes[2].taps), keeps_samples(axes[2].taps, shape.width),
                        outside, target};
  core::parallel_for(static_cast<std::int64_t>(axes[0].taps.size()), threads,
                     [&](std::int64_t d) { work.fill_slice(d); });
}

#define GADOLIN_ALIGNED(S, T)                                                                               \
  template void resample_aligned<S, T>(std::span<const S>, const Shape&, const std::array<AxisPlan, 3>&, T, \
                                       std::span<T>, int)
GADOLIN_ALIGNED(std::uint8_t, std::uint8_t);
GADOLIN_ALIGNED(std::int8_t, std::int8_t);
GADOLIN_ALIGNED(std::uint16_t, std::uint16_t);
GADOLIN_ALIGNED(std::int16_t, std::int16_t);
GADOLIN_ALIGNED(float, std::uint8_t);
GADOLIN_ALIGNED(float, std::int8_t);
GADOLIN_ALIGNED(float, std::uint16_t);
GADOLIN_ALIGNED(float, std::int16_t);
GADOLIN_ALIGNED(float, float);
#undef GADOLIN_ALIGNED

}  // namespace volume
