#pragma once
// The made-up patients that `gadolin bench methods` pretrains on, and what it asks of an encoder afterwards.
//
// Torsos of volume/phantom.h with nine organs; the contrast of every tissue is drawn anew for each scan, so that no
// grey value tells an organ. One task for each kind of probe, the same for all methods:
//
// * kNN and linear probes: which organ lies at the centre of a patch. Patches look into the body at random places, as
//   those of pretraining do, and there are many of them from few patients; random weights find a part of the answers in
//   what surrounds the patch, and far from all. Ill or well, which the cohort has too, is one answer a patient: too few
//   for an interval that says anything. Left and right of a pair count as one organ, since views may be mirrored.
// * Fine-tuning: the same organs segmented after a few steps on eight labelled scans, mean Dice: what methods that
//   promise fine-tuning are taken for, in the regime in which pretraining matters at all.
//
// A third of the patients is for testing; no encoder sees them before.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "models/encoder.h"
#include "store/reader.h"

namespace pipelines {

struct CohortShape {
  std::int64_t patients = 48;  // one scan each
  std::int64_t size = 64;      // voxels of the longest axis of a scan
};

inline constexpr models::Extent kBenchPatch{32, 32, 32};

// All that decides what probes say, for keys of cells.
std::string told(const CohortShape& shape);

// FOLDER/store (prepared) and FOLDER/split.csv. The same bytes for the same shape.
void make_cohort(const std::filesystem::path& folder, const CohortShape& shape, int threads);

// Patches and the organ at the centre of each.
struct OrganPatches {
  at::Tensor images;                  // [N, 1, 32, 32, 32]; 0 outside of the scan
  at::Tensor organs;                  // [N] int64, from 0
  std::vector<std::string> patients;  // N
};
// Of the cases of one set ("train", "test"): a few of each organ that the scan shows, at drawn voxels of it.
OrganPatches organ_patches(const std::filesystem::path& folder, const std::string& set);

std::int64_t organ_count();

}  // namespace pipelines
