#pragma once
// What a cohort is like: what a plan is made from.
//
// Values are after scale and offset (HU). "Foreground" as in foreground.h; where a picture has none, all of it counts.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "prepare/bias_field.h"
#include "store/reader.h"
#include "volume/reorient.h"

namespace prepare {

// Values of one channel, of one case or of the cohort. Percentiles are of a sample, all else of every voxel.
struct ValueStatistics {
  std::int64_t voxels = 0;                                      // of the foreground
  double lowest = 0, highest = 0;                               // of all finite voxels
  bool two_values = false;                                      // a mask: no voxel differs from `lowest` and `highest`
  double percentile_00_5 = 0, median = 0, percentile_99_5 = 0;  // of the foreground, as the next two
  double mean = 0, deviation = 0;
};

struct CaseFingerprint {
  std::string id;
  std::string problem;  // not empty: the case could not be read, and counts nowhere
  volume::Shape shape;
  volume::Geometry geometry;
  volume::VoxelBox content;                         // in the case's own grid
  std::map<std::string, ValueStatistics> channels;  // those it has
};

struct ChannelFingerprint {
  std::string name;
  std::string modality;  // "OT" where cases disagree
  std::int64_t cases = 0;
  ValueStatistics values;  // percentiles, mean and deviation of the samples of all cases together
};

struct Fingerprint {
  std::vector<CaseFingerprint> cases;
  std::vector<ChannelFingerprint> channels;  // in the order in which cases name them
  std::map<int, double> class_share;         // class -> share of the voxels of all labelled cases, 0 included
};

struct FingerprintOptions {
  int workers = 1;                        // cases read at once, one a worker
  std::int64_t sampled_per_case = 10000;  // values of a channel that go into percentiles
  std::string unknown_modality = "OT";    // what a channel of modality "OT" is taken for
  std::function<bool()> after_case;       // any thread; false ends the work with an Error (Exit::kInterrupted)
  std::string mask = "none";              // only what is inside counts (mask.h)
  BiasSettings bias;                      // as apply() does it: of MR, within the content and its margin
  bool crop = true;                       // or of the whole grid; only `bias` asks
  double margin_mm = 5;
};

// Streams over the store, one case a worker; the result does not depend on their number. Throws Error when no case can
// be read, usage Error for a mask that the channels are not for.
Fingerprint fingerprint(const store::Reader& reader, const FingerprintOptions& options = {});

}  // namespace prepare
