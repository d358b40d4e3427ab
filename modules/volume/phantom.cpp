#include "volume/phantom.h"

#include <cmath>
#include <cstdio>
#include <limits>

#include "core/error.h"
#include "volume/phantom_anatomy.h"
#include "volume/phantom_report.h"
#include "volume/phantom_scanner.h"

namespace volume {
namespace {

using phantom::Anatomy;
using phantom::Contrast;
using phantom::Mix;
using phantom::Patient;
using phantom::Scan;
using phantom::Vec;

void check(const PhantomOptions& options) {
  PhantomOptions copy = options;
  for (const core::Slot& slot : core::slots_of(copy)) {
    core::configure(std::span(&slot, 1), std::vector{core::setting_from_argument(slot.key + "=" + slot.yaml())});
  }
  if (options.modality != "MR" && options.modality != "CT") {
    throw core::usage_error("no phantom is made for modality '" + options.modality + "'", "choose MR or CT");
  }
}

double bias_at(const Contrast& contrast, double x, double y, double z) {
  const auto& b = contrast.bias;
  return std::exp(b[0] * x + b[1] * y + b[2] * z + b[3] * x * y + b[4] * y * z + b[5] * z * x + b[6] * (x * x - 0.33) +
                  b[7] * (y * y - 0.33) + b[8] * (z * z - 0.33));
}

float value_of(const Mix& mix, const Contrast& contrast) {
  float value = 0;
  for (std::size_t i = 0; i < static_cast<std::size_t>(mix.count); ++i) {
    const auto t = static_cast<std::size_t>(mix.tissue[i]);
    value += mix.part[i] * (contrast.value[t] + mix.texture * contrast.grain[t]);
  }
  return value;
}

std::int16_t as_voxel(double value) {
  return static_cast<std::int16_t>(std::clamp(std::nearbyint(value), -1024.0, 32767.0));
}

// One examination being made, voxel by voxel.
class Exposure {
 public:
  Exposure(const PhantomOptions& options, const Patient& patient, const Scan& scan, std::int64_t number, Case& into)
      : scan_(scan),
        anatomy_(patient, phantom::patient_noise(options, number / options.scans_per_patient), scan.breath_mm),
        size_(patient.size),
        low_(patient.lesions.size(), Point{kFar, kFar, kFar}),
        high_(patient.lesions.size(), Point{-kFar, -kFar, -kFar}) {
    blur_ = static_cast<float>(scan.grid.geometry.spacing_mm[2] / size_);
    // A thick slice averages what lies in it.
    layers_ = std::clamp(static_cast<int>(std::lround(scan.site.ratio)) | 1, 1, 7);
    into.label_map.emplace(scan.grid.shape, VoxelType::kUInt8, scan.grid.geometry);
    labels_ = into.label_map->voxels<std::uint8_t>();
    const std::vector<std::string> names = phantom_channel_names(options);
    for (std::size_t c = 0; c < scan.channels.size(); ++c) {
      into.channels.push_back(
          {names[c], options.modality, Volume(scan.grid.shape, VoxelType::kInt16, scan.grid.geometry)});
      grain_.emplace_back(core::DrawKey{static_cast<std::uint64_t>(options.seed), static_cast<std::uint64_t>(number),
                                        phantom::kDrawGrain, static_cast<std::uint32_t>(c)});
    }
    for (Channel& channel : into.channels) images_.push_back(channel.image->voxels<std::int16_t>());
  }

  void run() {
    const Shape& shape = scan_.grid.shape;
    std::size_t number = 0;
    for (std::int64_t d = 0; d < shape.depth; ++d) {
      for (std::int64_t h = 0; h < shape.height; ++h) {
        for (std::int64_t w = 0; w < shape.width; ++w) {
          voxel({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)}, number++);
        }
      }
    }
  }

  std::vector<BoxTarget> boxes() const {
    std::vector<BoxTarget> boxes;
    for (std::size_t i = 0; i < low_.size(); ++i) {
      if (low_[i][0] < kFar) boxes.push_back({low_[i], high_[i], "lesion"});
    }
    return boxes;
  }

 private:
  static constexpr double kFar = 1e9;

  Mix tissue_at(const Point& world) const {
    const auto component = [&](std::size_t c) { return static_cast<float>((world[c] - scan_.centre_mm[c]) / size_); };
    return anatomy_.at({component(0), component(1), component(2)}, blur_);
  }

  void voxel(const Index& index, std::size_t number) {
    const Geometry& geometry = scan_.grid.geometry;
    std::array<float, 16> sum{};
    for (int layer = 0; layer < layers_; ++layer) {
      const double offset = (layer + 0.5) / layers_ - 0.5;
      const Mix mix = tissue_at(geometry.world({index[0] + offset, index[1], index[2]}));
      for (std::size_t c = 0; c < images_.size(); ++c) sum[c] += value_of(mix, scan_.channels[c]);
      if (layer != layers_ / 2) continue;
      labels_[number] = mix.label;
      if (mix.lesion > 0 && mix.label == phantom::kLesionLabel) note_lesion(mix.lesion - 1u, geometry.world(index));
    }
    for (std::size_t c = 0; c < images_.size(); ++c) {
      images_[c][number] = as_voxel(measured(static_cast<double>(sum[c]) / layers_, c, index));
    }
  }

