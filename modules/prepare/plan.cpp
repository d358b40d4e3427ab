#include "prepare/plan.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/config.h"
#include "core/error.h"
#include "prepare/mask.h"
#include "volume/reorient.h"

namespace prepare {
namespace {

using core::field;
using core::Range;

constexpr std::int64_t kVersion = 1;
constexpr std::size_t kMostChannels = 1000;
constexpr std::string_view kChannels = "channels.";
constexpr std::int64_t kMostSpans = 64;  // of a bias field along an axis: there are no more blocks to fit
constexpr double kLarge = 1e300;

// The plan as keys of a file.
struct PlanKeys {
  std::int64_t version = kVersion;
  std::string orientation;
  std::vector<double> spacing_mm;
  bool crop = true;
  double margin_mm = 0;
  std::string interpolation;
  double separate_above = 0;
  std::string across;
  std::vector<std::int64_t> patch;
  std::int64_t batch_size = 0;
  std::string voxels;
  std::string mask;
  BiasSettings bias;

  static constexpr auto fields() {
    using P = PlanKeys;
    return std::tuple{
        field("plan_version", &P::version, "of this file's format"),
        field("orientation", &P::orientation,
              "sides of the patient towards which the axes d, h, w grow; keep: each case's own"),
        field("spacing_mm", &P::spacing_mm, "of voxels along d, h, w; 0: each case's own", Range{0, 1000}),
        field("crop", &P::crop, "drop what lies around the content (CT: air; others: zero)"),
        field("margin_mm", &P::margin_mm, "kept around the content", Range{0, 1000}),
        field("interpolation", &P::interpolation,
              "of images: cubic or linear; label maps go by the class of most weight"),
        field("separate_above", &P::separate_above,
              "largest over smallest spacing above which the coarse axis is resampled by itself", Range{1, 1000}),
        field("across", &P::across, "along that axis: linear or nearest"),
        field("patch", &P::patch, "d, h, w in voxels: what training crops; changes no prepared voxel", Range{1, 4096}),
        field("batch_size", &P::batch_size, "samples a step; changes no prepared voxel", Range{1, 4096}),
        field("voxels", &P::voxels, "of the prepared store: float32, or int16 with a scale: half as large, rounded"),
        field("mask", &P::mask, "none, body or brain (MR heads): what lies outside becomes ground, labels excepted"),
        field("bias", &P::bias, "")};
  }
};

struct ChannelKeys {
  std::string name, modality = "OT", scheme = "case";
  double clip_low = 0, clip_high = 0, mean = 0, deviation = 1;

