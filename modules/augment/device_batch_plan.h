#pragma once
// The tables of device_batch.h: plain values that mean the same on the host and on the device. A lane is one channel of
// one view. Its voxels go through the stages in order, in place; a stage that nobody of the batch needs is left out.

#include <cstddef>
#include <cstdint>

#include "augment/voxel_place.h"

namespace augment {

enum class Stored : std::int32_t { kInt16, kFloat32 };

// kPick takes voxels out of the case; filter stages run along one axis; points change each voxel by itself; kFinal
// writes the view, turned around where it is mirrored.
enum Stage {
  kPick,
  kBlurD,
  kBlurH,
  kBlurW,
  kPointAfterBlur,
  kCoarseD,
  kCoarseH,
  kCoarseW,
  kPointBeforeGamma,
  kPointGamma,
  kFinal,
  kStages
};

// What a stage does to each voxel as it reads it.
enum class Change : std::uint8_t { kNone, kNoise, kLevels, kRaise, kRestretch };

// What voxels are like after the stages that measure: members as Contents.
struct Moments {
  double mean, deviation;
  float low, high;
};
inline constexpr int kMoments = 4;

struct StageOfLane {
  std::uint8_t active = 0;
  Change change = Change::kNone;
  std::int8_t measures = -1;  // which moments of the lane are taken from the result, -1: none
  std::int32_t filter = -1;   // word where the filter begins: extent times first, count, begin of weights; then weights
};

struct BatchLane {
  const void* voxels;
  Stored stored;
  float scale, offset;
  std::int32_t direct;    // 1: nothing happens between picking and writing, kPick writes the view
  std::uint64_t seed;     // of the noise
  double noise, shift;    // parts of the deviation
  float more;             // contrast's factor less 1
  std::int32_t contrast;  // 1: voxels are held within their range
  float power;
  std::int32_t upside_down;
  std::int8_t noise_by, levels_by, gamma_by, after_gamma;  // which moments
  StageOfLane stages[kStages];
};

struct BatchSample {
  double map[3][4];  // index of the view to index of the case
  voxel::Box box;
  const void* labels;
  std::int32_t label_bytes;
  std::int32_t points;                // control points of the bend along an axis; 0: none
  std::int32_t control;               // word where they begin, [points, points, 3, points]
  std::int32_t first[3], weights[3];  // by axis, words: [extent], [extent, 4]
  std::int32_t mirrored[3];           // 1: turned around
  std::int32_t side[3], blocks[3];    // of the block mask
  std::int32_t chosen;                // word where its bytes [blocks] begin; -1: none
  std::int32_t erase;
};

// Partial sums for moments; all 0 before the first voxel.
struct Sums {
  double sum, square;
  float low, high;
  std::int32_t any;
};

struct BatchTables {
  std::int32_t depth, height, width, samples, channels;
  const BatchSample* in_samples;
  const BatchLane* in_lanes;     // [samples, channels]
  const std::int32_t* integers;  // words, read as what they are
  const float* floats;
  float* work;       // [lanes, depth, height, width]
  Moments* moments;  // [lanes, kMoments]
  Sums* parts;       // [lanes, parts_of_lane]
  std::int32_t parts_of_lane;
  void* image;
  std::int64_t* labels;
  std::uint8_t *valid, *hidden;
  bool bf16;
};

struct StageUse {
  bool active = false, measures = false;
};

// How kernels cut a lane into blocks, each of which leaves one part of the sums.
inline constexpr int kRowsOfBlock = 8;         // kPick: rows
inline constexpr int kVoxelsOfBlock = 4096;    // points and kFinal
inline constexpr int kFilterBytes = 44 << 10;  // filters: lines of a whole extent side by side in shared memory

}  // namespace augment
