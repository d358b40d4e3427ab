#include "augment/ops/warp.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "augment/bend.h"
#include "core/error.h"

namespace augment {
namespace {

using Matrix = std::array<std::array<double, 3>, 3>;

Matrix product(const Matrix& a, const Matrix& b) {
  Matrix out{};
  for (int r = 0; r < 3; ++r) {
    for (int c = 0; c < 3; ++c) {
      for (int k = 0; k < 3; ++k) out[r][c] += a[r][k] * b[k][c];
    }
  }
  return out;
}

// Turn by `angle` in the plane of the other two axes.
Matrix about(int axis, double angle) {
  Matrix turn{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
  if (angle == 0) return turn;
  const int u = (axis + 1) % 3, v = (axis + 2) % 3;
  turn[u][u] = turn[v][v] = std::cos(angle);
  turn[u][v] = -std::sin(angle);
  turn[v][u] = std::sin(angle);
  return turn;
}

class WarpOp final : public Op {
 public:
  explicit WarpOp(const Warp& settings) : settings_(settings) {
    if (settings.scale_low > settings.scale_high) {
      throw core::usage_error("augmentation warp: scale_low is greater than scale_high");
    }
  }
  std::string_view name() const override { return "warp"; }
  bool picks() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    const std::array<bool, 3> flat = flat_axes(frame, patch);
    const Matrix turn = draw_turn(rng, flat);
    double scale = 1;
    if (rng.chance(settings_.scale_chance)) {
      scale = std::exp(rng.uniform(std::log(settings_.scale_low), std::log(settings_.scale_high)));
    }
    const bool bends = rng.chance(settings_.bend_chance);
    const double bend = bends ? rng.uniform(0, settings_.bend) : 0.0;
    const std::uint64_t seed = draw_seed(rng);

    const bool turned = turn != Matrix{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    std::array<double, 3> scales{}, extent{};
    std::array<bool, 3> whole{};
    for (int a = 0; a < 3; ++a) {
      scales[a] = flat[a] ? 1 : scale;
      extent[a] = static_cast<double>(patch[a]) * scales[a];
      whole[a] = flat[a] || (!turned && scale == 1 && !bends);
    }
    const auto start = place(rng, key, frame, extent, whole, settings_.place);
    volume::Transform map;
    for (int r = 0; r < 3; ++r) {
      map.rows[r][3] = start[r] + extent[r] / 2 - 0.5;
      for (int c = 0; c < 3; ++c) {
        map.rows[r][c] =
            r == c && !turned ? scales[c] : turn[r][c] * scales[c] * frame.spacing_mm[c] / frame.spacing_mm[r];
        map.rows[r][3] -= map.rows[r][c] * static_cast<double>(patch[c] - 1) / 2;
      }
    }
    return written(map, settings_.bend_cells, bend_voxels(frame, patch, flat, bend), seed);
  }

  Drawn identity(const volume::Frame&, const volume::Shape&) const override {
    // A hair's bend, so that the whole arithmetic runs.
    return written({}, 2, {1e-9, 1e-9, 1e-9}, 1);
  }

  volume::Transform transform(const Drawn& drawn, const volume::Shape&) const override {
    return warp_placing(drawn).to_case;
  }
  volume::VoxelBox reach(const Drawn& drawn, const volume::Shape& patch, const volume::Shape& of_case) const override {
    return augment::reach(warp_placing(drawn), patch, of_case);
  }
  void pick(const Drawn& drawn, const Source& source, const Patch& patch) const override {
    augment::pick(warp_placing(drawn), source, patch);
  }

 private:
  std::array<bool, 3> flat_axes(const volume::Frame& frame, const volume::Shape& patch) const {
    const double finest = *std::min_element(frame.spacing_mm.begin(), frame.spacing_mm.end());
    std::array<bool, 3> flat{};
    for (int a = 0; a < 3; ++a) {
      flat[a] = patch[a] == 1 || frame.shape[a] == 1 || frame.spacing_mm[a] > settings_.flat_ratio * finest;
    }
    return flat;
  }

  Matrix draw_turn(core::Rng& rng, const std::array<bool, 3>& flat) const {
    const bool turns = rng.chance(settings_.rotation_chance);
    const double most = settings_.rotation_deg * std::numbers::pi / 180;
    Matrix turn{{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}};
    for (int axis = 0; axis < 3; ++axis) {
      const double angle = rng.uniform(-most, most);
      if (turns && !flat[(axis + 1) % 3] && !flat[(axis + 2) % 3]) turn = product(turn, about(axis, angle));
    }
    return turn;
  }

  // The same in millimetres along every axis, as far as the axis with the smallest cell allows.
  std::array<double, 3> bend_voxels(const volume::Frame& frame, const volume::Shape& patch,
                                    const std::array<bool, 3>& flat, double bend) const {
    double cell_mm = 0;
    for (int a = 0; a < 3; ++a) {
      if (flat[a]) continue;
      const double mm = Bend::cell(patch[a], settings_.bend_cells) * frame.spacing_mm[a];
      cell_mm = cell_mm == 0 ? mm : std::min(cell_mm, mm);
    }
    std::array<double, 3> voxels{};
    for (int a = 0; a < 3; ++a) voxels[a] = flat[a] ? 0 : bend * cell_mm / frame.spacing_mm[a];
    return voxels;
  }

  Drawn written(const volume::Transform& map, std::int64_t cells, const std::array<double, 3>& bend,
                std::uint64_t seed) const {
    std::vector<double> values;
    for (const auto& row : map.rows) values.insert(values.end(), row.begin(), row.end());
    values.push_back(static_cast<double>(cells));
    values.insert(values.end(), bend.begin(), bend.end());
    push_seed(values, seed);
    return drawn(std::move(values));
  }

  Warp settings_;
};

}  // namespace

Placing warp_placing(const Drawn& drawn) {
  drawn.require(18);
  Placing placing;
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 4; ++c) placing.to_case.rows[r][c] = drawn.values[r * 4 + c];
    placing.bend[r] = drawn.values[13 + r];
    drawn.require(placing.bend[r] >= 0 && placing.bend[r] < 1e6, "bend");
  }
  drawn.require(drawn.values[12] >= 1 && drawn.values[12] <= 32, "number of cells");
  placing.bend_cells = static_cast<std::int64_t>(drawn.values[12]);
  placing.bend_seed = seed_at(drawn.values, 16);
  return placing;
}

OpPointer make(const Warp& settings) { return std::make_shared<const WarpOp>(settings); }
const OpEntry warp_entry = entry_of<WarpOp, Warp>("warp", "a patch of the case, turned, scaled and bent in one pass");

}  // namespace augment
