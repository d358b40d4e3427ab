#pragma once
// A procedural cohort: torsos with organs, drawn from a seed; the data of tests, quickstart and benchmarks.
//
// Anatomy belongs to the patient: a shared shape model (body wall, ribs, spine, lungs, heart, aorta, liver with
// vessels, spleen, stomach, pancreas, kidneys, bowel) with drawn size, girth, organ poses and a smooth warp. The
// picture belongs to the scan: contrast of every tissue, breath, site with its axis order, spacing, obliquity, bias
// field and noise. Half of the patients (one of each pair 2k, 2k+1) are ill: an enlarged spleen and, where asked for,
// focal lesions in the liver; sizes overlap between well and ill, and tissue contrast tells neither.
//
// Images are int16 (CT in HU, MR in arbitrary units), label maps uint8, geometry LPS millimetres. A case is a pure
// function of (options, index): the same bytes from any thread, in any order. About 2 us a voxel and channel on one
// core; one case at a time is all the memory that is used.

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/config.h"
#include "volume/case.h"

namespace volume {

struct PhantomOptions {
  std::int64_t patients = 40;
  std::int64_t scans_per_patient = 1;
  std::int64_t seed = 1;
  std::int64_t size = 64;
  std::int64_t channels = 1;
  std::string modality = "MR";
  bool lesions = true;
  std::int64_t sites = 4;
  bool axis_orders = true;
  double anisotropy = 2.0;
  double deformation = 1.0;
  double contrast = 0.35;
  double bias = 1.0;
  double noise = 1.0;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using P = PhantomOptions;
    return std::tuple{
        field("patients", &P::patients, "patients in the cohort; half of them are ill", Range{1, 1e6}),
        field("scans_per_patient", &P::scans_per_patient, "scans of each patient, contrast anew in each",
              Range{1, 1000}),
        field("seed", &P::seed, "another seed, another cohort", Range{0, 9e15}),
        field("size", &P::size, "voxels of the longest axis", Range{16, 1024}),
        field("channels", &P::channels, "co-registered channels (MR sequences, CT phases)", Range{1, 16}),
        field("modality", &P::modality, "MR or CT"),
        field("lesions", &P::lesions, "focal liver lesions in the ill, as a label of their own"),
        field("sites", &P::sites, "scanner sites, each with a vendor and habits of its own", Range{1, 100}),
        field("axis_orders", &P::axis_orders, "sites differ in axis order (axial, coronal, sagittal); false: all SPL"),
        field("anisotropy", &P::anisotropy, "largest ratio of slice to in-plane spacing", Range{1, 8}),
        field("deformation", &P::deformation, "how much patients differ in shape; 0: all alike", Range{0, 1.5}),
        field("contrast", &P::contrast, "how much tissue contrast differs between scans", Range{0, 1}),
        field("bias", &P::bias, "strength of the MR bias field", Range{0, 3}),
        field("noise", &P::noise, "strength of the noise", Range{0, 10})};
  }
};

// patients * scans_per_patient. Throws usage Error when the options make no sense.
std::int64_t phantom_cases(const PhantomOptions& options);

// Case `index` (scan index % scans_per_patient of patient index / scans_per_patient): id "P0007" or "P0007-2",
// channels, label_map, scalars "class" (0 or 1) and "score" (severity, 0..100), a box per lesion, report, groups.
// Throws usage Error like phantom_cases; an index out of range is our bug.
Case phantom_case(const PhantomOptions& options, std::int64_t index);

// The same without voxels and boxes, in a thousandth of the time: what a table of the cohort tells.
Case phantom_facts(const PhantomOptions& options, std::int64_t index);
// How many voxels its pictures have.
Shape phantom_shape(const PhantomOptions& options, std::int64_t index);

// By label value; [0] is "background". The last, "lesion", only where lesions are asked for.
std::vector<std::string> phantom_label_names(const PhantomOptions& options = {});

// By channel: "T1", "T2", ... or "portal", "native", ...
std::vector<std::string> phantom_channel_names(const PhantomOptions& options);

}  // namespace volume