  static constexpr auto fields() {
    using C = ChannelKeys;
    return std::tuple{
        field("name", &C::name, "of the channel in the cases"),
        field("modality", &C::modality, "CT, MR, PT, ...; OT: unknown"),
        field("scheme", &C::scheme, "cohort: the numbers below; case: each case's own; keep: values as they are"),
        field("clip_low", &C::clip_low, "values below become this (cohort)", Range{-kLarge, kLarge}),
        field("clip_high", &C::clip_high, "values above become this (cohort)", Range{-kLarge, kLarge}),
        field("mean", &C::mean, "taken off (cohort)", Range{-kLarge, kLarge}),
        field("deviation", &C::deviation, "divided by (cohort)", Range{1e-300, kLarge})};
  }
};

std::string channel_prefix(std::size_t number) { return std::string(kChannels) + std::to_string(number) + "."; }

std::vector<core::Slot> slots_for(PlanKeys& keys, std::vector<ChannelKeys>& channels) {
  std::vector<core::Slot> slots = core::slots_of(keys);
  for (std::size_t i = 0; i < channels.size(); ++i) core::append_slots(channels[i], channel_prefix(i), slots);
  return slots;
}

// How many channels the keys name: one more than the largest N of channels.N.*.
std::size_t channels_of(const std::vector<core::Setting>& settings) {
  std::size_t count = 0;
  for (const core::Setting& setting : settings) {
    if (!setting.key.starts_with(kChannels)) continue;
    const std::string number =
        setting.key.substr(kChannels.size(), setting.key.find('.', kChannels.size()) - kChannels.size());
    if (number.empty() || number.size() > 4 || number.find_first_not_of("0123456789") != std::string::npos) continue;
    count = std::max(count, std::stoul(number) + 1);
  }
  if (count > kMostChannels) throw core::usage_error("a plan of " + std::to_string(count) + " channels");
  return count;
}

template <class T>
std::array<T, 3> three(const std::vector<T>& values, const char* key) {
  if (values.size() != 3) {
    throw core::usage_error(std::string(key) + " has " + std::to_string(values.size()) + " values, wanted three",
                            "one for each of d, h, w");
  }
  return {values[0], values[1], values[2]};
}

void require(bool holds, const std::string& cause, const std::string& hint = "") {
  if (!holds) throw core::usage_error(cause, hint);
}

}  // namespace

std::string_view name(Scheme scheme) {
  return scheme == Scheme::kCohort ? "cohort" : scheme == Scheme::kCase ? "case" : "keep";
}

Scheme scheme_named(const std::string& wanted) {
  for (const Scheme scheme : {Scheme::kCohort, Scheme::kCase, Scheme::kKeep}) {
    if (name(scheme) == wanted) return scheme;
  }
  throw core::usage_error("no scheme is called '" + wanted + "'", "choose cohort, case or keep");
}

void Plan::check() const {
  if (orientation != "keep") volume::turn_towards(volume::Geometry{}, orientation);
  for (const double spacing : spacing_mm) {
    require(std::isfinite(spacing) && spacing >= 0, "a spacing of " + std::to_string(spacing) + " mm cannot be");
  }
  require(interpolation == "cubic" || interpolation == "linear", "no interpolation is called '" + interpolation + "'",
          "choose cubic or linear");
  require(across == "linear" || across == "nearest", "no way across slices is called '" + across + "'",
          "choose linear or nearest");
  require(std::isfinite(margin_mm) && margin_mm >= 0, "margin_mm is below 0");
  require(separate_above >= 1, "separate_above is below 1");
  require(std::ranges::all_of(patch, [](std::int64_t side) { return side > 0; }), "a side of the patch is below 1");
  require(batch_size > 0, "batch_size is below 1");
  require(voxels == "float32" || voxels == "int16", "no prepared voxels are called '" + voxels + "'",
          "choose float32 or int16");
  require(!channels.empty(), "the plan has no channel", "name at least channels.0");
  std::set<std::string> names;
  std::vector<std::string> modalities;
  for (const ChannelPlan& channel : channels) {
    require(!channel.name.empty(), "a channel has no name");
    modalities.push_back(channel.modality);
    require(names.insert(channel.name).second, "channel '" + channel.name + "' is there twice");
    if (channel.scheme != Scheme::kCohort) continue;
    require(channel.clip_low <= channel.clip_high, "channel '" + channel.name + "': clip_low is above clip_high");
    require(channel.deviation > 0, "channel '" + channel.name + "': deviation is not above 0");
  }
  check_mask(mask, modalities);
  require(!bias.correct || std::ranges::find(modalities, "MR") != modalities.end(),
          "bias.correct is on, and no channel is MR",
          "leave it off; if those of unknown modality are MR: --set unknown_modality=MR");
  require(bias.control_points >= 4 && bias.levels >= 1 && bias.levels <= 6 && bias.iterations >= 1 &&
              (bias.control_points - 3) << (bias.levels - 1) <= kMostSpans,
          "bias has " + std::to_string(bias.control_points) + " control points and " + std::to_string(bias.levels) +
              " levels",
          "4 points or more, 1 to 6 levels, and (points - 3) * 2^(levels - 1) at most " + std::to_string(kMostSpans));
}

std::string to_yaml(const Plan& plan) {
  PlanKeys keys{kVersion,
                plan.orientation,
                {plan.spacing_mm.begin(), plan.spacing_mm.end()},
                plan.crop,
                plan.margin_mm,
                plan.interpolation,
                plan.separate_above,
                plan.across,
                {plan.patch.begin(), plan.patch.end()},
                plan.batch_size,
                plan.voxels,
                plan.mask,
                plan.bias};
  std::vector<ChannelKeys> channels;
  for (const ChannelPlan& one : plan.channels) {
    channels.push_back(
        {one.name, one.modality, std::string(name(one.scheme)), one.clip_low, one.clip_high, one.mean, one.deviation});
  }
  return "# How cases are prepared. Edit it, then: gadolin prepare STORE OUT --plan THIS\n" +
         core::resolved_yaml(slots_for(keys, channels));
}

Plan plan_from_yaml(std::string_view text, const std::string& file) {
  const std::vector<core::Setting> settings = core::settings_from_yaml(text, file);
  const Plan fresh;
  PlanKeys keys{kVersion,
                fresh.orientation,
                {fresh.spacing_mm.begin(), fresh.spacing_mm.end()},
                fresh.crop,
                fresh.margin_mm,
                fresh.interpolation,
                fresh.separate_above,
                fresh.across,
                {fresh.patch.begin(), fresh.patch.end()},
                fresh.batch_size,
                fresh.voxels,
                fresh.mask,
                fresh.bias};
  std::vector<ChannelKeys> channels(channels_of(settings));
  core::configure(slots_for(keys, channels), settings);
  return core::with_context(file, [&] {
    require(keys.version == kVersion, "the plan has version " + std::to_string(keys.version), "use a newer gadolin");
    Plan plan{keys.orientation,
              three(keys.spacing_mm, "spacing_mm"),
              keys.crop,
              keys.margin_mm,
              keys.interpolation,
              keys.separate_above,
              keys.across,
              three(keys.patch, "patch"),
              keys.batch_size,
              keys.voxels,
              keys.mask,
              keys.bias,
              {}};
    for (const ChannelKeys& one : channels) {
      plan.channels.push_back(
          {one.name, one.modality, scheme_named(one.scheme), one.clip_low, one.clip_high, one.mean, one.deviation});
    }
    plan.check();
    return plan;
  });
}

}  // namespace prepare
