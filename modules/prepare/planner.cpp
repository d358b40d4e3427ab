#include "prepare/planner.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "prepare/apply.h"
#include "prepare/values.h"

namespace prepare {
namespace {

using Three = std::array<double, 3>;

std::vector<const CaseFingerprint*> usable(const Fingerprint& cohort) {
  std::vector<const CaseFingerprint*> cases;
  for (const CaseFingerprint& one : cohort.cases) {
    if (one.problem.empty()) cases.push_back(&one);
  }
  if (cases.empty()) throw core::Error("no case of the cohort is usable");
  return cases;
}

// The lower of the two in the middle: a value that a case has.
double middle_of(std::vector<double> values) {
  std::ranges::sort(values);
  return values[(values.size() - 1) / 2];
}

Three turned_spacing(const CaseFingerprint& one, const std::string& orientation) {
  if (orientation == "keep") return one.geometry.spacing_mm;
  return volume::turned(one.geometry, one.shape, volume::turn_towards(one.geometry, orientation)).spacing_mm;
}

// Micrometres of micrometres are noise of float headers.
double rounded(double spacing) { return std::round(spacing * 1e6) / 1e6; }

Three typical_spacing(const std::vector<const CaseFingerprint*>& cases, const PlanSettings& settings) {
  Three spacing{};
  std::array<std::vector<double>, 3> all;
  for (const CaseFingerprint* one : cases) {
    const Three each = turned_spacing(*one, settings.orientation);
    for (std::size_t a = 0; a < 3; ++a) all[a].push_back(each[a]);
  }
  for (std::size_t a = 0; a < 3; ++a) spacing[a] = middle_of(all[a]);
  const auto coarse = static_cast<std::size_t>(std::ranges::max_element(spacing) - spacing.begin());
  if (spacing[coarse] > settings.separate_above * *std::ranges::min_element(spacing)) {
    double others = 0;
    for (std::size_t a = 0; a < 3; ++a) others = a == coarse ? others : std::max(others, spacing[a]);
    std::ranges::sort(all[coarse]);
    spacing[coarse] = std::max(others, percentile(all[coarse], 10));
  }
  for (double& each : spacing) each = rounded(each);
  return spacing;
}

Three median_shape(const std::vector<const CaseFingerprint*>& cases, const Plan& plan) {
  std::array<std::vector<double>, 3> sides;
  for (const CaseFingerprint* one : cases) {
    const volume::Shape shape = prepared_grid(plan, {one->geometry, one->shape}, one->content).shape;
    for (int a = 0; a < 3; ++a) sides[static_cast<std::size_t>(a)].push_back(static_cast<double>(shape[a]));
  }
  return {middle_of(sides[0]), middle_of(sides[1]), middle_of(sides[2])};
}

// The largest edge of a cube, in mm, that the median case cuts down to no more voxels than the budget.
double edge_within(const Three& shape, const Three& spacing, double budget) {
  double low = 0, high = 0;
  for (std::size_t a = 0; a < 3; ++a) high = std::max(high, shape[a] * spacing[a]);
  const auto voxels = [&](double edge) {
    double product = 1;
    for (std::size_t a = 0; a < 3; ++a) product *= std::min(shape[a], edge / spacing[a]);
    return product;
  };
  if (voxels(high) <= budget) return high;
  for (int i = 0; i < 100; ++i) {
    const double middle = (low + high) / 2;
    (voxels(middle) <= budget ? low : high) = middle;
  }
  return low;
}

template <class T>
std::array<T, 3> three_of(const std::vector<T>& values, const char* key) {
  if (values.size() != 3) {
    throw core::usage_error(std::string(key) + " has " + std::to_string(values.size()) + " values",
                            "give three, for d, h, w, or none");
  }
  return {values[0], values[1], values[2]};
}

constexpr std::pair<std::string_view, double> kEncoderBytes[] = {
    {"resenc", 1500}, {"resnet", 3700}, {"vit", 700}, {"primus", 1600}, {"swin_unetr", 6100}, {"mednext", 9900}};

}  // namespace

std::array<std::int64_t, 3> stride_of(const std::array<double, 3>& spacing_mm, std::int64_t halvings) {
  std::array<std::int64_t, 3> stride{1, 1, 1};
  Three spacing = spacing_mm;
  for (std::int64_t i = 0; i < halvings; ++i) {
    const double limit = 2 * *std::ranges::min_element(spacing);
    for (std::size_t a = 0; a < 3; ++a) {
      if (spacing[a] >= limit) continue;
      stride[a] *= 2;
      spacing[a] *= 2;
    }
  }
  return stride;
}

std::array<std::int64_t, 3> patch_for(const std::array<double, 3>& median, const std::array<double, 3>& spacing_mm,
                                      const PlanSettings& settings) {
  std::array<std::int64_t, 3> stride = stride_of(spacing_mm, settings.halvings);
  for (std::size_t a = 0; a < 3; ++a) {
    while (stride[a] > 1 && 2 * static_cast<double>(stride[a]) > median[a]) stride[a] /= 2;
  }
  const double budget = static_cast<double>(settings.patch_voxels);
  const double edge = edge_within(median, spacing_mm, budget);
  std::array<std::int64_t, 3> patch{};
  for (std::size_t a = 0; a < 3; ++a) {
    const double wanted = std::min(median[a], edge / spacing_mm[a]) / static_cast<double>(stride[a]);
    patch[a] = stride[a] * std::max<std::int64_t>(1, std::llround(wanted));
  }
  // Rounding up may have left the budget: take a stride off the side that is longest in the world.
  while (static_cast<double>(patch[0] * patch[1] * patch[2]) > budget) {
    std::size_t longest = 3;
    for (std::size_t a = 0; a < 3; ++a) {
      const auto length = [&](std::size_t axis) { return static_cast<double>(patch[axis]) * spacing_mm[axis]; };
      if (patch[a] > stride[a] && (longest == 3 || length(a) > length(longest))) longest = a;
    }
    if (longest == 3) break;
    patch[longest] -= stride[longest];
  }
  return patch;
}

double bytes_per_voxel(const std::string& encoder) {
  for (const auto& [name, bytes] : kEncoderBytes) {
    if (name == encoder) return bytes;
  }
  const std::string close = core::nearest(encoder, encoders_known());
  throw core::usage_error("no memory is known of encoder '" + encoder + "'",
                          (close.empty() ? "" : "did you mean " + close + "? ") +
                              std::string("--set bytes_per_voxel=N says what it needs"));
}

std::vector<std::string> encoders_known() {
  std::vector<std::string> names;
  for (const auto& [name, bytes] : kEncoderBytes) names.emplace_back(name);
  return names;
}

std::int64_t batch_size(const std::array<std::int64_t, 3>& patch, const PlanSettings& settings) {
  const double voxel = settings.bytes_per_voxel > 0 ? settings.bytes_per_voxel : bytes_per_voxel(settings.encoder);
  const double sample = static_cast<double>(patch[0] * patch[1] * patch[2]) * voxel;
  const double fitting = std::floor((settings.memory_gb - settings.fixed_gb) * 1e9 / sample);
  return static_cast<std::int64_t>(std::clamp(fitting, 1.0, static_cast<double>(settings.largest_batch)));
}

ChannelPlan scheme_of(const ChannelFingerprint& channel, const PlanSettings& settings) {
  const ValueStatistics& values = channel.values;
  ChannelPlan plan{channel.name, channel.modality, Scheme::kCase, 0, 0, 0, 1};
  const bool mask = values.two_values;
  if (settings.scheme != "auto") {
    plan.scheme = scheme_named(settings.scheme);
  } else if (mask || channel.modality == "CT" || channel.modality == "PT") {
    plan.scheme = Scheme::kCohort;
  }
  if (plan.scheme != Scheme::kCohort) return plan;
  const bool whole_range = mask || channel.modality == "PT";
  plan.clip_low = whole_range ? values.lowest : values.percentile_00_5;
  plan.clip_high = whole_range ? values.highest : values.percentile_99_5;
  plan.mean = mask ? (values.lowest + values.highest) / 2 : values.mean;
  plan.deviation = mask ? (values.highest - values.lowest) / 2 : values.deviation;
  if (!(plan.deviation > 0)) plan.deviation = 1;
  return plan;
}

FingerprintOptions options_for(const PlanSettings& settings) {
  FingerprintOptions options;
  options.unknown_modality = settings.unknown_modality;
  options.mask = settings.mask;
  options.crop = settings.crop;
  options.margin_mm = settings.margin_mm;
  options.bias = settings.bias;
  options.bias.correct = settings.bias.correct && settings.scheme == name(Scheme::kCohort);
  return options;
}

Plan make_plan(const Fingerprint& cohort, const PlanSettings& settings) {
  const std::vector<const CaseFingerprint*> cases = usable(cohort);
  Plan plan;
  plan.orientation = settings.orientation;
  if (plan.orientation != "keep") volume::turn_towards(volume::Geometry{}, plan.orientation);
  plan.crop = settings.crop;
  plan.margin_mm = settings.margin_mm;
  plan.interpolation = settings.interpolation;
  plan.separate_above = settings.separate_above;
  plan.across = settings.across;
  const Three typical = typical_spacing(cases, settings);
  plan.spacing_mm = settings.spacing_mm.empty() ? typical : three_of(settings.spacing_mm, "spacing_mm");
  Three spacing = plan.spacing_mm;
  for (std::size_t a = 0; a < 3; ++a) spacing[a] = spacing[a] > 0 ? spacing[a] : typical[a];
  plan.patch = settings.patch.empty() ? patch_for(median_shape(cases, plan), spacing, settings)
                                      : three_of(settings.patch, "patch");
  plan.batch_size = batch_size(plan.patch, settings);
  plan.voxels = settings.voxels;
  plan.mask = settings.mask;
  plan.bias = settings.bias;
  for (const ChannelFingerprint& channel : cohort.channels) plan.channels.push_back(scheme_of(channel, settings));
  plan.check();
  return plan;
}

}  // namespace prepare
