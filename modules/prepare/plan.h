#pragma once
// How cases are prepared: one short text that a person reads and edits, and that travels with every prepared store.
//
// Axes are {d, h, w} after the turn to `orientation`; millimetres. A plain value.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "prepare/bias_field.h"

namespace prepare {

// Where the numbers that normalise a channel come from.
enum class Scheme {
  kCohort,  // (clip(value, clip_low, clip_high) - mean) / deviation, the plan's numbers: CT, PET, masks
  kCase,    // the same with the case's own 0.5 and 99.5 percentile, mean and deviation of its foreground: MR and others
  kKeep,    // values as they are
};
std::string_view name(Scheme scheme);          // "cohort", "case", "keep"
Scheme scheme_named(const std::string& name);  // throws usage Error on another name

struct ChannelPlan {
  std::string name;             // of the channel in the cases
  std::string modality = "OT";  // DICOM Modality
  Scheme scheme = Scheme::kCase;
  double clip_low = 0, clip_high = 0;  // kCohort only, like the next two
  double mean = 0, deviation = 1;
  bool operator==(const ChannelPlan&) const = default;
};

struct Plan {
  std::string orientation = "SPL";            // as volume::orientation(); "keep": each case's own
  std::array<double, 3> spacing_mm{0, 0, 0};  // 0: each case's own
  bool crop = true;                           // to the content (foreground.h)
  double margin_mm = 5;                       // kept around the content
  std::string interpolation = "cubic";        // or "linear"
  double separate_above = 3;      // largest over smallest spacing above which the coarse axis is resampled by itself
  std::string across = "linear";  // along that axis: "linear" or "nearest"
  std::array<std::int64_t, 3> patch{64, 64, 64};  // what training crops, in voxels
  std::int64_t batch_size = 2;
  std::string voxels = "float32";  // of a prepared store; "int16": half as large, rounded (volume/quantise.h)
  std::string mask = "none";       // mask.h: "body" or "brain"; what lies outside becomes ground, first of all
  BiasSettings bias;               // of MR channels; after the crop, before normalisation
  std::vector<ChannelPlan> channels;
  bool operator==(const Plan&) const = default;

  // Throws usage Error: an orientation that is none, a spacing below 0, no channel, one named twice, deviation <= 0,
  // a mask or a bias correction that no channel is for, ...
  void check() const;
};

// Every key with a comment; plan_from_yaml gives back the same plan, to the last bit. Equal plans, equal text.
std::string to_yaml(const Plan& plan);
// Keys that are not there keep their default. Throws usage Error with file and line for an unknown key or a wrong
// value.
Plan plan_from_yaml(std::string_view text, const std::string& file);

}  // namespace prepare
