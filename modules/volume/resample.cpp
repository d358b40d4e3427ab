#include "volume/resample.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <type_traits>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "volume/one_axis.h"
#include "volume/reorient.h"
#include "volume/resample_aligned.h"

namespace volume {
namespace {

constexpr double kEdge = 0.5 + 1e-6;       // voxels beyond the outermost centre that still count as inside
constexpr double kAlignedVoxels = 1e-3;    // how far a parallel grid may drift off its axis
constexpr double kFwhmPerSigma = 2.35482;  // of a Gaussian

// Source index = offset + matrix * target index.
struct Mapping {
  std::array<std::array<double, 3>, 3> matrix{};
  Index offset{};

  Mapping(const Geometry& source, const Geometry& target) {
    offset = source.index(target.origin_mm);
    for (std::size_t t = 0; t < 3; ++t) {
      Index step{};
      step[t] = 1;
      const Index there = source.index(target.world(step));
      for (std::size_t s = 0; s < 3; ++s) matrix[s][t] = there[s] - offset[s];
    }
  }
  Index row_start(std::int64_t d, std::int64_t h) const {
    Index start{};
    for (std::size_t s = 0; s < 3; ++s) {
      start[s] = offset[s] + matrix[s][0] * static_cast<double>(d) + matrix[s][1] * static_cast<double>(h);
    }
    return start;
  }
};

bool inside(double position, std::int64_t size) {
  return position >= -kEdge && position <= static_cast<double>(size - 1) + kEdge;
}

// For every target voxel: visit(number in the target, source index or null when outside). A slice is one job.
template <class Visit>
void for_each_voxel(const Mapping& map, const Shape& source, const Shape& target, int threads, const Visit& visit) {
  core::parallel_for(target.depth, threads, [&](std::int64_t d) {
    std::int64_t number = d * target.height * target.width;
    for (std::int64_t h = 0; h < target.height; ++h) {
      const Index start = map.row_start(d, h);
      for (std::int64_t w = 0; w < target.width; ++w, ++number) {
        Index at{};
        bool in = true;
        for (std::size_t s = 0; s < 3; ++s) {
          at[s] = start[s] + map.matrix[s][2] * static_cast<double>(w);
          in = in && inside(at[s], source[static_cast<int>(s)]);
        }
        visit(static_cast<std::size_t>(number), in ? &at : nullptr);
      }
    }
  });
}

// True when some target voxel lies outside the source; the way between them is affine, so the corners tell.
bool reaches_out(const Mapping& map, const Shape& source, const Shape& target) {
  for (std::size_t corner = 0; corner < 8; ++corner) {
    for (std::size_t s = 0; s < 3; ++s) {
      double at = map.offset[s];
      for (std::size_t t = 0; t < 3; ++t) {
        if ((corner >> t) & 1) at += map.matrix[s][t] * static_cast<double>(target[static_cast<int>(t)] - 1);
      }
      if (!inside(at, source[static_cast<int>(s)])) return true;
    }
  }
  return false;
}

// As a stored voxel; only a value that is needed has to fit.
template <class T>
T outside_value(const Volume& source, const Volume& result, const Mapping& map, double outside) {
  if (!reaches_out(map, source.shape(), result.shape())) return T{};
  const double stored = (outside - source.offset) / source.scale;
  if constexpr (std::is_integral_v<T>) {
    const double whole = std::nearbyint(stored);
    if (!(whole >= static_cast<double>(std::numeric_limits<T>::lowest()) &&
          whole <= static_cast<double>(std::numeric_limits<T>::max()))) {
      throw core::Error("the outside value " + std::to_string(outside) + " does not fit into " +
                            std::string(name(source.type())) + " voxels",
                        "choose another outside value, or resample the picture as float");
    }
    return static_cast<T>(whole);
  } else {
    return static_cast<T>(stored);
  }
}

template <class T>
void nearest(const Volume& source, Volume& result, const Mapping& map, const ResampleOptions& options) {
  const std::span<const T> in = source.voxels<T>();
  const std::span<T> out = result.voxels<T>();
  const T outside = outside_value<T>(source, result, map, options.outside);
  const Shape& shape = source.shape();
  for_each_voxel(map, shape, result.shape(), options.threads, [&](std::size_t number, const Index* at) {
    if (at == nullptr) {
      out[number] = outside;
      return;
    }
    std::int64_t from = 0;
    for (std::size_t s = 0; s < 3; ++s) {
      const std::int64_t size = shape[static_cast<int>(s)];
      // 1e-9: centres that fall between two voxels go the same way whatever the last bit says.
      const auto whole = static_cast<std::int64_t>(std::floor((*at)[s] + 0.5 + 1e-9));
      from = from * size + std::clamp<std::int64_t>(whole, 0, size - 1);
    }
    out[number] = in[static_cast<std::size_t>(from)];
  });
}

// The label with most weight among the eight corners; the heaviest corner's where labels tie.
template <class T>
T majority(const std::array<T, 8>& label, const std::array<double, 8>& weight) {
  const auto heaviest = static_cast<std::size_t>(std::max_element(weight.begin(), weight.end()) - weight.begin());
  T winner = label[heaviest];
  double most = -1;
  for (std::size_t k = 0; k < 8; ++k) {
    const std::size_t c = k == 0 ? heaviest : k == heaviest ? 0 : k;
    double sum = 0;
    for (std::size_t other = 0; other < 8; ++other) sum += label[other] == label[c] ? weight[other] : 0.0;
    if (sum > most + 1e-9) {
      most = sum;
      winner = label[c];
    }
  }
  return winner;
}

template <class T>
void labels(const Volume& source, Volume& result, const Mapping& map, const ResampleOptions& options) {
  const std::span<const T> in = source.voxels<T>();
  const std::span<T> out = result.voxels<T>();
  const T outside = outside_value<T>(source, result, map, options.outside);
  const Shape& shape = source.shape();
  for_each_voxel(map, shape, result.shape(), options.threads, [&](std::size_t number, const Index* at) {
    if (at == nullptr) {
      out[number] = outside;
      return;
    }
    const std::array<Taps, 3> taps{linear_taps((*at)[0], shape.depth), linear_taps((*at)[1], shape.height),
                                   linear_taps((*at)[2], shape.width)};
    std::array<T, 8> label{};
    std::array<double, 8> weight{};
    bool same = true;
    for (std::size_t c = 0; c < 8; ++c) {
      const std::size_t i = c >> 2, j = (c >> 1) & 1, k = c & 1;
      const std::int64_t from = (taps[0].index[i] * shape.height + taps[1].index[j]) * shape.width + taps[2].index[k];
      label[c] = in[static_cast<std::size_t>(from)];
      weight[c] = taps[0].weight[i] * taps[1].weight[j] * taps[2].weight[k];
      same = same && label[c] == label[0];
    }
    out[number] = same ? label[0] : majority(label, weight);
  });
}

// Voxels of the source as Real, smoothed against aliasing and, for cubic, as spline coefficients.
template <class Real>
std::vector<Real> prepared(const Volume& source, const Mapping& map, const ResampleOptions& options) {
  std::vector<Real> values(static_cast<std::size_t>(source.shape().voxels()));
  with_type(source.type(), [&]<class T>(T) {
    std::ranges::transform(source.voxels<T>(), values.begin(), [](T v) { return static_cast<Real>(v); });
  });
  for (int axis = 0; axis < 3; ++axis) {
    const AxisView view = axis_view(source.shape(), axis);
    const auto& row = map.matrix[static_cast<std::size_t>(axis)];
    const double coarser = std::hypot(row[0], row[1], row[2]);
    if (options.anti_alias && coarser > 1 + 1e-6) {
      values = smoothed(std::move(values), view, std::sqrt(coarser * coarser - 1) / kFwhmPerSigma, options.threads);
    }
    if (options.interpolation == Interpolation::kCubic) {
      to_spline_coefficients<Real>(values, view, options.threads);
    }
  }
  return values;
}

Taps taps_for(double position, std::int64_t size, Interpolation interpolation) {
  return interpolation == Interpolation::kCubic ? cubic_taps(position, size) : linear_taps(position, size);
}

// Grids parallel and axes in the same order: one axis after the other, the one that shrinks most first.
template <class Real>
std::vector<Real> along_axes(std::vector<Real> values, const Shape& source, const Shape& target, const Mapping& map,
                             const ResampleOptions& options) {
  std::array<int, 3> order{0, 1, 2};
  std::ranges::stable_sort(order, {},
                           [&](int a) { return static_cast<double>(target[a]) / static_cast<double>(source[a]); });
  std::array<std::int64_t, 3> size{source.depth, source.height, source.width};
  for (const int axis : order) {
    const auto a = static_cast<std::size_t>(axis);
    std::vector<Taps> taps;
    for (std::int64_t i = 0; i < target[axis]; ++i) {
      taps.push_back(
          taps_for(map.offset[a] + map.matrix[a][a] * static_cast<double>(i), size[a], options.interpolation));
    }
    const AxisView view = axis_view({size[0], size[1], size[2]}, axis);
    values = interpolated<Real>(values, view, taps, options.threads);
    size[a] = target[axis];
  }
  return values;
}

template <class Real>
Real value_at(const std::vector<Real>& values, const Shape& shape, const Index& at, Interpolation interpolation) {
  const Taps d = taps_for(at[0], shape.depth, interpolation), h = taps_for(at[1], shape.height, interpolation),
             w = taps_for(at[2], shape.width, interpolation);
  const auto count = static_cast<std::size_t>(d.count);
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < count; ++j) {
      const Real* row = values.data() + (d.index[i] * shape.height + h.index[j]) * shape.width;
      double line = 0;
      for (std::size_t k = 0; k < count; ++k) line += w.weight[k] * static_cast<double>(row[w.index[k]]);
      sum += d.weight[i] * h.weight[j] * line;
    }
  }
  return static_cast<Real>(sum);
}

