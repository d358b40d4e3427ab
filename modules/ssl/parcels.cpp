#include "ssl/parcels.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.h"
#include "ssl/registration.h"

namespace ssl {
namespace {

constexpr int kRounds = 20;           // of k-means; parts hardly move after ten
constexpr std::int64_t kFewest = 12;  // voxels along an axis at which pictures are compared

// Mean of three voxels along each axis, at the edge of two.
at::Tensor smoothed(const at::Tensor& picture) {
  return at::avg_pool3d(picture, 3, 1, 1, /*ceil_mode=*/false, /*count_include_pad=*/false);
}

// [voxels, 3 + C]
at::Tensor features_of(const at::Tensor& picture, double compactness) {
  const at::Tensor places = voxel_places(picture.sizes().slice(1), picture.options());
  const at::Tensor grey = standardised_channels(smoothed(standardised_channels(picture)));
  return at::cat({places * (std::sqrt(3.0) * compactness), grey}).flatten(1).t().contiguous();
}

// Rows far from each other: the one nearest to the mean, then always the one farthest from those taken.
at::Tensor first_centres(const at::Tensor& rows, std::int64_t count) {
  at::Tensor centres = at::empty({count, rows.size(1)}, rows.options());
  std::int64_t next = (rows - rows.mean(0)).square().sum(1).argmin().item<std::int64_t>();
  at::Tensor far = at::full({rows.size(0)}, std::numeric_limits<float>::infinity(), rows.options());
  for (std::int64_t k = 0; k < count; ++k) {
    centres[k].copy_(rows[next]);
    far = at::minimum(far, (rows - rows[next]).square().sum(1));
    next = far.argmax().item<std::int64_t>();
  }
  return centres;
}

at::Tensor nearest(const at::Tensor& rows, const at::Tensor& centres) {
  return (centres.square().sum(1) - 2 * rows.matmul(centres.t())).argmin(1);
}

// Sums of rows by group, and how many there are; a column of ones counts.
at::Tensor sums_of(const at::Tensor& rows, const at::Tensor& group, std::int64_t count) {
  const at::Tensor counted = at::cat({rows, at::ones({rows.size(0), 1}, rows.options())}, 1);
  return at::zeros({count, counted.size(1)}, rows.options()).index_add(0, group, counted);
}

at::Tensor means_of(const at::Tensor& sums, const at::Tensor& otherwise) {
  const at::Tensor number = sums.slice(1, sums.size(1) - 1);
  return at::where(number > 0, sums.slice(1, 0, sums.size(1) - 1) / number.clamp_min(1), otherwise);
}

}  // namespace

at::Tensor parcels_of(const at::Tensor& picture, std::int64_t count, double compactness) {
  GADOLIN_CHECK(picture.dim() == 4 && picture.is_cpu() && count >= 1);
  const at::NoGradGuard no_gradient;
  const at::Tensor rows = features_of(picture, compactness);
  GADOLIN_CHECK(rows.size(0) >= count);
  at::Tensor centres = first_centres(rows, count);
  for (int round = 0; round < kRounds; ++round)
    centres = means_of(sums_of(rows, nearest(rows, centres), count), centres);
  const at::Tensor group = nearest(rows, centres);
  const at::Tensor dark_first = centres.select(1, 3).argsort(/*stable=*/true, /*dim=*/0, /*descending=*/false);
  const at::Tensor number = at::empty_like(dark_first).index_copy_(0, dark_first, at::arange(count, at::kLong));
  return number.index_select(0, group).view(picture.sizes().slice(1));
}

std::vector<std::int64_t> most_central(const at::Tensor& pictures, std::int64_t count) {
  GADOLIN_CHECK(pictures.dim() == 5 && pictures.size(0) >= count);
  const at::NoGradGuard no_gradient;
  std::array<std::int64_t, 3> extent{};
  for (std::size_t a = 0; a < 3; ++a) extent[a] = std::min(kFewest, pictures.size(static_cast<std::int64_t>(a) + 2));
  const at::Tensor rows = standardised_channels(at::adaptive_avg_pool3d(pictures, extent)).flatten(1);
  const at::Tensor alike = rows.matmul(rows.t()) / static_cast<double>(rows.size(1));  // [a picture, a candidate]
  at::Tensor best = at::full({rows.size(0), 1}, -1, rows.options());
  std::vector<std::int64_t> chosen;
  while (static_cast<std::int64_t>(chosen.size()) < count) {
    at::Tensor gain = at::maximum(alike, best).sum(0);
    for (const std::int64_t one : chosen) gain[one] = -std::numeric_limits<float>::infinity();
    chosen.push_back(gain.argmax().item<std::int64_t>());
    best = at::maximum(best, alike.select(1, chosen.back()).unsqueeze(1));
  }
  return chosen;
}

}  // namespace ssl
