#include "augment/pick.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "augment/bend.h"

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

// Where the voxels of one row of the view lie in the source, found once for all channels.
struct Row {
  explicit Row(std::int64_t width)
      : corner(static_cast<std::size_t>(width)), inside(corner.size()), part(corner.size()) {}
  std::vector<std::int64_t> corner;        // offset of the lower of the eight neighbours
  std::vector<std::uint8_t> inside;        // of the case
  std::vector<std::array<float, 3>> part;  // of the way to the upper neighbour, along d, h, w
};

// One axis of the source, read once per view.
struct Side {
  double low, high;            // coordinates of its first and last voxel
  double case_low, case_high;  // edges of the case
  std::int64_t begin, last;    // last lower neighbour, counted from begin
};

Side side_of(const Source& source, int axis) {
  const std::int64_t begin = source.box.begin[axis], size = source.box.shape[axis];
  return {static_cast<double>(begin),
          static_cast<double>(begin + size - 1),
          -0.5,
          static_cast<double>(source.case_shape[axis]) - 0.5,
          begin,
          std::max<std::int64_t>(size - 2, 0)};
}

class Finder {
 public:
  Finder(const Placing& placing, const Source& source) : rows_(placing.to_case.rows) {
    for (int a = 0; a < 3; ++a) sides_[a] = side_of(source, a);
    strides_ = {source.box.shape.height * source.box.shape.width, source.box.shape.width, 1};
  }

  void straight(double d, double h, Row& row) const {
    std::array<double, 3> base{};
    for (int a = 0; a < 3; ++a) base[a] = rows_[a][0] * d + rows_[a][1] * h + rows_[a][3];
    for (std::size_t w = 0; w < row.corner.size(); ++w) {
      const double along = static_cast<double>(w);
      find({base[0] + rows_[0][2] * along, base[1] + rows_[1][2] * along, base[2] + rows_[2][2] * along}, w, row);
    }
  }

  void bent(double d, double h, const std::array<std::vector<float>, 3>& bend, Row& row) const {
    for (std::size_t w = 0; w < row.corner.size(); ++w) {
      const double p[3] = {d + bend[0][w], h + bend[1][w], static_cast<double>(w) + bend[2][w]};
      std::array<double, 3> at{};
      for (int a = 0; a < 3; ++a) at[a] = rows_[a][0] * p[0] + rows_[a][1] * p[1] + rows_[a][2] * p[2] + rows_[a][3];
      find(at, w, row);
    }
  }

 private:
  void find(const std::array<double, 3>& at, std::size_t w, Row& row) const {
    std::int64_t corner = 0;
    bool inside = true;
    for (int a = 0; a < 3; ++a) {
      const Side& side = sides_[a];
      inside = inside && at[a] >= side.case_low && at[a] < side.case_high;
      const double kept = std::min(std::max(at[a], side.low), side.high) - side.low;
      const std::int64_t lower = std::min(static_cast<std::int64_t>(kept), side.last);
      const double part = kept - static_cast<double>(lower);
      row.part[w][a] = static_cast<float>(part);
      corner += lower * strides_[a];
    }
    row.corner[w] = corner;
    row.inside[w] = inside ? 1 : 0;
  }

  std::array<std::array<double, 4>, 3> rows_;
  std::array<Side, 3> sides_;
  std::array<std::int64_t, 3> strides_;
};

// Offsets from the lower to the upper neighbour; 0 along an axis of one voxel.
struct Steps {
  explicit Steps(const volume::Shape& box)
      : depth(box.depth > 1 ? box.height * box.width : 0),
        height(box.height > 1 ? box.width : 0),
        width(box.width > 1 ? 1 : 0) {}
  std::int64_t depth, height, width;
};

void interpolate(const Row& row, const Steps& step, const float* in, float* out) {
  // Exact at both ends, so whole coordinates give the voxel itself.
  const auto between = [](float a, float b, float part) { return a * (1 - part) + b * part; };
  for (std::size_t w = 0; w < row.corner.size(); ++w) {
    const float* v = in + row.corner[w];
    const float* u = v + step.depth;
    const std::int64_t diagonal = step.height + step.width;
    const auto [pd, ph, pw] = row.part[w];
    const float lower = between(between(v[0], v[step.width], pw), between(v[step.height], v[diagonal], pw), ph);
    const float upper = between(between(u[0], u[step.width], pw), between(u[step.height], u[diagonal], pw), ph);
    out[w] = between(lower, upper, pd);
  }
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

void label_row(const Row& row, const Steps& step, const std::int64_t* in, std::int64_t* out) {
  for (std::size_t w = 0; w < row.corner.size(); ++w) {
    if (!row.inside[w]) {
      out[w] = 0;
      continue;
    }
    const std::int64_t* v = in + row.corner[w];
    const std::int64_t* u = v + step.depth;
    const std::int64_t diagonal = step.height + step.width;
    const std::array<std::int64_t, 8> labels{v[0], v[step.width], v[step.height], v[diagonal],
                                             u[0], u[step.width], u[step.height], u[diagonal]};
    const bool same = std::all_of(labels.begin(), labels.end(), [&](std::int64_t each) { return each == labels[0]; });
    out[w] = same ? labels[0] : vote(labels, row.part[w]);
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
  const Finder finder(placing, source);
  const Steps step(source.box.shape);
  Row row(view.width);
  Bend bend(view, placing.bent() ? placing.bend_cells : 1, placing.bend, placing.bend_seed);
  for (std::int64_t d = 0; d < view.depth; ++d) {
    if (placing.bent()) bend.plane(d);
    for (std::int64_t h = 0; h < view.height; ++h) {
      if (placing.bent()) {
        finder.bent(static_cast<double>(d), static_cast<double>(h), bend.row(h), row);
      } else {
        finder.straight(static_cast<double>(d), static_cast<double>(h), row);
      }
      const std::int64_t to = (d * view.height + h) * view.width;
      for (std::int64_t c = 0; c < patch.image.channels; ++c) {
        interpolate(row, step, source.image.channel(c).data(), patch.image.channel(c).data() + to);
      }
      std::copy(row.inside.begin(), row.inside.end(), patch.valid.begin() + to);
      if (!patch.labels.empty()) label_row(row, step, source.labels.data(), patch.labels.data() + to);
    }
  }
}

}  // namespace augment
