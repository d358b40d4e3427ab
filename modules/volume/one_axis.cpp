#include "volume/one_axis.h"

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "volume/rows.h"

namespace volume {
namespace {

constexpr std::int64_t kBlock = 256;  // neighbours filtered together, so that the inner loop runs along memory
const double kPole = std::sqrt(3.0) - 2.0;
constexpr std::int64_t kHorizon = 28;  // kPole^28 < 1e-16

std::int64_t mirrored(std::int64_t index, std::int64_t size) {
  if (size == 1) return 0;
  const std::int64_t period = 2 * size - 2;
  index = ((index % period) + period) % period;
  return index < size ? index : period - index;
}

// Weights of the sum over samples 0 .. that begins the recursion with mirrored ends.
std::vector<double> first_weights(std::int64_t size) {
  std::vector<double> weights;
  if (size > kHorizon) {
    for (std::int64_t k = 0; k < kHorizon; ++k) weights.push_back(std::pow(kPole, static_cast<double>(k)));
    return weights;
  }
  const auto last = static_cast<double>(size - 1);
  const double norm = 1.0 / (1.0 - std::pow(kPole, 2 * last));
  for (std::int64_t k = 0; k < size; ++k) {
    const auto step = static_cast<double>(k);
    const bool end = k == 0 || k == size - 1;
    weights.push_back(norm * (std::pow(kPole, step) + (end ? 0.0 : std::pow(kPole, 2 * last - step))));
  }
  return weights;
}

// One block of `width` neighbouring lines, `stride` apart along the axis.
void filter_lines(float* line, std::int64_t size, std::int64_t stride, std::int64_t width,
                  const std::vector<double>& start) {
  spline_lines(line, static_cast<std::size_t>(size), static_cast<std::size_t>(stride), static_cast<std::size_t>(width),
               start);
}

void filter_lines(double* line, std::int64_t size, std::int64_t stride, std::int64_t width,
                  const std::vector<double>& start) {
  const double pole = kPole;
  const double gain = (1.0 - kPole) * (1.0 - 1.0 / kPole);
  for (std::int64_t i = 0; i < width; ++i) {
    double sum = 0;
    for (std::size_t k = 0; k < start.size(); ++k) {
      sum += start[k] * line[static_cast<std::int64_t>(k) * stride + i];
    }
    line[i] = sum * gain;
  }
  for (std::int64_t k = 1; k < size; ++k) {
    double* here = line + k * stride;
    for (std::int64_t i = 0; i < width; ++i) here[i] = here[i] * gain + pole * here[i - stride];
  }
  const double end = kPole / (kPole * kPole - 1.0);
  double* last = line + (size - 1) * stride;
  for (std::int64_t i = 0; i < width; ++i) last[i] = end * (pole * last[i - stride] + last[i]);
  for (std::int64_t k = size - 2; k >= 0; --k) {
    double* here = line + k * stride;
    for (std::int64_t i = 0; i < width; ++i) here[i] = pole * (here[i + stride] - here[i]);
  }
}

// Lines along memory, many at a time and turned meanwhile: one line alone waits for itself at every sample.
void filter_rows(std::span<float> values, const AxisView& view, const std::vector<double>& start, int threads) {
  constexpr std::int64_t kLines = 16;
  core::parallel_for((view.outer + kLines - 1) / kLines, threads, [&](std::int64_t job) {
    const std::int64_t lines = std::min(kLines, view.outer - job * kLines);
    float* const rows = values.data() + job * kLines * view.size;
    std::vector<float> turned(static_cast<std::size_t>(view.size * kLines));
    for (std::int64_t i = 0; i < view.size; ++i) {
      for (std::int64_t l = 0; l < lines; ++l)
        turned[static_cast<std::size_t>(i * kLines + l)] = rows[l * view.size + i];
    }
    filter_lines(turned.data(), view.size, kLines, kLines, start);
    for (std::int64_t l = 0; l < lines; ++l) {
      for (std::int64_t i = 0; i < view.size; ++i)
        rows[l * view.size + i] = turned[static_cast<std::size_t>(i * kLines + l)];
    }
  });
}

}  // namespace

AxisView axis_view(const Shape& shape, int axis) {
  AxisView view;
  view.size = shape[axis];
  for (int a = 0; a < axis; ++a) view.outer *= shape[a];
  for (int a = axis + 1; a < 3; ++a) view.inner *= shape[a];
  return view;
}

Taps linear_taps(double position, std::int64_t size) {
  const double held = std::clamp(position, 0.0, static_cast<double>(size - 1));
  const std::int64_t low = std::min(static_cast<std::int64_t>(held), std::max<std::int64_t>(size - 2, 0));
  const double part = held - static_cast<double>(low);
  Taps taps;
  taps.index = {low, std::min(low + 1, size - 1), 0, 0};
  taps.weight = {1.0 - part, part, 0, 0};
  taps.count = 2;
  return taps;
}

Taps cubic_taps(double position, std::int64_t size) {
  const double held = std::clamp(position, 0.0, static_cast<double>(size - 1));
  const auto low = static_cast<std::int64_t>(held);
  const double t = held - static_cast<double>(low);
  Taps taps;
  for (int k = 0; k < 4; ++k) taps.index[static_cast<std::size_t>(k)] = mirrored(low + k - 1, size);
  const double s = 1.0 - t;
  taps.weight[0] = s * s * s / 6.0;
  taps.weight[1] = 2.0 / 3.0 - 0.5 * t * t * (2.0 - t);
  taps.weight[2] = 2.0 / 3.0 - 0.5 * s * s * (2.0 - s);
  taps.weight[3] = t * t * t / 6.0;
  taps.count = 4;
  return taps;
}

template <class Real>
void to_spline_coefficients(std::span<Real> values, const AxisView& view, int threads) {
  if (view.size < 2) return;
  const std::vector<double> start = first_weights(view.size);
  const std::int64_t blocks = (view.inner + kBlock - 1) / kBlock;
  if constexpr (std::is_same_v<Real, float>) {
    if (view.inner == 1) return filter_rows(values, view, start, threads);
  }
  core::parallel_for(view.outer * blocks, threads, [&](std::int64_t job) {
    const std::int64_t begin = job % blocks * kBlock;
    Real* line = values.data() + job / blocks * view.size * view.inner + begin;
    filter_lines(line, view.size, view.inner, std::min(kBlock, view.inner - begin), start);
  });
}

template <class Real>
std::vector<Real> smoothed(std::vector<Real> values, const AxisView& view, double sigma, int threads) {
  if (!(sigma > 0) || view.size < 2) return values;
  const auto reach = static_cast<std::int64_t>(std::ceil(4 * sigma));
  std::vector<Real> kernel;
  double sum = 0;
  for (std::int64_t k = -reach; k <= reach; ++k) sum += std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma));
  for (std::int64_t k = -reach; k <= reach; ++k) {
    kernel.push_back(static_cast<Real>(std::exp(-0.5 * static_cast<double>(k * k) / (sigma * sigma)) / sum));
  }
  std::vector<Real> result(values.size());
  core::parallel_for(view.outer, threads, [&](std::int64_t o) {
    const Real* in = values.data() + o * view.size * view.inner;
    Real* out = result.data() + o * view.size * view.inner;
    for (std::int64_t i = 0; i < view.size; ++i, out += view.inner) {
      for (std::int64_t k = -reach; k <= reach; ++k) {
        const Real weight = kernel[static_cast<std::size_t>(k + reach)];
        const Real* row = in + std::clamp<std::int64_t>(i + k, 0, view.size - 1) * view.inner;
        for (std::int64_t j = 0; j < view.inner; ++j) out[j] += weight * row[j];
      }
    }
  });
  return result;
}

