#include "augment/axis_filter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "augment/voxel_rows.h"
#include "core/error.h"

namespace augment {
namespace {

// Rows of weights over the whole extent, cut to where they are not zero.
AxisFilter cut(const std::vector<std::vector<double>>& full) {
  AxisFilter filter;
  for (const std::vector<double>& row : full) {
    std::size_t low = 0, high = row.size();
    while (low + 1 < high && row[low] == 0) ++low;
    while (high > low + 1 && row[high - 1] == 0) --high;
    filter.first.push_back(static_cast<std::int64_t>(low));
    filter.weights.emplace_back(row.begin() + static_cast<std::ptrdiff_t>(low),
                                row.begin() + static_cast<std::ptrdiff_t>(high));
  }
  return filter;
}

std::vector<std::vector<double>> zeros(std::int64_t rows, std::int64_t columns) {
  return std::vector(static_cast<std::size_t>(rows), std::vector<double>(static_cast<std::size_t>(columns)));
}

}  // namespace

AxisFilter gaussian(std::int64_t extent, double sigma) {
  GADOLIN_CHECK(extent > 0 && sigma > 0);
  const auto radius = static_cast<std::int64_t>(std::ceil(std::min(3 * sigma, static_cast<double>(extent))));
  std::vector<double> bell;
  double sum = 0;
  for (std::int64_t k = -radius; k <= radius; ++k) {
    const double away = static_cast<double>(k) / sigma;
    bell.push_back(std::exp(-0.5 * away * away));
    sum += bell.back();
  }
  auto full = zeros(extent, extent);
  for (std::int64_t i = 0; i < extent; ++i) {
    for (std::int64_t k = -radius; k <= radius; ++k) {
      const std::int64_t from = std::clamp<std::int64_t>(i + k, 0, extent - 1);
      full[static_cast<std::size_t>(i)][static_cast<std::size_t>(from)] +=
          bell[static_cast<std::size_t>(k + radius)] / sum;
    }
  }
  return cut(full);
}

AxisFilter through_coarse(std::int64_t extent, std::int64_t coarse) {
  GADOLIN_CHECK(extent > 0 && coarse > 0);
  const double cell = static_cast<double>(extent) / static_cast<double>(coarse);
  auto average = zeros(coarse, extent);
  for (std::int64_t j = 0; j < coarse; ++j) {
    const double low = static_cast<double>(j) * cell, high = low + cell;
    for (std::int64_t i = 0; i < extent; ++i) {
      const double shared = std::min(high, static_cast<double>(i + 1)) - std::max(low, static_cast<double>(i));
      if (shared > 0) average[static_cast<std::size_t>(j)][static_cast<std::size_t>(i)] = shared / cell;
    }
  }
  auto full = zeros(extent, extent);
  for (std::int64_t i = 0; i < extent; ++i) {
    const double at = std::clamp((static_cast<double>(i) + 0.5) / cell - 0.5, 0.0, static_cast<double>(coarse - 1));
    const auto lower = static_cast<std::size_t>(at);
    const double part = at - static_cast<double>(lower);
    for (std::size_t k = 0; k < static_cast<std::size_t>(extent); ++k) {
      full[static_cast<std::size_t>(i)][k] = (1 - part) * average[lower][k];
      if (part > 0) full[static_cast<std::size_t>(i)][k] += part * average[lower + 1][k];
    }
  }
  return cut(full);
}

namespace {

// Of `width` columns side by side, `step` apart from voxel to voxel. `kept` has room for all of them.
void filter_columns(float* base, std::size_t step, std::size_t width, const AxisFilter& filter,
                    std::vector<float>& kept) {
  const std::size_t extent = filter.first.size();
  for (std::size_t i = 0; i < extent; ++i) std::copy_n(base + i * step, width, kept.data() + i * width);
  for (std::size_t i = 0; i < extent; ++i) {
    weigh_rows(kept.data() + static_cast<std::size_t>(filter.first[i]) * width, width, filter.weights[i], width,
               base + i * step);
  }
}

// The voxels in the middle of a line to which the filter does the same: [begin, end).
std::pair<std::size_t, std::size_t> middle_of(const AxisFilter& filter) {
  const std::size_t extent = filter.first.size(), centre = extent / 2;
  const auto same = [&](std::size_t i) {
    const auto away = static_cast<std::int64_t>(i) - static_cast<std::int64_t>(centre);
    return filter.first[i] == filter.first[centre] + away && filter.weights[i] == filter.weights[centre];
  };
  std::size_t begin = centre, end = centre + 1;
  while (begin > 0 && same(begin - 1)) --begin;
  while (end < extent && same(end)) ++end;
  return {begin, end};
}

// Line by line, where the filter is alike over most of a line.
void filter_lines(std::span<float> channel, const AxisFilter& filter, std::size_t begin, std::size_t end) {
  const std::size_t extent = filter.first.size();
  std::vector<float> kept(extent);
  for (float* line = channel.data(); line < channel.data() + channel.size(); line += extent) {
    std::copy_n(line, extent, kept.data());
    const auto one = [&](std::size_t i) {
      float sum = 0;
      const float* const from = kept.data() + filter.first[i];
      for (std::size_t k = 0; k < filter.weights[i].size(); ++k) sum += filter.weights[i][k] * from[k];
      line[i] = sum;
    };
    for (std::size_t i = 0; i < begin; ++i) one(i);
    weigh_rows(kept.data() + filter.first[begin], 1, filter.weights[begin], end - begin, line + begin);
    for (std::size_t i = end; i < extent; ++i) one(i);
  }
}

}  // namespace

void filter(std::span<float> channel, const volume::Shape& shape, int axis, const AxisFilter& filter) {
  GADOLIN_CHECK(static_cast<std::int64_t>(filter.first.size()) == shape[axis]);
  const auto extent = static_cast<std::size_t>(shape[axis]);
  constexpr std::size_t kColumns = 256;  // filtered at once, so that the inner loop runs along memory
  std::vector<float> kept(extent * kColumns);
  if (axis == 2) {
    const auto [begin, end] = middle_of(filter);
    if (2 * (end - begin) > extent) return filter_lines(channel, filter, begin, end);
    constexpr std::size_t kRows = 64;
    std::vector<float> turned(extent * kRows);
    const std::size_t lines = channel.size() / extent;
    for (std::size_t first = 0; first < lines; first += kRows) {
      const std::size_t rows = std::min(kRows, lines - first);
      float* const base = channel.data() + first * extent;
      transpose(base, rows, extent, turned.data());
      filter_columns(turned.data(), rows, rows, filter, kept);
      transpose(turned.data(), extent, rows, base);
    }
    return;
  }
  const auto step = static_cast<std::size_t>(axis == 0 ? shape.height * shape.width : shape.width);
  for (std::size_t outer = 0; outer < channel.size(); outer += extent * step) {
    for (std::size_t left = 0; left < step; left += kColumns)
      filter_columns(channel.data() + outer + left, step, std::min(kColumns, step - left), filter, kept);
  }
}

void filter(const Block<float>& image, const AxisFilters& filters) {
  GADOLIN_CHECK(static_cast<std::int64_t>(filters.size()) == 3 * image.channels);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    if (filters[i].weights.empty()) continue;
    filter(image.channel(static_cast<std::int64_t>(i / 3)), image.shape, static_cast<int>(i % 3), filters[i]);
  }
}

}  // namespace augment
