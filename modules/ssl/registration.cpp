#include "ssl/registration.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <tuple>
#include <utility>
#include <vector>

#include "core/error.h"
#include "losses/precision.h"

namespace ssl {
namespace {

constexpr std::int64_t kLeastExtent = 8;  // of a resolution, voxels along each axis
constexpr double kFlat = 1e-3;            // variances multiplied, below which there is nothing to compare
constexpr double kSmooth = 1.0;           // of a bend's way downhill, control points

// A matrix for each of the last three axes.
using Axes = std::array<at::Tensor, 3>;

// x [C, D, H, W] with each axis replaced by the matrix's rows over it.
at::Tensor along_axes(const at::Tensor& x, const Axes& rows) {
  const at::Tensor wide = rows[1].matmul(x.matmul(rows[2].t()));
  const at::Tensor deep = rows[0].matmul(wide.flatten(2));
  return deep.view({x.size(0), rows[0].size(0), rows[1].size(0), rows[2].size(0)});
}

Axes transposed(const Axes& rows) { return {rows[0].t(), rows[1].t(), rows[2].t()}; }

// Row i: Gaussian weights about voxel i, of sum 1.
at::Tensor window_rows(std::int64_t extent, double sigma, const at::TensorOptions& options) {
  const at::Tensor i = at::arange(extent, options);
  const at::Tensor weights = ((i.unsqueeze(1) - i) / sigma).square().mul(-0.5).exp();
  return weights / weights.sum(1, /*keepdim=*/true);
}

Axes windows(at::IntArrayRef extent, double sigma, const at::TensorOptions& options) {
  return {window_rows(extent[0], sigma, options), window_rows(extent[1], sigma, options),
          window_rows(extent[2], sigma, options)};
}

at::Tensor places_along(std::int64_t extent, const at::TensorOptions& options) {
  return (2 * at::arange(extent, options) + 1) / static_cast<double>(extent) - 1;
}

// Row i: what each control point has of the shift of voxel i.
at::Tensor control_rows(std::int64_t extent, std::int64_t points, const at::TensorOptions& options) {
  const at::Tensor at_point = (places_along(extent, options) + 1) * (static_cast<double>(points - 1) / 2);
  return (1 - (at_point.unsqueeze(1) - at::arange(points, options)).abs()).clamp_min(0);
}

// As torch wants it: [N, D, H, W, {w, h, d}].
at::Tensor grid_of(const at::Tensor& places) { return places.flip(1).permute({0, 2, 3, 4, 1}); }

// One resolution of both pictures.
struct Level {
  at::Tensor fixed, moving;  // [C, d, h, w]
  at::Tensor places;         // [4, voxels], the last row of ones
  Axes controls;             // control_rows along each axis
  Axes wide, nearby;         // windows for the affine map and for the bend
  double voxel;              // its greatest side, as places go
};

Level level_of(const at::Tensor& fixed, const at::Tensor& moving, std::int64_t part, const Registration& settings) {
  const auto options = fixed.options();
  std::array<std::int64_t, 3> extent{};
  for (std::size_t a = 0; a < 3; ++a) extent[a] = std::max<std::int64_t>(fixed.size(static_cast<int>(a) + 1) / part, 1);
  Level level;
  level.fixed = at::adaptive_avg_pool3d(fixed, extent);
  level.moving = at::adaptive_avg_pool3d(moving, extent);
  const at::Tensor places = voxel_places(extent, options).flatten(1);
  level.places = at::cat({places, at::ones({1, places.size(1)}, options)});
  for (std::size_t a = 0; a < 3; ++a) level.controls[a] = control_rows(extent[a], settings.control_points, options);
  level.wide = windows(extent, 2 * settings.window, options);
  level.nearby = windows(extent, settings.window, options);
  level.voxel = 2.0 / static_cast<double>(*std::min_element(extent.begin(), extent.end()));
  return level;
}

// From coarse to fine.
std::vector<Level> levels_of(const at::Tensor& fixed, const at::Tensor& moving, const Registration& settings) {
  const std::int64_t least = std::min({fixed.size(1), fixed.size(2), fixed.size(3)});
  std::vector<Level> levels;
  for (const std::int64_t part : {4, 2, 1}) {
    if (part == 1 || least / part >= kLeastExtent) levels.push_back(level_of(fixed, moving, part, settings));
  }
  return levels;
}

Alikeness alikeness_within(const at::Tensor& fixed, const at::Tensor& moving, const Axes& window) {
  const Axes back = transposed(window);
  const at::Tensor mean_f = along_axes(fixed, window), mean_m = along_axes(moving, window);
  const at::Tensor var_f = (along_axes(fixed * fixed, window) - mean_f * mean_f).clamp_min(0);
  const at::Tensor var_m = (along_axes(moving * moving, window) - mean_m * mean_m).clamp_min(0);
  const at::Tensor both = along_axes(fixed * moving, window) - mean_f * mean_m;
  const at::Tensor below = var_f * var_m + kFlat;
  const at::Tensor alike = (both * both + kFlat) / below;
  // d alike = of_both d both - of_var d var_m / 2.
  const at::Tensor of_both = 2 * both / below, of_var = 2 * alike * var_f / below;
  const at::Tensor gradient = fixed * along_axes(of_both, back) - along_axes(of_both * mean_f, back) -
                              moving * along_axes(of_var, back) + along_axes(of_var * mean_m, back);
  return {alike.mean().item<double>(), gradient / static_cast<double>(alike.numel())};
}

// How alike the pictures of the level are, and how that grows with a shift of each voxel's place: [3, d, h, w].
std::pair<double, at::Tensor> look(const Level& level, const Deformation& so_far, const Axes& window) {
  const at::Tensor bend = along_axes(so_far.bend, level.controls);
  const at::Tensor places = (so_far.affine.matmul(level.places).view(bend.sizes()) + bend).unsqueeze(0);
  const at::Tensor moving = level.moving.unsqueeze(0);
  const Alikeness found = alikeness_within(level.fixed, picture_at(moving, places).squeeze(0), window);
  const at::Tensor pull = std::get<1>(at::grid_sampler_3d_backward(
      found.gradient.unsqueeze(0), moving, grid_of(places), /*interpolation_mode=*/0, /*padding_mode=*/1,
      /*align_corners=*/false, std::array<bool, 2>{false, true}));
  return {found.value, pull.squeeze(0).permute({3, 0, 1, 2}).flip(0).contiguous()};
}

// Squared strain of the bend, summed over its nine components, mean over the case; and its gradient.
std::pair<double, at::Tensor> strain(const at::Tensor& bend) {
  const std::int64_t points = bend.size(1);
  const double per_pair =
      std::pow(static_cast<double>(points - 1) / 2, 2) / static_cast<double>((points - 1) * points * points);
  at::Tensor gradient = at::zeros_like(bend);
  double sum = 0;
  for (std::int64_t axis = 1; axis < 4; ++axis) {
    const at::Tensor change = bend.narrow(axis, 1, points - 1) - bend.narrow(axis, 0, points - 1);
    sum += change.square().sum().item<double>();
    gradient.narrow(axis, 1, points - 1).add_(change);
    gradient.narrow(axis, 0, points - 1).sub_(change);
  }
  return {sum * per_pair, gradient * (2 * per_pair)};
}

// What is to become small, and a way downhill whose greatest shift of a place is 1, or 0 where it is flat.
struct Ground {
  double height = 0;
  at::Tensor way;
};

Ground ground(double height, const at::Tensor& way, const at::Tensor& shifts) {
  const double greatest = shifts.max().item<double>();
  return {height, greatest > 0 && std::isfinite(greatest) ? way / greatest : at::zeros_like(way)};
}

// A step that leads down is taken and the next one is longer, another one is tried half as long.
at::Tensor descend(at::Tensor place, double voxel, std::int64_t iterations,
                   const std::function<Ground(const at::Tensor&)>& ground_at) {
  Ground here = ground_at(place);
  double step = voxel;
  for (std::int64_t i = 0; i < iterations && step > 1e-3 * voxel; ++i) {
    const at::Tensor there = place + step * here.way;
    Ground found = ground_at(there);
    if (found.height < here.height) {
      place = there;
      here = std::move(found);
      step = std::min(1.5 * step, 2 * voxel);
    } else {
      step /= 2;
    }
  }
  return place;
}

void lay_over(const Level& level, Deformation& so_far, std::int64_t iterations) {
  so_far.affine = descend(so_far.affine, level.voxel, iterations, [&](const at::Tensor& affine) {
    const auto [alike, pull] = look(level, {affine, so_far.bend}, level.wide);
    at::Tensor way = pull.flatten(1).matmul(level.places.t());
    way.narrow(1, 0, 3).mul_(3);  // a place's mean square along an axis is 1/3
    return ground(1 - alike, way, way.abs().sum(1));
  });
}

void bend(const Level& level, Deformation& so_far, const Registration& settings) {
  const Axes back = transposed(level.controls);
  const auto points = so_far.bend.sizes().slice(1);
  const Axes smooth = windows(points, kSmooth, so_far.bend.options());
  so_far.bend = descend(so_far.bend, level.voxel, settings.iterations, [&](const at::Tensor& shifts) {
    const auto [alike, pull] = look(level, {so_far.affine, shifts}, level.nearby);
    const auto [strained, against] = strain(shifts);
    const at::Tensor downhill = along_axes(pull, back) - settings.stiffness * against;
    // Smoothed to and fro, so that it leads downhill whatever the weights at the edge are.
    const at::Tensor way = along_axes(along_axes(downhill, transposed(smooth)), smooth);
    return ground(1 - alike + settings.stiffness * strained, way, way.abs());
  });
}

}  // namespace

Deformation no_deformation(std::int64_t control_points, const at::TensorOptions& options) {
  return {at::eye(3, 4, options), at::zeros({3, control_points, control_points, control_points}, options)};
}

at::Tensor voxel_places(at::IntArrayRef extent, const at::TensorOptions& options) {
  return at::stack(at::meshgrid(
      {places_along(extent[0], options), places_along(extent[1], options), places_along(extent[2], options)}, "ij"));
}

at::Tensor deformed(const Deformation& stacked, const at::Tensor& places) {
  GADOLIN_CHECK(places.dim() == 5 && places.size(1) == 3 && stacked.affine.size(0) == places.size(0));
  const at::Tensor turned = stacked.affine.narrow(2, 0, 3).matmul(places.flatten(2)) + stacked.affine.narrow(2, 3, 1);
  return turned.view(places.sizes()) + at::grid_sampler_3d(stacked.bend, grid_of(places), /*interpolation_mode=*/0,
                                                           /*padding_mode=*/1, /*align_corners=*/true);
}

at::Tensor picture_at(const at::Tensor& pictures, const at::Tensor& places) {
  return at::grid_sampler_3d(pictures, grid_of(places), /*interpolation_mode=*/0, /*padding_mode=*/1,
                             /*align_corners=*/false);
}

Alikeness alikeness(const at::Tensor& fixed, const at::Tensor& moving, double window) {
  GADOLIN_CHECK(fixed.dim() == 4 && fixed.sizes() == moving.sizes() && window > 0);
  return alikeness_within(fixed, moving, windows(fixed.sizes().slice(1), window, fixed.options()));
}

Deformation registered(const at::Tensor& fixed, const at::Tensor& moving, const Registration& settings) {
  GADOLIN_CHECK(fixed.dim() == 4 && fixed.sizes() == moving.sizes() && fixed.is_cpu());
  const at::NoGradGuard no_gradient;
  const losses::WithoutAutocast exact;
  Deformation found = no_deformation(settings.control_points, fixed.options());
  const std::vector<Level> levels = levels_of(standardised_channels(fixed), standardised_channels(moving), settings);
  for (std::size_t i = 0; i < std::max<std::size_t>(levels.size() - 1, 1); ++i)
    lay_over(levels[i], found, settings.iterations);
  for (const Level& level : levels) bend(level, found, settings);
  return found;
}

double alikeness_after(const Deformation& deformation, const at::Tensor& fixed, const at::Tensor& moving,
                       double window) {
  const at::NoGradGuard no_gradient;
  const losses::WithoutAutocast exact;
  const at::Tensor places = voxel_places(fixed.sizes().slice(1), fixed.options()).unsqueeze(0);
  const Deformation one{deformation.affine.unsqueeze(0), deformation.bend.unsqueeze(0)};
  const at::Tensor seen = picture_at(standardised_channels(moving).unsqueeze(0), deformed(one, places)).squeeze(0);
  return alikeness(standardised_channels(fixed), seen, window).value;
}

void one_by_one(std::int64_t count, const std::function<void(std::int64_t)>& body) {
  if (count < 1) return;
  // One task would be computed in place, with all of torch's threads.
  at::parallel_for(0, std::max<std::int64_t>(count, 2), 1, [&](std::int64_t begin, std::int64_t end) {
    const at::NoGradGuard no_gradient;
    const losses::WithoutAutocast exact;
    for (std::int64_t i = begin; i < std::min(end, count); ++i) body(i);
  });
}

at::Tensor standardised_channels(const at::Tensor& pictures) {
  const std::vector<std::int64_t> space{-3, -2, -1};
  const at::Tensor apart = pictures - pictures.mean(space, /*keepdim=*/true);
  const at::Tensor deviation = apart.square().mean(space, /*keepdim=*/true).sqrt();
  // A picture of one value is not exactly its mean.
  const at::Tensor one_value = deviation <= 1e-5 * pictures.abs().amax(space, /*keepdim=*/true);
  return (apart / deviation.clamp_min(1e-30)).masked_fill(one_value, 0);
}

}  // namespace ssl