template <class Real>
std::vector<Real> interpolated(std::span<const Real> values, const AxisView& view, std::span<const Taps> taps,
                               int threads) {
  const auto size = static_cast<std::int64_t>(taps.size());
  std::vector<Real> result(static_cast<std::size_t>(view.outer * size * view.inner));
  // A line per job where the axis is the innermost, a row of neighbours per job elsewhere.
  const bool innermost = view.inner == 1;
  core::parallel_for(innermost ? view.outer : view.outer * size, threads, [&](std::int64_t job) {
    const std::int64_t o = innermost ? job : job / size;
    const std::int64_t first = innermost ? 0 : job % size, last = innermost ? size : first + 1;
    const Real* in = values.data() + o * view.size * view.inner;
    for (std::int64_t i = first; i < last; ++i) {
      const Taps& t = taps[static_cast<std::size_t>(i)];
      Real* out = result.data() + (o * size + i) * view.inner;
      for (std::size_t k = 0; k < static_cast<std::size_t>(t.count); ++k) {
        const auto weight = static_cast<Real>(t.weight[k]);
        const Real* row = in + t.index[k] * view.inner;
        if (weight == Real{0}) continue;
        for (std::int64_t j = 0; j < view.inner; ++j) out[j] += weight * row[j];
      }
    }
  });
  return result;
}

template void to_spline_coefficients<float>(std::span<float>, const AxisView&, int);
template void to_spline_coefficients<double>(std::span<double>, const AxisView&, int);
template std::vector<float> smoothed<float>(std::vector<float>, const AxisView&, double, int);
template std::vector<double> smoothed<double>(std::vector<double>, const AxisView&, double, int);
template std::vector<float> interpolated<float>(std::span<const float>, const AxisView&, std::span<const Taps>, int);
template std::vector<double> interpolated<double>(std::span<const double>, const AxisView&, std::span<const Taps>, int);

}  // namespace volume