template <class T, class Real>
T stored(Real value) {
  if constexpr (std::is_integral_v<T>) {
    const double whole = std::nearbyint(static_cast<double>(value));
    if (!(whole > static_cast<double>(std::numeric_limits<T>::lowest()))) return std::numeric_limits<T>::lowest();
    if (whole >= static_cast<double>(std::numeric_limits<T>::max())) return std::numeric_limits<T>::max();
    return static_cast<T>(whole);
  } else {
    return static_cast<T>(value);
  }
}

// Where the samples of a target axis come from. Positions rise or fall steadily, so those inside lie together.
AxisPlan plan_of(const Mapping& map, std::size_t axis, std::int64_t from, std::int64_t to,
                 Interpolation interpolation) {
  AxisPlan plan;
  plan.begin = to;
  for (std::int64_t i = 0; i < to; ++i) {
    const double position = map.offset[axis] + map.matrix[axis][axis] * static_cast<double>(i);
    plan.taps.push_back(taps_for(position, from, interpolation));
    if (!inside(position, from)) continue;
    plan.begin = std::min(plan.begin, i);
    plan.end = i + 1;
  }
  if (plan.end == 0) plan.begin = 0;
  return plan;
}

// Linear and cubic between grids that run the same way, of voxels that float holds.
void interpolate_aligned(const Volume& source, Volume& result, const Mapping& map, const ResampleOptions& options) {
  std::array<AxisPlan, 3> axes;
  for (std::size_t a = 0; a < 3; ++a) {
    const int axis = static_cast<int>(a);
    axes[a] = plan_of(map, a, source.shape()[axis], result.shape()[axis], options.interpolation);
  }
  const bool as_stored = options.interpolation == Interpolation::kLinear && !options.anti_alias;
  with_type(result.type(), [&]<class T>(T) {
    if constexpr (sizeof(T) <= 2 || std::is_same_v<T, float>) {
      const T outside = outside_value<T>(source, result, map, options.outside);
      if (as_stored) {
        resample_aligned<T, T>(source.voxels<T>(), source.shape(), axes, outside, result.voxels<T>(), options.threads);
      } else {
        const std::vector<float> values = prepared<float>(source, map, options);
        resample_aligned<float, T>(values, source.shape(), axes, outside, result.voxels<T>(), options.threads);
      }
    }
  });
}

