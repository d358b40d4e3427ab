#include "ssl/matching_points.h"

#include <ATen/ATen.h>

#include <array>
#include <numeric>

#include "core/error.h"
#include "core/rng.h"

namespace ssl {
namespace {

constexpr int kTries = 16;               // until a place of one view is given up to be in the other
constexpr std::uint64_t kSeed = 0x9017;  // apart from what draws the views

bool inside(const std::array<double, 3>& index, at::IntArrayRef extent) {
  for (std::size_t a = 0; a < 3; ++a) {
    if (index[a] < 0 || index[a] > static_cast<double>(extent[a] - 1)) return false;
  }
  return true;
}

}  // namespace

MatchingPoints matching_points(const data::View& first, const data::View& second, const at::Tensor& sample,
                               std::int64_t points) {
  const std::int64_t samples = first.images.size(0);
  GADOLIN_CHECK(static_cast<std::int64_t>(first.voxel_to_case.size()) == samples &&
                static_cast<std::int64_t>(second.voxel_to_case.size()) == samples && sample.size(0) == samples);
  const auto here = first.images.sizes().slice(2), there = second.images.sizes().slice(2);
  const at::Tensor numbers = sample.cpu();
  MatchingPoints found{at::zeros({samples, points, 3}), at::zeros({samples, points, 3}), at::zeros({samples, points})};
  float *p = found.first.mutable_data_ptr<float>(), *q = found.second.mutable_data_ptr<float>();
  float* shared = found.shared.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < samples; ++i) {
    const auto n = static_cast<std::size_t>(i);
    const auto across = second.voxel_to_case[n].inverse().after(first.voxel_to_case[n]);
    core::Rng rng({kSeed, static_cast<std::uint64_t>(numbers[i].item<std::int64_t>()), 0, 0});
    for (std::int64_t k = 0; k < points; ++k, p += 3, q += 3, ++shared) {
      for (int attempt = 0; attempt < kTries && *shared == 0; ++attempt) {
        std::array<double, 3> index{};
        for (std::size_t a = 0; a < 3; ++a) index[a] = rng.uniform(0, static_cast<double>(here[a] - 1));
        const std::array<double, 3> other = across(index);
        *shared = inside(other, there) ? 1.0F : 0.0F;
        for (std::size_t a = 0; a < 3; ++a) {
          p[a] = static_cast<float>(index[a]);
          q[a] = static_cast<float>(other[a]);
        }
      }
    }
  }
  return found;
}

at::Tensor features_at(const std::vector<at::Tensor>& scales, const at::Tensor& indices, at::IntArrayRef extent) {
  const std::int64_t samples = indices.size(0), points = indices.size(1);
  // From indices {d, h, w} to {x, y, z} in [-1, 1] over the whole of the outer voxels.
  const at::Tensor size =
      at::tensor({static_cast<float>(extent[0]), static_cast<float>(extent[1]), static_cast<float>(extent[2])});
  const at::Tensor places =
      ((2 * indices + 1) / size - 1).flip(2).view({samples, points, 1, 1, 3}).to(scales[0].device());
  std::vector<at::Tensor> rows;
  for (const at::Tensor& scale : scales) {
    const at::Tensor picked = at::grid_sampler_3d(scale.to(at::kFloat), places, /*interpolation_mode=*/0,
                                                  /*padding_mode=*/1, /*align_corners=*/false);
    rows.push_back(picked.flatten(2).transpose(1, 2).flatten(0, 1));
  }
  return at::cat(rows, 1);
}

std::int64_t channels_of_all_scales(const models::Encoder& encoder) {
  const std::vector<std::int64_t> each = encoder.channels();
  return std::accumulate(each.begin(), each.end(), std::int64_t{0});
}

}  // namespace ssl
