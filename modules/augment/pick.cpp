#include "augment/pick.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "augment/bend.h"
#include "augment/pick_row.h"
#include "core/error.h"

namespace augment {
namespace {

// Farther from the case than any coordinate has to be told apart; keeps conversions to integers defined.
constexpr double kFar = 1e9;

// The whole shift, if the placing is nothing else.
bool is_shift(const Placing& placing, std::array<std::int64_t, 3>& begin) {
  if (placing.bent()) return false;
  for (int r = 0; r < 3; ++r) {
    const auto& row = placing.to_case.rows[r];
    for (int c = 0; c < 3; ++c) {
      if (row[c] != (r == c ? 1.0 : 0.0)) return false;
    }
    if (row[3] != std::floor(row[3])) return false;
    begin[r] = static_cast<std::int64_t>(std::clamp(row[3], -kFar, kFar));
  }
  return true;
}

volume::VoxelBox box_between(const std::array<std::int64_t, 3>& low, const std::array<std::int64_t, 3>& high) {
  return {low, {high[0] - low[0] + 1, high[1] - low[1] + 1, high[2] - low[2] + 1}};
}

void copy_rows(const std::array<std::int64_t, 3>& begin, const Source& source, const Patch& patch) {
  const volume::Shape& view = patch.image.shape;
  const volume::Shape& box = source.box.shape;
  // Column of the source for each column of the view, the nearest one inside.
  std::array<std::vector<std::int64_t>, 3> from;
  std::array<std::vector<std::uint8_t>, 3> inside;
  for (int a = 0; a < 3; ++a) {
    for (std::int64_t i = 0; i < view[a]; ++i) {
      const std::int64_t at = begin[a] + i;
      inside[a].push_back(at >= 0 && at < source.case_shape[a] ? 1 : 0);
      from[a].push_back(std::clamp<std::int64_t>(at - source.box.begin[a], 0, box[a] - 1));
    }
  }
  std::int64_t first = 0, last = view.width;  // columns inside, where there are any
  while (first < last && !inside[2][static_cast<std::size_t>(first)]) ++first;
  while (last > first && !inside[2][static_cast<std::size_t>(last - 1)]) --last;
  for (std::int64_t d = 0; d < view.depth; ++d) {
    for (std::int64_t h = 0; h < view.height; ++h) {
      const std::int64_t to = (d * view.height + h) * view.width;
      const std::int64_t row =
          (from[0][static_cast<std::size_t>(d)] * box.height + from[1][static_cast<std::size_t>(h)]) * box.width;
      const bool row_inside = inside[0][static_cast<std::size_t>(d)] && inside[1][static_cast<std::size_t>(h)];
      for (std::int64_t c = 0; c < patch.image.channels; ++c) {
        const float* in = source.image.data + c * box.voxels() + row;
        float* out = patch.image.data + c * view.voxels() + to;
        for (std::int64_t w = 0; w < first; ++w) out[w] = in[from[2][static_cast<std::size_t>(w)]];
        if (first < last) std::copy_n(in + from[2][static_cast<std::size_t>(first)], last - first, out + first);
        for (std::int64_t w = last; w < view.width; ++w) out[w] = in[from[2][static_cast<std::size_t>(w)]];
      }
      for (std::int64_t w = 0; w < view.width; ++w) {
        const bool valid = row_inside && inside[2][static_cast<std::size_t>(w)];
        patch.valid[static_cast<std::size_t>(to + w)] = valid ? 1 : 0;
        if (patch.labels.empty()) continue;
        patch.labels[static_cast<std::size_t>(to + w)] =
            valid ? source.labels[static_cast<std::size_t>(row + from[2][static_cast<std::size_t>(w)])] : 0;
      }
    }
  }
}

RowSource row_source(const Source& source) {
  RowSource of;
  if (source.box.shape.voxels() > std::numeric_limits<std::int32_t>::max())
    throw core::Error("a view reaches over more than 2^31 voxels of its case", "take a smaller patch or scale");
  for (int a = 0; a < 3; ++a) {
    const std::int64_t begin = source.box.begin[a], size = source.box.shape[a];
    const auto axis = static_cast<std::size_t>(a);
    of.first[axis] = static_cast<float>(begin);
    of.last[axis] = static_cast<float>(begin + size - 1);
    of.case_low[axis] = -0.5f;
    of.case_high[axis] = static_cast<float>(source.case_shape[a]) - 0.5f;
    of.begin[axis] = static_cast<std::int32_t>(begin);
    of.last_corner[axis] = static_cast<std::int32_t>(begin + std::max<std::int64_t>(size - 2, 0));
  }
  const volume::Shape& box = source.box.shape;
  of.stride = {static_cast<std::int32_t>(box.height * box.width), static_cast<std::int32_t>(box.width), 1};
  for (int a = 0; a < 3; ++a)
    of.upper[static_cast<std::size_t>(a)] = box[a] > 1 ? of.stride[static_cast<std::size_t>(a)] : 0;
  return of;
}

// Along the width of the view, through {d, h, 0}.
RowLine line_of(const Placing& placing, std::int64_t d, std::int64_t h) {
  RowLine line;
  for (std::size_t a = 0; a < 3; ++a) {
    const auto& row = placing.to_case.rows[a];
    line.base[a] = static_cast<float>(row[0] * static_cast<double>(d) + row[1] * static_cast<double>(h) + row[3]);
    line.step[a] = static_cast<float>(row[2]);
    for (std::size_t c = 0; c < 3; ++c) line.map[a][c] = static_cast<float>(row[c]);
  }
  return line;
}

// The label with the greatest share among the eight neighbours, each weighted as in the interpolation of the image:
// smoother borders than the nearest voxel's label gives, and no label that is not there.
std::int64_t vote(const std::array<std::int64_t, 8>& labels, const std::array<float, 3>& part) {
  std::array<float, 8> share{};
  for (std::size_t i = 0; i < 8; ++i) {
    const float weight =
        ((i & 4) ? part[0] : 1 - part[0]) * ((i & 2) ? part[1] : 1 - part[1]) * ((i & 1) ? part[2] : 1 - part[2]);
    std::size_t first = 0;
    while (labels[first] != labels[i]) ++first;
    share[first] += weight;
  }
  return labels[static_cast<std::size_t>(std::max_element(share.begin(), share.end()) - share.begin())];
}

void label_row(const RowPlaces& row, const RowSource& source, const std::int64_t* in, std::int64_t* out) {
  const std::int64_t depth = source.upper[0], height = source.upper[1], width = source.upper[2];
  for (std::size_t w = 0; w < row.width; ++w) {
    if (!row.inside[w]) {
      out[w] = 0;
      continue;
    }
    const std::int64_t* v = in + row.corner[w];
    const std::int64_t* u = v + depth;
    const std::array<std::int64_t, 8> labels{v[0], v[width], v[height], v[height + width],
                                             u[0], u[width], u[height], u[height + width]};
    const bool same = std::all_of(labels.begin(), labels.end(), [&](std::int64_t each) { return each == labels[0]; });
    out[w] = same ? labels[0] : vote(labels, {row.part[0][w], row.part[1][w], row.part[2][w]});
  }
}

}  // namespace

volume::VoxelBox reach(const Placing& placing, const volume::Shape& view, const volume::Shape& of_case) {
  std::array<std::int64_t, 3> begin{}, low{}, high{};
  if (is_shift(placing, begin)) {
    for (int a = 0; a < 3; ++a) {
      low[a] = std::clamp<std::int64_t>(begin[a], 0, of_case[a] - 1);
      high[a] = std::clamp<std::int64_t>(begin[a] + view[a] - 1, 0, of_case[a] - 1);
    }
    return box_between(low, high);
  }
  constexpr double kRounding = 1e-6;
  for (int r = 0; r < 3; ++r) {
    const auto& row = placing.to_case.rows[r];
    double least = row[3], most = row[3];
    for (int c = 0; c < 3; ++c) {
      const double from = -placing.bend[c], to = static_cast<double>(view[c] - 1) + placing.bend[c];
      least += std::min(row[c] * from, row[c] * to);
      most += std::max(row[c] * from, row[c] * to);
    }
    const std::int64_t last = of_case[r] - 1;
    const auto whole = [](double x) { return static_cast<std::int64_t>(std::floor(std::clamp(x, -kFar, kFar))); };
    low[r] = std::clamp<std::int64_t>(whole(least - kRounding), 0, std::max<std::int64_t>(last - 1, 0));
    high[r] = std::clamp<std::int64_t>(whole(most + kRounding) + 1, std::min(low[r] + 1, last), last);
  }
  return box_between(low, high);
}

void pick(const Placing& placing, const Source& source, const Patch& patch) {
  std::array<std::int64_t, 3> begin{};
  if (is_shift(placing, begin)) return copy_rows(begin, source, patch);
  const volume::Shape& view = patch.image.shape;
  const RowSource rows = row_source(source);
  RowPlaces row(static_cast<std::size_t>(view.width));
  Bend bend(view, placing.bent() ? placing.bend_cells : 1, placing.bend, placing.bend_seed);
  for (std::int64_t d = 0; d < view.depth; ++d) {
    if (placing.bent()) bend.plane(d);
    for (std::int64_t h = 0; h < view.height; ++h) {
      RowLine line = line_of(placing, d, h);
      if (placing.bent()) line.bend = &bend.row(h);
      find_row(rows, line, row);
      const std::int64_t to = (d * view.height + h) * view.width;
      for (std::int64_t c = 0; c < patch.image.channels; ++c)
        interpolate_row(rows, row, source.image.channel(c).data(), patch.image.channel(c).data() + to);
      std::copy_n(row.inside.begin(), view.width, patch.valid.begin() + to);
      if (!patch.labels.empty()) label_row(row, rows, source.labels.data(), patch.labels.data() + to);
    }
  }
}

}  // namespace augment
