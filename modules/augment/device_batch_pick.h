#pragma once
// The first and the last stage of device_batch_plan.h for one voxel, in kernels and in the tests on the CPU.

#include "augment/device_batch_place.h"

namespace augment {

GADOLIN_HOST_DEVICE inline float value_at(const BatchLane& lane, const voxel::Box& box, const voxel::Place& place) {
  if (lane.voxels == nullptr) return 0.0f;
  const float number = lane.stored == Stored::kInt16
                           ? voxel::interpolated(box, place, static_cast<const std::int16_t*>(lane.voxels))
                           : voxel::interpolated(box, place, static_cast<const float*>(lane.voxels));
  return lane.scale == 1.0f && lane.offset == 0.0f ? number : number * lane.scale + lane.offset;
}

GADOLIN_HOST_DEVICE inline std::int64_t label_at(const BatchSample& sample, const voxel::Place& place) {
  if (sample.labels == nullptr || !place.inside) return 0;
  if (sample.label_bytes == 1) return voxel::voted(sample.box, place, static_cast<const std::uint8_t*>(sample.labels));
  return voxel::voted(sample.box, place, static_cast<const std::uint16_t*>(sample.labels));
}

// kPick of lane i. `bend`: control points of the row, [3, points], where the sample is bent.
GADOLIN_HOST_DEVICE inline void pick_voxel(const BatchTables& batch, std::int32_t i, const BatchSample& sample,
                                           const BatchLane& lane, const voxel::Line& line, const float* bend,
                                           std::int32_t d, std::int32_t h, std::int32_t w, Sums& sums) {
  float displacement[3];
  if (sample.points > 0) {
    float weights[4];
    for (int k = 0; k < 4; ++k) weights[k] = batch.floats[sample.weights[2] + 4 * w + k];
    const float* const points = bend + batch.integers[sample.first[2] + w];
    for (int a = 0; a < 3; ++a) displacement[a] = voxel::of_four(points + a * sample.points, 1, weights);
  }
  const voxel::Place place = voxel::place_of(sample.box, line, w, sample.points > 0 ? displacement : nullptr);
  const float value = value_at(lane, sample.box, place);
  const ViewVoxel to = in_view(batch, sample, d, h, w);
  if (i % batch.channels == 0) {
    const std::int64_t at = static_cast<std::int64_t>(i / batch.channels) * voxels_of(batch) + to.index;
    batch.valid[at] = place.inside ? 1 : 0;
    if (batch.labels != nullptr) batch.labels[at] = label_at(sample, place);
    if (batch.hidden != nullptr) batch.hidden[at] = is_hidden(batch, sample, to) ? 1 : 0;
  }
  if (lane.direct != 0) return write_image(batch, sample, i, to, value, place.inside);
  work_of(batch, i)[(d * batch.height + h) * batch.width + w] = value;
  if (lane.stages[kPick].measures >= 0) add(sums, value);
}

// kFinal; `index` of the voxel in its lane.
GADOLIN_HOST_DEVICE inline void finish_voxel(const BatchTables& batch, const BatchSample& sample, std::int32_t i,
                                             std::int32_t index, float voxel) {
  const std::int32_t row = index / batch.width;
  const ViewVoxel to = in_view(batch, sample, row / batch.height, row % batch.height, index % batch.width);
  const std::int64_t begin = static_cast<std::int64_t>(i / batch.channels) * voxels_of(batch);
  write_image(batch, sample, i, to, voxel, batch.valid[begin + to.index] != 0);
}

}  // namespace augment
