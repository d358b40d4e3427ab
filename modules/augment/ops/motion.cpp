#include "augment/ops/motion.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <utility>

#include "augment/k_space.h"
#include "augment/pick.h"

namespace augment {
namespace {

constexpr std::size_t kNumbers = 14;  // of a pose

// Turn by `angle` about a unit vector: Rodrigues' formula.
std::array<std::array<double, 3>, 3> turn_about(const std::array<double, 3>& axis, double angle) {
  std::array<std::array<double, 3>, 3> turn{};
  const double cosine = std::cos(angle), sine = std::sin(angle);
  for (std::size_t r = 0; r < 3; ++r) {
    for (std::size_t c = 0; c < 3; ++c) turn[r][c] = (1 - cosine) * axis[r] * axis[c];
    turn[r][r] += cosine;
    turn[r][(r + 1) % 3] -= sine * axis[(r + 2) % 3];
    turn[r][(r + 2) % 3] += sine * axis[(r + 1) % 3];
  }
  return turn;
}

// For lines k and -k together: the part of them that comes from the pose. Line k lies 2 k / extent from the middle.
std::vector<double> lines_from(double from, double to, std::int64_t extent) {
  const auto taken = [&](std::int64_t line) {
    const double at = 2 * static_cast<double>(line) / static_cast<double>(extent);
    return at >= from && at < to ? 0.5 : 0.0;
  };
  std::vector<double> kept;
  for (std::int64_t k = 0; k <= extent / 2; ++k) kept.push_back(2 * k == extent ? 2 * taken(-k) : taken(k) + taken(-k));
  return kept;
}

class MotionOp final : public Op {
 public:
  explicit MotionOp(const Motion& settings) : settings_(settings) {}
  std::string_view name() const override { return "motion"; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    if (!rng.chance(settings_.chance)) return drawn();
    std::vector<double> values{static_cast<double>(draw_line_axis(rng, frame, patch))};
    std::vector<double> moves(1 + rng.below(static_cast<std::uint64_t>(settings_.poses)));
    for (double& each : moves) each = rng.uniform(-1, 1);
    moves.insert(moves.end(), {-1.0, 1.0});
    std::sort(moves.begin(), moves.end());
    for (std::size_t i = 0; i + 1 < moves.size(); ++i) {
      if (moves[i] <= 0 && moves[i + 1] > 0) continue;  // at rest
      push_pose(values, moves[i], moves[i + 1], draw_pose(rng, frame, patch));
    }
    return drawn(std::move(values));
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override {
    std::vector<double> values{1};
    push_pose(values, -1, 0, {});
    return drawn(std::move(values));
  }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(drawn.values.size() % kNumbers == 1, "number of poses");
    const int axis = line_axis_at(drawn, 0);
    const volume::Shape& shape = patch.image.shape;
    const auto size = static_cast<std::size_t>(patch.image.channels * shape.voxels());
    std::vector<volume::Volume> at_rest;
    std::vector<const volume::Volume*> channels;
    for (std::int64_t c = 0; c < patch.image.channels; ++c) {
      at_rest.emplace_back(shape, volume::VoxelType::kFloat32, volume::Geometry{});
      std::ranges::copy(patch.image.channel(c), at_rest.back().voxels<float>().begin());
    }
    for (const volume::Volume& channel : at_rest) channels.push_back(&channel);
    const Source source{channels, nullptr, {{0, 0, 0}, shape}, shape};
    std::vector<float> moved(size);
    std::vector<std::uint8_t> inside(static_cast<std::size_t>(shape.voxels()));
    const Patch pose{{moved.data(), patch.image.channels, shape}, {}, inside, {}, {}};
    for (std::size_t first = 1; first < drawn.values.size(); first += kNumbers) {
      const double* values = drawn.values.data() + first;
      drawn.require(std::abs(values[0]) <= 1 && std::abs(values[1]) <= 1, "range of lines");
      Placing placing;
      for (std::size_t i = 0; i < 12; ++i) placing.to_case.rows[i / 4][i % 4] = values[2 + i];
      augment::pick(placing, source, pose);
      // What the lines of this pose add to those at rest: nothing at all where the pose is that at rest.
      const AxisFilter lines = keeping_lines(shape[axis], lines_from(values[0], values[1], shape[axis]));
      for (std::int64_t c = 0; c < patch.image.channels; ++c) {
        const std::span<float> added = pose.image.channel(c);
        std::ranges::transform(added, std::as_const(at_rest[static_cast<std::size_t>(c)]).voxels<float>(),
                               added.begin(), std::minus<float>());
        filter(added, shape, axis, lines);
      }
      for (std::size_t i = 0; i < size; ++i) patch.image.data[i] += moved[i];
    }
  }

 private:
  static void push_pose(std::vector<double>& values, double from, double to, const volume::Transform& pose) {
    values.insert(values.end(), {from, to});
    for (const auto& row : pose.rows) values.insert(values.end(), row.begin(), row.end());
  }

  // Rigid in millimetres, about the middle of the view.
  volume::Transform draw_pose(core::Rng& rng, const volume::Frame& frame, const volume::Shape& patch) const {
    std::array<double, 3> about{};
    double length = 0;
    for (double& each : about) each = rng.normal();
    for (const double each : about) length = std::hypot(length, each);
    for (double& each : about) each = length > 0 ? each / length : 0;
    const double most = settings_.rotation_deg * std::numbers::pi / 180;
    const auto turn = turn_about(about, rng.uniform(-most, most));
    volume::Transform map;
    for (int r = 0; r < 3; ++r) {
      map.rows[r][3] = static_cast<double>(patch[r] - 1) / 2 +
                       rng.uniform(-settings_.shift_mm, settings_.shift_mm) / frame.spacing_mm[r];
      for (int c = 0; c < 3; ++c) {
        map.rows[r][c] = turn[r][c] * frame.spacing_mm[c] / frame.spacing_mm[r];
        map.rows[r][3] -= map.rows[r][c] * static_cast<double>(patch[c] - 1) / 2;
      }
    }
    return map;
  }

  Motion settings_;
};

}  // namespace

OpPointer make(const Motion& settings) { return std::make_shared<const MotionOp>(settings); }
const OpEntry motion_entry = entry_of<MotionOp, Motion>("motion", "as if the patient had moved while the scan ran");

}  // namespace augment
