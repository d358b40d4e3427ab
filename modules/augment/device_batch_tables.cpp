// Where tables and working memory of a batch lie.
#include <algorithm>

#include "augment/device_batch.h"
#include "augment/device_batch_place.h"

namespace augment {
namespace {

struct Scratch {
  std::size_t moments_at, parts_at, bytes;
  std::int32_t parts_of_lane = 0;
};

BatchTables extents(const PackedBatch& batch) {
  BatchTables tables{};
  tables.depth = static_cast<std::int32_t>(batch.shape.depth);
  tables.height = static_cast<std::int32_t>(batch.shape.height);
  tables.width = static_cast<std::int32_t>(batch.shape.width);
  tables.samples = static_cast<std::int32_t>(batch.samples);
  tables.channels = static_cast<std::int32_t>(batch.channels);
  return tables;
}

Scratch scratch_of(const PackedBatch& batch) {
  const auto lanes = static_cast<std::size_t>(batch.samples * batch.channels);
  const auto up16 = [](std::size_t bytes) { return (bytes + 15) / 16 * 16; };
  Scratch scratch{};
  for (int stage = 0; stage < kStages; ++stage) {
    if (batch.stages[static_cast<std::size_t>(stage)].measures)
      scratch.parts_of_lane = std::max(scratch.parts_of_lane, blocks_of(extents(batch), stage));
  }
  const bool works = batch.stages[kFinal].active;  // some lane is not written at once
  const auto voxels = static_cast<std::size_t>(batch.shape.voxels());
  scratch.moments_at = works ? up16(lanes * voxels * sizeof(float)) : 0;
  scratch.parts_at = up16(scratch.moments_at + lanes * kMoments * sizeof(Moments));
  const std::size_t parts = lanes * static_cast<std::size_t>(scratch.parts_of_lane);
  scratch.bytes = up16(scratch.parts_at + parts * sizeof(Sums));
  return scratch;
}

}  // namespace

std::size_t scratch_bytes(const PackedBatch& batch) { return scratch_of(batch).bytes; }

BatchTables tables_of(const PackedBatch& batch, std::byte* tables, const DeviceViews& views, std::byte* scratch) {
  const Scratch at = scratch_of(batch);
  BatchTables made = extents(batch);
  made.in_samples = reinterpret_cast<const BatchSample*>(tables);
  made.in_lanes = reinterpret_cast<const BatchLane*>(tables + batch.lanes_at);
  made.integers = reinterpret_cast<const std::int32_t*>(tables + batch.words_at);
  made.floats = reinterpret_cast<const float*>(tables + batch.words_at);
  made.work = reinterpret_cast<float*>(scratch);
  made.moments = reinterpret_cast<Moments*>(scratch + at.moments_at);
  made.parts = reinterpret_cast<Sums*>(scratch + at.parts_at);
  made.parts_of_lane = at.parts_of_lane;
  made.image = views.image;
  made.labels = views.labels;
  made.valid = views.valid;
  made.hidden = views.hidden;
  made.bf16 = views.bf16;
  return made;
}

}  // namespace augment