  double measured(double value, std::size_t channel, const Index& index) {
    const Contrast& contrast = scan_.channels[channel];
    const auto noise = [&] { return static_cast<double>(contrast.noise) * grain_[channel].normal(); };
    if (!contrast.magnitude) return value + noise();
    const auto middle = [&](int a) {
      return 2 * (index[static_cast<std::size_t>(a)] + 0.5) / static_cast<double>(scan_.grid.shape[a]) - 1;
    };
    if (value != 0) value *= bias_at(contrast, middle(2), middle(1), middle(0));
    const double real = value + noise(), imaginary = noise();
    return std::hypot(real, imaginary);
  }

  void note_lesion(std::size_t lesion, const Point& centre) {
    const Geometry& geometry = scan_.grid.geometry;
    for (std::size_t c = 0; c < 3; ++c) {
      double half = 0;
      for (std::size_t a = 0; a < 3; ++a) half += 0.5 * std::abs(geometry.direction[a][c]) * geometry.spacing_mm[a];
      low_[lesion][c] = std::min(low_[lesion][c], centre[c] - half);
      high_[lesion][c] = std::max(high_[lesion][c], centre[c] + half);
    }
  }

  const Scan& scan_;
  Anatomy anatomy_;
  double size_;
  float blur_ = 1;
  int layers_ = 1;
  std::span<std::uint8_t> labels_;
  std::vector<std::span<std::int16_t>> images_;
  std::vector<core::Rng> grain_;
  std::vector<Point> low_, high_;  // of each lesion
};

// Who is examined, and how.
struct Drawn {
  Drawn(const PhantomOptions& options, std::int64_t wanted)
      : index(checked(options, wanted)),
        number(index / options.scans_per_patient),
        patient(phantom::draw_patient(options, number)),
        scan(phantom::draw_scan(options, patient, number, index)) {}

  static std::int64_t checked(const PhantomOptions& options, std::int64_t index) {
    GADOLIN_CHECK(index >= 0 && index < phantom_cases(options));
    return index;
  }

  std::int64_t index, number;
  Patient patient;
  Scan scan;
};

Case facts(const PhantomOptions& options, const Drawn& drawn) {
  const auto seed = static_cast<std::uint64_t>(options.seed);
  Case made;
  char name[32];
  std::snprintf(name, sizeof name, "P%04lld", static_cast<long long>(drawn.number + 1));
  made.id = made.groups.patient = name;
  if (options.scans_per_patient > 1) made.id += "-" + std::to_string(drawn.index % options.scans_per_patient + 1);
  made.groups.site = drawn.scan.site.name;
  made.groups.vendor = drawn.scan.site.vendor;
  core::Rng score({seed, static_cast<std::uint64_t>(drawn.number), phantom::kDrawDisease, 1});
  made.scalars["class"] = drawn.patient.ill ? 1 : 0;
  made.scalars["score"] = std::round(1000 * std::clamp(drawn.patient.severity + 0.03 * score.normal(), 0.0, 1.0)) / 10;
  const core::DrawKey wording{seed, static_cast<std::uint64_t>(drawn.index), phantom::kDrawReport, 0};
  made.report = phantom::report_text(drawn.patient, options.modality, core::Rng(wording));
  return made;
}

}  // namespace

std::int64_t phantom_cases(const PhantomOptions& options) {
  check(options);
  return options.patients * options.scans_per_patient;
}

std::vector<std::string> phantom_label_names(const PhantomOptions& options) {
  std::vector<std::string> names{"background", "liver", "spleen", "kidney_left", "kidney_right", "lung_left",
                                 "lung_right", "heart", "aorta",  "spine",       "stomach",      "pancreas"};
  if (options.lesions) names.emplace_back("lesion");
  return names;
}

std::vector<std::string> phantom_channel_names(const PhantomOptions& options) {
  const std::vector<std::string> known = options.modality == "CT"
                                             ? std::vector<std::string>{"portal", "native", "arterial", "late"}
                                             : std::vector<std::string>{"T1", "T2", "DWI"};
  std::vector<std::string> names;
  for (std::int64_t c = 0; c < options.channels; ++c) {
    const auto i = static_cast<std::size_t>(c);
    names.push_back(i < known.size() ? known[i] : "contrast" + std::to_string(c + 1));
  }
  return names;
}

Case phantom_case(const PhantomOptions& options, std::int64_t index) {
  const Drawn drawn(options, index);
  Case made = facts(options, drawn);
  Exposure exposure(options, drawn.patient, drawn.scan, index, made);
  exposure.run();
  made.boxes = exposure.boxes();
  return made;
}

Case phantom_facts(const PhantomOptions& options, std::int64_t index) { return facts(options, Drawn(options, index)); }

Shape phantom_shape(const PhantomOptions& options, std::int64_t index) { return Drawn(options, index).scan.grid.shape; }

}  // namespace volume
