#include "prepare/bias_field.h"

#include <itkImage.h>
#include <itkMultiThreaderBase.h>
#include <itkN4BiasFieldCorrectionImageFilter.h>

#include <algorithm>
#include <cmath>
#include <mutex>

#include "core/error.h"
#include "prepare/coarse.h"

namespace prepare {
namespace {

using volume::Volume;

constexpr double kBlocks = 48;         // along the longest side
constexpr std::int64_t kThinnest = 4;  // fewer blocks along an axis are repeated: a spline needs a length
constexpr std::size_t kFewest = 64;    // blocks of tissue
constexpr float kFlat = 1e-4F;         // relative: tissue that differs by less is constant

// N4 makes filters of its own, which take as many threads as ITK's default says and sum in that order.
void one_thread() {
  static std::once_flag once;
  std::call_once(once, [] { itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(1); });
}

Block block_for(const Volume& image) {
  const std::array<double, 3>& spacing = image.geometry.spacing_mm;
  const double longest = longest_side_mm(image);
  Block block{};
  for (std::size_t a = 0; a < 3; ++a)
    block[a] = std::max<std::int64_t>(1, std::llround(longest / kBlocks / spacing[a]));
  return block;
}

// Tissue by 1, mean 1; the ground, where N4 looks at nothing, 1 as well, so that its logarithm is a number.
struct Tissue {
  std::vector<std::uint8_t> inside;
  std::vector<float> values;
  bool shows_field = false;
};

Tissue tissue_of(const Volume& means) {
  const std::span<const float> all = means.voxels<float>();
  const auto threshold = static_cast<float>(ground_threshold(all));
  Tissue tissue{std::vector<std::uint8_t>(all.size()), std::vector<float>(all.size(), 1.0F), false};
  double sum = 0;
  std::size_t count = 0;
  float low = INFINITY, high = 0;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!(all[i] > threshold)) continue;
    tissue.inside[i] = 1;
    sum += static_cast<double>(all[i]);
    ++count;
    low = std::min(low, all[i]);
    high = std::max(high, all[i]);
  }
  tissue.shows_field = count >= kFewest && high > low * (1 + kFlat) && std::isfinite(high);
  if (!tissue.shows_field) return tissue;
  const double mean = sum / static_cast<double>(count);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (tissue.inside[i] != 0) tissue.values[i] = static_cast<float>(static_cast<double>(all[i]) / mean);
  }
  return tissue;
}

template <class T>
typename itk::Image<T, 3>::Pointer itk_image(const std::vector<T>& values, const volume::Shape& shape,
                                             const std::array<std::int64_t, 3>& times) {
  auto image = itk::Image<T, 3>::New();
  const auto side = [&](int axis) {
    return static_cast<itk::SizeValueType>(shape[axis] * times[static_cast<std::size_t>(axis)]);
  };
  image->SetRegions(typename itk::Image<T, 3>::SizeType{{side(2), side(1), side(0)}});
  image->Allocate();
  T* out = image->GetBufferPointer();
  for (std::int64_t d = 0; d < shape.depth * times[0]; ++d)
    for (std::int64_t h = 0; h < shape.height * times[1]; ++h)
      for (std::int64_t w = 0; w < shape.width * times[2]; ++w)
        *out++ =
            values[static_cast<std::size_t>((d / times[0] * shape.height + h / times[1]) * shape.width + w / times[2])];
  return image;
}

// The logarithm of the field in the place of `means`. False when ITK found none that is finite.
bool log_field(const Tissue& tissue, const BiasSettings& settings, Volume& means) {
  using Image = itk::Image<float, 3>;
  using N4 = itk::N4BiasFieldCorrectionImageFilter<Image, itk::Image<std::uint8_t, 3>, Image>;
  const volume::Shape& shape = means.shape();
  std::array<std::int64_t, 3> times{};
  for (std::size_t a = 0; a < 3; ++a) times[a] = (kThinnest - 1) / shape[static_cast<int>(a)] + 1;
  one_thread();
  const auto n4 = N4::New();
  const auto input = itk_image(tissue.values, shape, times);
  n4->SetInput(input);
  n4->SetMaskImage(itk_image(tissue.inside, shape, times));
  n4->SetNumberOfControlPoints(static_cast<unsigned int>(settings.control_points));
  n4->SetNumberOfFittingLevels(static_cast<unsigned int>(settings.levels));
  N4::VariableSizeArrayType iterations(static_cast<unsigned int>(settings.levels));
  iterations.Fill(static_cast<unsigned int>(settings.iterations));
  n4->SetMaximumNumberOfIterations(iterations);
  n4->SetNumberOfWorkUnits(1);
  n4->Update();
  float* out = means.voxels<float>().data();
  bool finite = true;
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w) {
        const Image::IndexType at{
            {w * times[2] + times[2] / 2, h * times[1] + times[1] / 2, d * times[0] + times[0] / 2}};
        *out = std::log(input->GetPixel(at) / n4->GetOutput()->GetPixel(at));
        finite = finite && std::isfinite(*out++);
      }
    }
  }
  return finite;
}

void divide(Volume& image, const Volume& logarithm) {
  const std::span<float> values = image.voxels<float>();
  const std::span<const float> field = logarithm.voxels<float>();
  double before = 0, after = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) continue;
    before += static_cast<double>(values[i]);
    values[i] *= std::exp(-field[i]);
    after += static_cast<double>(values[i]);
  }
  if (!(before > 0 && after > 0)) return;
  const auto gain = static_cast<float>(before / after);
  for (float& value : values) value *= gain;
}

}  // namespace

void require_bias_correction() {}

Volume without_bias(const Volume& image, const BiasSettings& settings) {
  Volume result = image.as_float();
  Volume field = block_means(image, block_for(image), Counted::kPositive);
  const Tissue tissue = tissue_of(field);
  if (!tissue.shows_field) return result;
  try {
    if (!log_field(tissue, settings, field)) return result;
  } catch (const itk::ExceptionObject& error) {
    throw core::Error(std::string("N4: ") + error.GetDescription());
  }
  divide(result, volume::resample(field, {result.geometry, result.shape()}, {volume::Interpolation::kCubic}));
  return result;
}

}  // namespace prepare