// Linear and cubic. `aligned`: matrix is diagonal for all that matters.
template <class Real>
void interpolate(const Volume& source, Volume& result, const Mapping& map, bool aligned,
                 const ResampleOptions& options) {
  std::vector<Real> values = prepared<Real>(source, map, options);
  if (aligned) values = along_axes(std::move(values), source.shape(), result.shape(), map, options);
  with_type(result.type(), [&]<class T>(T) {
    const std::span<T> out = result.voxels<T>();
    const T outside = outside_value<T>(source, result, map, options.outside);
    const Shape& shape = source.shape();
    for_each_voxel(map, shape, result.shape(), options.threads, [&](std::size_t number, const Index* at) {
      if (at == nullptr) {
        out[number] = outside;
      } else {
        out[number] = stored<T>(aligned ? values[number] : value_at(values, shape, *at, options.interpolation));
      }
    });
  });
}

// The turn that puts the source's axes into the target's order, when the grids stand parallel.
bool parallel_turn(const Mapping& map, const Shape& target, Turn& turn) {
  std::array<bool, 3> used{};
  for (std::size_t s = 0; s < 3; ++s) {
    std::size_t along = 0;
    for (std::size_t t = 1; t < 3; ++t) {
      if (std::abs(map.matrix[s][t]) > std::abs(map.matrix[s][along])) along = t;
    }
    double drift = 0;
    for (std::size_t t = 0; t < 3; ++t) {
      if (t != along) drift += std::abs(map.matrix[s][t]) * static_cast<double>(target[static_cast<int>(t)] - 1);
    }
    if (used[along] || drift > kAlignedVoxels) return false;
    used[along] = true;
    turn.from[along] = static_cast<int>(s);
  }
  return true;
}

}  // namespace

