// Resampling to a coarser grid, beside ITK's ResampleImageFilter.
#include <itkBSplineInterpolateImageFunction.h>
#include <itkImage.h>
#include <itkLinearInterpolateImageFunction.h>
#include <itkMultiThreaderBase.h>
#include <itkResampleImageFilter.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/rng.h"
#include "pipelines/bench.h"
#include "volume/resample.h"

namespace pipelines {
namespace {

using ItkImage = itk::Image<float, 3>;

// Smooth waves and some noise: what interpolation is made for, and what shows where it differs.
volume::Volume waves(std::int64_t size) {
  volume::Volume volume({size, size, size}, volume::VoxelType::kFloat32, {});
  core::Rng rng({1, 0, 0, 0});
  auto voxels = volume.voxels<float>();
  for (std::int64_t i = 0; i < volume.shape().voxels(); ++i) {
    const auto w = static_cast<double>(i % size), h = static_cast<double>(i / size % size);
    const auto d = static_cast<double>(i / size / size);
    voxels[static_cast<std::size_t>(i)] = static_cast<float>(500 * std::sin(0.1 * d) * std::cos(0.07 * h) +
                                                             300 * std::sin(0.13 * w) + 20 * rng.uniform());
  }
  return volume;
}

ItkImage::Pointer to_itk(const volume::Volume& volume) {
  auto image = ItkImage::New();
  const volume::Shape& shape = volume.shape();
  ItkImage::RegionType region;
  ItkImage::SpacingType spacing;
  for (unsigned axis = 0; axis < 3; ++axis) {
    region.SetSize(axis, static_cast<itk::SizeValueType>(shape[2 - static_cast<int>(axis)]));
    spacing[axis] = volume.geometry.spacing_mm[2 - axis];
  }
  image->SetRegions(region);
  image->SetSpacing(spacing);
  image->Allocate();
  std::memcpy(image->GetBufferPointer(), volume.bytes().data(), volume.bytes().size());
  return image;
}

ItkImage::Pointer resampled_by_itk(ItkImage* image, const volume::Grid& grid, bool cubic, int threads) {
  using Filter = itk::ResampleImageFilter<ItkImage, ItkImage>;
  auto filter = Filter::New();
  filter->SetInput(image);
  if (cubic) {
    filter->SetInterpolator(itk::BSplineInterpolateImageFunction<ItkImage, double, float>::New());
  } else {
    filter->SetInterpolator(itk::LinearInterpolateImageFunction<ItkImage, double>::New());
  }
  Filter::SizeType size;
  Filter::SpacingType spacing;
  Filter::OriginPointType origin;
  for (unsigned axis = 0; axis < 3; ++axis) {
    size[axis] = static_cast<itk::SizeValueType>(grid.shape[2 - static_cast<int>(axis)]);
    spacing[axis] = grid.geometry.spacing_mm[2 - axis];
    origin[axis] = grid.geometry.origin_mm[axis];
  }
  filter->SetSize(size);
  filter->SetOutputSpacing(spacing);
  filter->SetOutputOrigin(origin);
  filter->SetNumberOfWorkUnits(static_cast<itk::ThreadIdType>(threads));
  filter->Update();
  return filter->GetOutput();
}

// Within 1e-3 of the range wherever the new centre lies between old ones; at the rim the two extend the picture
// differently.
bool agree(const volume::Volume& ours, const ItkImage* peer, const volume::Volume& source) {
  const auto a = ours.voxels<float>();
  const float* const b = peer->GetBufferPointer();
  const auto [low, high] = std::minmax_element(a.begin(), a.end());
  const volume::Shape& shape = ours.shape();
  const double size = static_cast<double>(source.shape().depth);
  for (std::int64_t i = 0; i < shape.voxels(); ++i) {
    const volume::Index at{static_cast<double>(i / shape.width / shape.height),
                           static_cast<double>(i / shape.width % shape.height), static_cast<double>(i % shape.width)};
    const volume::Index from = source.geometry.index(ours.geometry.world(at));
    const bool inside = std::all_of(from.begin(), from.end(), [&](double p) { return p >= 0 && p <= size - 1; });
    if (inside && std::abs(a[static_cast<std::size_t>(i)] - b[i]) > 1e-3 * (*high - *low)) return false;
  }
  return true;
}

std::vector<BenchResult> run(const BenchOptions& options) {
  itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(static_cast<itk::ThreadIdType>(options.threads));
  const volume::Volume source = waves(options.size);
  const ItkImage::Pointer image = to_itk(source);
  const volume::Grid grid = volume::grid_with_spacing(source.geometry, source.shape(), {1.43, 1.43, 1.43});
  std::vector<BenchResult> results;
  for (const bool cubic : {false, true}) {
    volume::ResampleOptions how;
    how.interpolation = cubic ? volume::Interpolation::kCubic : volume::Interpolation::kLinear;
    how.threads = options.threads;
    const std::string what = cubic ? "cubic 1 -> 1.43 mm" : "linear 1 -> 1.43 mm";
    require_equal(
        agree(volume::resample(source, grid, how), resampled_by_itk(image, grid, cubic, options.threads), source),
        "resample " + what);
    std::vector<float> copy(static_cast<std::size_t>(source.shape().voxels()));
    const std::vector<double> seconds = median_seconds(
        {[&] { volume::resample(source, grid, how); }, [&] { resampled_by_itk(image, grid, cubic, options.threads); },
         [&] { std::memcpy(copy.data(), source.bytes().data(), source.bytes().size()); }},
        options.repeats);
    results.push_back({what, static_cast<double>(source.shape().voxels()) / 1e6, "Mvoxel", "ITK ResampleImageFilter",
                       "one copy of the picture", seconds[0], seconds[1], seconds[2]});
  }
  return results;
}

}  // namespace

extern const Workload resample_workload;
const Workload resample_workload{"resample", "a volume onto a coarser grid, linear and cubic, beside ITK", run};

}  // namespace pipelines
