#include "volume/phantom_scanner.h"

#include <cmath>
#include <numbers>

namespace volume::phantom {
namespace {

using Values = std::array<float, kTissues>;
// In the order of Tissue. MR in arbitrary units, CT in HU.
//                      air fat musc bone marr disc fluid lung liv spl cort medu bld myoc food gas bowel panc lesion
constexpr Values kT1{0, 900, 360, 60, 560, 300, 150, 55, 520, 330, 430, 300, 170, 390, 230, 5, 340, 560, 330};
constexpr Values kT2{0, 640, 170, 50, 430, 380, 950, 60, 250, 470, 520, 640, 110, 300, 800, 5, 400, 340, 540};
constexpr Values kDiffusion{0, 90, 130, 30, 160, 220, 260, 30, 240, 640, 460, 420, 90, 220, 300, 5, 380, 300, 620};
constexpr Values kNative{-1000, -100, 55, 560, 190, 85, 10, -835, 58, 48, 36, 32, 42, 42, 25, -960, 38, 42, 40};
constexpr Values kUptake{0, 2, 12, 0, 8, 2, 0, 6, 48, 70, 140, 95, 120, 70, 0, 0, 42, 58, 18};
// Fine grain as a part of the value (MR) or of the density (CT).
constexpr Values kGrain{0,    .05f, .10f, .10f, .16f, .04f, .01f, .15f, .05f, .06f,
                        .06f, .08f, .02f, .05f, .12f, 0,    .14f, .12f, .12f};

constexpr std::array<const char*, 6> kVendors{"Halden", "Meridian", "Ostrava Imaging", "Kiso", "Northlight", "Calder"};
// Slices, rows, columns; each is right-handed, as DICOM's are.
constexpr std::array<const char*, 4> kAxes{"SPL", "SAR", "PIL", "RIP"};

constexpr auto at(Tissue tissue) { return static_cast<std::size_t>(tissue); }

std::uint64_t seed_of(const PhantomOptions& options) { return static_cast<std::uint64_t>(options.seed); }

Point side(char letter) {
  switch (letter) {
    case 'L':
      return {1, 0, 0};
    case 'R':
      return {-1, 0, 0};
    case 'P':
      return {0, 1, 0};
    case 'A':
      return {0, -1, 0};
    case 'S':
      return {0, 0, 1};
    default:
      return {0, 0, -1};
  }
}

// Turned by `angle` about the unit axis.
Point turned(const Point& v, const Point& axis, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  const double along = (axis[0] * v[0] + axis[1] * v[1] + axis[2] * v[2]) * (1 - c);
  return {v[0] * c + (axis[1] * v[2] - axis[2] * v[1]) * s + axis[0] * along,
          v[1] * c + (axis[2] * v[0] - axis[0] * v[2]) * s + axis[1] * along,
          v[2] * c + (axis[0] * v[1] - axis[1] * v[0]) * s + axis[2] * along};
}

Grid draw_grid(const PhantomOptions& options, const Patient& patient, const Site& site, const Point& centre,
               core::Rng& rng) {
  Grid grid;
  const double margin = rng.uniform(14, 34);
  const Point extent{patient.size * 2 * static_cast<double>(patient.width) + margin,
                     patient.size * 2 * static_cast<double>(patient.depth) + margin,
                     patient.size * rng.uniform(286, 318)};
  const Point axis{rng.uniform(-1, 1), rng.uniform(-1, 1), rng.uniform(-1, 1) + 1.5};
  const double norm = std::hypot(axis[0], axis[1], axis[2]);
  const double angle = options.axis_orders ? std::clamp(rng.normal(), -2.0, 2.0) * 0.035 : 0.0;
  std::array<double, 3> reach{};
  for (std::size_t a = 0; a < 3; ++a) {
    const Point straight = side(site.axes[a]);
    for (std::size_t c = 0; c < 3; ++c) reach[a] += std::abs(straight[c]) * extent[c];
    grid.geometry.direction[a] = turned(straight, {axis[0] / norm, axis[1] / norm, axis[2] / norm}, angle);
  }
  const auto size = static_cast<double>(options.size);
  const double in_plane = std::max({reach[0] / site.ratio, reach[1], reach[2]}) / size;
  grid.geometry.spacing_mm = {in_plane * site.ratio, in_plane, in_plane};
  std::array<std::int64_t, 3> count{};
  Index middle{};
  for (std::size_t a = 0; a < 3; ++a) {
    const double fitting = std::round(reach[a] / grid.geometry.spacing_mm[a]);
    count[a] = std::clamp<std::int64_t>(static_cast<std::int64_t>(fitting), 1, options.size);
    middle[a] = -0.5 * static_cast<double>(count[a] - 1);
  }
  grid.shape = {count[0], count[1], count[2]};
  grid.geometry.origin_mm = centre;
  grid.geometry.origin_mm = grid.geometry.world(middle);
  return grid;
}

// One value for each tissue of an MR channel, anew for each scan.
Values draw_mr(const PhantomOptions& options, std::int64_t channel, core::Rng& rng) {
  Values value{};
  core::Rng sequence({seed_of(options), static_cast<std::uint64_t>(channel), kDrawSequence, 0});
  for (std::size_t t = 0; t < kTissues; ++t) {
    const float own = static_cast<float>(sequence.uniform(120, 900));
    const float base = channel == 0 ? kT1[t] : channel == 1 ? kT2[t] : channel == 2 ? kDiffusion[t] : own;
    const double fresh = rng.uniform(100, 900), jitter = std::exp(options.contrast * 0.35 * rng.normal());
    const double mixed = (1 - options.contrast) * static_cast<double>(base) * jitter + options.contrast * fresh;
    value[t] = static_cast<float>(mixed);
  }
  for (const Tissue dark : {Tissue::kAir, Tissue::kBone, Tissue::kLung, Tissue::kGas}) value[at(dark)] = kT1[at(dark)];
  value[at(Tissue::kAir)] = 0;
  return value;
}

Values draw_ct(const PhantomOptions& options, std::int64_t channel, core::Rng& rng) {
  static constexpr std::array<double, 4> kPhase{1.0, 0.0, 0.75, 0.35};  // portal, native, arterial, late
  Values value{};
  const double phase = kPhase[static_cast<std::size_t>(channel) % kPhase.size()];
  const double uptake = std::max(0.0, phase + options.contrast * rng.uniform(-0.9, 0.4) * (phase > 0 ? 1 : 0));
  for (std::size_t t = 0; t < kTissues; ++t) {
    value[t] = static_cast<float>(static_cast<double>(kNative[t]) + uptake * static_cast<double>(kUptake[t]) +
                                  options.contrast * 18 * rng.normal());
  }
  for (const Tissue fixed : {Tissue::kAir, Tissue::kGas}) value[at(fixed)] = kNative[at(fixed)];
  return value;
}

// A lesion that nobody could see would make labels that nobody could learn.
void keep_visible(Values& value, float least) {
  float& lesion = value[at(Tissue::kLesion)];
  const float liver = value[at(Tissue::kLiver)];
  if (std::abs(lesion - liver) < least) lesion = lesion < liver ? liver - least : liver + least;
}

Contrast draw_contrast(const PhantomOptions& options, const Site& site, std::int64_t channel, core::Rng rng) {
  Contrast contrast;
  const bool ct = options.modality == "CT";
  contrast.value = ct ? draw_ct(options, channel, rng) : draw_mr(options, channel, rng);
  keep_visible(contrast.value, ct ? 18.0f : 0.18f * std::max(300.0f, contrast.value[at(Tissue::kLiver)]));
  const double gain = ct ? 1.0 : site.gain * rng.uniform(0.8, 1.25);
  for (std::size_t t = 0; t < kTissues; ++t) {
    contrast.value[t] *= static_cast<float>(gain);
    contrast.grain[t] = kGrain[t] * (ct ? 0.3f * (contrast.value[t] + 1000) : contrast.value[t]);
  }
  contrast.noise = static_cast<float>(options.noise * site.noise * rng.uniform(0.7, 1.4) * (ct ? 14.0 : 17.0 * gain));
  contrast.magnitude = !ct;
  const double bias = ct ? 0.0 : 0.16 * options.bias * site.bias;
  for (double& term : contrast.bias) term = bias * std::clamp(rng.normal(), -2.0, 2.0);
  return contrast;
}

}  // namespace

Site draw_site(const PhantomOptions& options, std::int64_t number) {
  core::Rng rng({seed_of(options), static_cast<std::uint64_t>(number), kDrawSite, 0});
  const auto i = static_cast<std::size_t>(number);
  Site site;
  site.name = "site-" + (number < 26 ? std::string(1, static_cast<char>('a' + number)) : std::to_string(number + 1));
  site.vendor = kVendors[i % kVendors.size()];
  site.axes = options.axis_orders ? kAxes[i % kAxes.size()] : kAxes[0];
  const double ratio = rng.uniform(0.4, 1.0);  // drawn for every site, so that options do not shift what follows
  site.ratio = 1 + (options.anisotropy - 1) * (i % 3 == 2 ? 0.0 : ratio);
  site.noise = rng.uniform(0.6, 1.6);
  site.bias = rng.uniform(0.5, 1.5);
  site.gain = rng.uniform(0.6, 1.8);
  return site;
}

Scan draw_scan(const PhantomOptions& options, const Patient& patient, std::int64_t patient_number,
               std::int64_t number) {
  core::Rng home({seed_of(options), static_cast<std::uint64_t>(patient_number), kDrawSite, 1});
  core::Rng rng({seed_of(options), static_cast<std::uint64_t>(number), kDrawScan, 0});
  const auto sites = static_cast<std::uint64_t>(options.sites);
  const std::uint64_t usual = home.below(sites), other = rng.below(sites);
  Scan scan;
  scan.site = draw_site(options, static_cast<std::int64_t>(rng.chance(0.8) ? usual : other));
  scan.breath_mm = static_cast<float>(options.deformation * 5 * std::clamp(rng.normal(), -2.0, 2.0));
  scan.centre_mm = {rng.uniform(-15, 15), rng.uniform(-25, 10), rng.uniform(-400, 100)};
  const Point view{scan.centre_mm[0] + rng.uniform(-5, 5), scan.centre_mm[1] + rng.uniform(-5, 5),
                   scan.centre_mm[2] + rng.uniform(-8, 8)};
  scan.grid = draw_grid(options, patient, scan.site, view, rng);
  for (std::int64_t c = 0; c < options.channels; ++c) {
    scan.channels.push_back(draw_contrast(options, scan.site, c,
                                          core::Rng({seed_of(options), static_cast<std::uint64_t>(number),
                                                     kDrawContrast, static_cast<std::uint32_t>(c)})));
  }
  return scan;
}

}  // namespace volume::phantom