Interpolation interpolation_named(const std::string& name) {
  if (name == "nearest") return Interpolation::kNearest;
  if (name == "linear") return Interpolation::kLinear;
  if (name == "cubic") return Interpolation::kCubic;
  if (name == "label") return Interpolation::kLabel;
  throw core::usage_error("no interpolation is called '" + name + "'", "choose nearest, linear, cubic or label");
}

Grid grid_with_spacing(const Geometry& geometry, const Shape& shape, const std::array<double, 3>& spacing_mm) {
  Grid grid{geometry, shape};
  std::array<std::int64_t, 3> size{};
  Index first{};
  for (std::size_t a = 0; a < 3; ++a) {
    const double old = geometry.spacing_mm[a], wanted = spacing_mm[a] == 0 ? old : spacing_mm[a];
    if (!std::isfinite(wanted) || wanted < 0) {
      throw core::Error("cannot resample to a spacing of " + std::to_string(wanted) + " mm",
                        "give positive millimetres, or 0 to keep an axis");
    }
    const auto count = static_cast<double>(shape[static_cast<int>(a)]);
    const double fitting = std::max(1.0, std::round(count * old / wanted));
    if (fitting > 1e9) {
      throw core::Error("a spacing of " + std::to_string(wanted) + " mm makes more than 1e9 voxels along an axis");
    }
    size[a] = static_cast<std::int64_t>(fitting);
    grid.geometry.spacing_mm[a] = wanted;
    first[a] = (count - 1) / 2 - (fitting - 1) / 2 * wanted / old;
  }
  grid.shape = {size[0], size[1], size[2]};
  grid.geometry.origin_mm = geometry.world(first);
  return grid;
}

Volume resample(const Volume& source, const Grid& target, const ResampleOptions& options) {
  if (source.shape().voxels() <= 0) throw core::Error("there is no picture to resample");
  source.geometry.check();
  target.geometry.check();
  if (!(source.scale != 0)) throw core::Error("the picture's scale is 0", "its rescale slope is damaged");
  Volume result(target.shape, source.type(), target.geometry);
  result.scale = source.scale;
  result.offset = source.offset;
  const Mapping map(source.geometry, target.geometry);
  if (options.interpolation == Interpolation::kNearest || options.interpolation == Interpolation::kLabel) {
    with_type(source.type(), [&]<class T>(T) {
      if (options.interpolation == Interpolation::kNearest) {
        nearest<T>(source, result, map, options);
      } else if constexpr (std::is_integral_v<T>) {
        labels<T>(source, result, map, options);
      } else {
        throw core::Error("a picture of fractions cannot be resampled as labels", "store the label map as integers");
      }
    });
    return result;
  }
  const bool wide =
      source.type() == VoxelType::kFloat64 || source.type() == VoxelType::kInt32 || source.type() == VoxelType::kUInt32;
  const auto run = [&](const Volume& from, const Mapping& mapping, bool aligned) {
    if (wide) return interpolate<double>(from, result, mapping, aligned, options);
    aligned ? interpolate_aligned(from, result, mapping, options)
            : interpolate<float>(from, result, mapping, false, options);
  };
  Turn turn;
  if (!parallel_turn(map, target.shape, turn)) {
    run(source, map, false);
  } else if (turn == Turn{}) {
    run(source, map, true);
  } else {
    const Volume in_order = turned(source, turn);
    run(in_order, Mapping(in_order.geometry, target.geometry), true);
  }
  return result;
}

Volume resample_to_spacing(const Volume& source, const std::array<double, 3>& spacing_mm,
                           const ResampleOptions& options) {
  source.geometry.check();
  return resample(source, grid_with_spacing(source.geometry, source.shape(), spacing_mm), options);
}

}  // namespace volume
