#pragma once
// From a fingerprint to a plan, by rules that a person can follow.
//
// Spacing: the median of the cohort along each axis. Where one axis is more than `separate_above` times as coarse as
// the finest, it gets the 10th percentile of its own, but never finer than the other axes (Isensee et al., "nnU-Net",
// Nature Methods 18, 2021). Intensity: see scheme_of(). Patch: a cube in millimetres, no larger than the median case,
// within the voxel budget; each side down to a multiple of the network's stride along that axis (a coarse axis is
// halved later). Batch: see batch_size().

#include <array>
#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/config.h"
#include "prepare/fingerprint.h"
#include "prepare/plan.h"

namespace prepare {

struct PlanSettings {
  std::string orientation = "SPL";
  std::vector<double> spacing_mm;
  bool crop = true;
  double margin_mm = 5;
  std::string interpolation = "cubic";
  double separate_above = 3;
  std::string across = "linear";
  std::string scheme = "auto";
  std::string unknown_modality = "OT";
  std::vector<std::int64_t> patch;
  std::int64_t patch_voxels = 128 * 128 * 128;
  std::int64_t halvings = 4;
  double memory_gb = 16;
  double fixed_gb = 1;
  std::string encoder = "resenc";
  double bytes_per_voxel = 0;
  std::int64_t largest_batch = 16;
  std::string voxels = "float32";
  std::string mask = "none";
  BiasSettings bias;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using P = PlanSettings;
    return std::tuple{
        field("orientation", &P::orientation, "sides towards which the axes d, h, w grow; keep: each case's own"),
        field("spacing_mm", &P::spacing_mm, "along d, h, w; 0: each case's own; empty: from the cohort",
              Range{0, 1000}),
        field("crop", &P::crop, "drop what lies around the content"),
        field("margin_mm", &P::margin_mm, "kept around the content", Range{0, 1000}),
        field("interpolation", &P::interpolation, "of images: cubic or linear"),
        field("separate_above", &P::separate_above,
              "largest over smallest spacing above which the coarse axis is resampled by itself", Range{1, 1000}),
        field("across", &P::across, "along that axis: linear or nearest"),
        field("scheme", &P::scheme, "normalisation: auto, cohort, case or keep"),
        field("unknown_modality", &P::unknown_modality, "what channels of modality OT (unknown) are: CT, MR, ..."),
        field("patch", &P::patch, "patch d, h, w in voxels; empty: from the cohort", Range{1, 4096}),
        field("patch_voxels", &P::patch_voxels, "most voxels of a patch", Range{512, 1e9}),
        field("halvings", &P::halvings,
              "times the network halves the picture; 4: sides are multiples of 16 where that fits", Range{0, 8}),
        field("memory_gb", &P::memory_gb, "memory of the device that trains, 1e9 bytes", Range{0.1, 10000}),
        field("fixed_gb", &P::fixed_gb, "of it taken by weights, optimiser and libraries", Range{0, 1000}),
        field("encoder", &P::encoder, "that will be trained: what it needs decides the batch"),
        field("bytes_per_voxel", &P::bytes_per_voxel,
              "that training holds for each voxel of the batch; 0: what the encoder needs", Range{0, 1e6}),
        field("largest_batch", &P::largest_batch, "never more samples a batch", Range{1, 4096}),
        field("voxels", &P::voxels, "of the prepared store: float32, or int16 with a scale: half as large, rounded"),
        field("mask", &P::mask, "none, body or brain (MR heads): what lies outside becomes ground, labels excepted"),
        field("bias", &P::bias, "")};
  }
};

// How the cohort has to be looked at for a plan by these settings: masked as it will be, and with bias fields divided
// out where the cohort's numbers are to normalise MR. Where each case's own do (Scheme::kCase), apply() takes them
// itself, and the fingerprint is spared the time of N4.
FingerprintOptions options_for(const PlanSettings& settings);

// Throws usage Error on settings that make no sense, Error when no case of the fingerprint is usable.
Plan make_plan(const Fingerprint& cohort, const PlanSettings& settings = {});

// kCohort for CT (clip at 0.5 and 99.5 %, mean and deviation of the foreground), for PET (the same, nothing clipped:
// SUV mean the same in every patient, and what is hottest is what is looked for) and for masks (lowest becomes -1,
// highest 1), else kCase; settings.scheme other than "auto" wins.
ChannelPlan scheme_of(const ChannelFingerprint& channel, const PlanSettings& settings = {});

// How many times smaller the coarsest features of a network are along each axis: each halving takes the axes that are
// less than twice as coarse as the finest, as they then are.
std::array<std::int64_t, 3> stride_of(const std::array<double, 3>& spacing_mm, std::int64_t halvings);

// Sides are multiples of stride_of(), or of half of it, a quarter ... where the median case is shorter than two of
// them.
std::array<std::int64_t, 3> patch_for(const std::array<double, 3>& median_shape,
                                      const std::array<double, 3>& spacing_mm, const PlanSettings& settings);

// What a step of training holds for each voxel of its batch. Throws usage Error for an encoder that is not known.
// Measured in float32 as the growth of the memory with the batch, of pretraining (mae) and of segmentation, whichever
// is more, and a third on top: resenc 1107, resnet 2789, vit 528, swin_unetr 4567, mednext 7422. Of primus, size S, it
// is reckoned from what its blocks keep, not measured: 1200.
double bytes_per_voxel(const std::string& encoder);
std::vector<std::string> encoders_known();

// floor((memory_gb - fixed_gb) 1e9 / (voxels of a patch * bytes_per_voxel)), within 1 .. largest_batch.
std::int64_t batch_size(const std::array<std::int64_t, 3>& patch, const PlanSettings& settings);

}  // namespace prepare
