#pragma once
// What a picture tells of itself to somebody who has thousands to check: cheap facts, and the doubts that follow from
// them.
//
// One pass over the voxels, and a look at about 200,000 evenly spread ones. Values are meant as a person means them
// (scale and offset applied). Pure, safe from many threads.

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "volume/reorient.h"
#include "volume/volume.h"

namespace volume {

struct Quality {
  static constexpr std::size_t kBins = 32;

  double low = 0, high = 0;  // 0.5 and 99.5 percent of the voxels lie below
  // Of the voxels looked at, in equal steps from low to high; those beyond are in the first and the last bin.
  std::array<std::int64_t, kBins> histogram{};

  // Content is what lies above the threshold: in CT in Hounsfield units -500, otherwise half way to the value that
  // parts dark from bright best (Otsu, IEEE SMC 9(1), 1979).
  double threshold = 0;
  double content_share = 0;  // of all voxels
  VoxelBox content;          // slices, rows and columns of which more than 1 % is content; empty when none is
  int faces_touched = 0;     // faces of the grid of which a quarter or more is content, 0..6

  // Standard deviation of noise from second differences within content: their median size, so that edges do not count;
  // 0 where values are too coarse to tell.
  double noise = 0;
  double snr = 0;  // from the 5th to the 95th percentile, over noise; infinite without noise. Noise alone has 3.3

  // Mean along the twelve edges of the grid and in its middle, 0 at `low` and 1 at `high`; and how far the values along
  // the edges spread (standard deviation, same unit).
  double edge = 0, middle = 0, edge_spread = 0;

  bool blank = false;          // low and high are one value, to a millionth
  bool place_unknown = false;  // origin 0, spacing 1, no direction: what files have that were never told
};

// `modality` as DICOM calls it ("CT", "MR", "PT"; "OT" when unknown).
Quality quality_of(const Volume& image, std::string_view modality);

// Codes for what a person should look at: BLANK, CROPPED, INVERTED, LOW_SNR, PLACE_UNKNOWN (io/REASONS.md). Doubts, not
// verdicts: a crop by design is CROPPED all the same. A wrong direction that a header claims in earnest cannot be seen
// from the picture alone.
std::vector<std::string> doubts_of(const Quality& quality, std::string_view modality);

}  // namespace volume
