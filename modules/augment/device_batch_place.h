#pragma once
// Where the voxels of device_batch_plan.h come from and go to, in kernels and in the tests on the CPU.

#include "augment/device_batch_voxel.h"

namespace augment {

GADOLIN_HOST_DEVICE inline std::int32_t voxels_of(const BatchTables& batch) {
  return batch.depth * batch.height * batch.width;
}
GADOLIN_HOST_DEVICE inline std::int32_t extent_of(const BatchTables& batch, int axis) {
  return axis == 0 ? batch.depth : axis == 1 ? batch.height : batch.width;
}
GADOLIN_HOST_DEVICE inline float* work_of(const BatchTables& batch, std::int32_t lane) {
  return batch.work + static_cast<std::int64_t>(lane) * voxels_of(batch);
}

// -1: no filter.
GADOLIN_HOST_DEVICE inline int axis_of(int stage) {
  if (stage >= kBlurD && stage <= kBlurW) return stage - kBlurD;
  return stage >= kCoarseD && stage <= kCoarseW ? stage - kCoarseD : -1;
}
// Lines along an axis that a block filters, and how far apart voxels of a line lie in its shared memory.
GADOLIN_HOST_DEVICE inline std::int32_t lines_of_block(std::int32_t extent) {
  const std::int32_t most = kFilterBytes / 4 / extent - 1;
  return most < 32 ? most : 32;
}
GADOLIN_HOST_DEVICE inline std::int32_t blocks_of(const BatchTables& batch, int stage) {
  const auto divided = [](std::int32_t a, std::int32_t b) { return (a - 1) / b + 1; };
  if (stage == kPick) return divided(batch.depth * batch.height, kRowsOfBlock);
  if (axis_of(stage) < 0) return divided(voxels_of(batch), kVoxelsOfBlock);
  const std::int32_t extent = extent_of(batch, axis_of(stage));
  return divided(voxels_of(batch) / extent, lines_of_block(extent));
}

// First voxel of a line along an axis, and from voxel to voxel.
GADOLIN_HOST_DEVICE inline std::int32_t line_start(const BatchTables& batch, int axis, std::int32_t line) {
  if (axis == 0) return line;
  if (axis == 2) return line * batch.width;
  return line / batch.width * batch.height * batch.width + line % batch.width;
}
GADOLIN_HOST_DEVICE inline std::int32_t line_step(const BatchTables& batch, int axis) {
  return axis == 0 ? batch.height * batch.width : axis == 1 ? batch.width : 1;
}
// Voxel i of a filtered line; the line's voxels lie `pitch` apart.
GADOLIN_HOST_DEVICE inline float filtered(const BatchTables& batch, std::int32_t filter, std::int32_t extent,
                                          std::int32_t i, const float* line, std::int32_t pitch) {
  const std::int32_t* const table = batch.integers + filter;
  const float* const weights = batch.floats + filter + 3 * extent + table[2 * extent + i];
  return voxel::weighed(line + table[i] * pitch, pitch, weights, table[extent + i]);
}

// Control point i, [3, points], of the row {d, h, .}.
GADOLIN_HOST_DEVICE inline float bend_point(const BatchTables& batch, const BatchSample& sample, std::int32_t d,
                                            std::int32_t h, std::int32_t i) {
  const std::int32_t wide = 3 * sample.points, first_h = batch.integers[sample.first[1] + h];
  const std::int32_t first_d = batch.integers[sample.first[0] + d];
  float of_d[4], of_h[4], along[4];
  for (int k = 0; k < 4; ++k) of_d[k] = batch.floats[sample.weights[0] + 4 * d + k];
  for (int k = 0; k < 4; ++k) of_h[k] = batch.floats[sample.weights[1] + 4 * h + k];
  const float* const points = batch.floats + sample.control + (first_d * sample.points + first_h) * wide + i;
  for (int k = 0; k < 4; ++k) along[k] = voxel::of_four(points + k * wide, sample.points * wide, of_d);
  return voxel::of_four(along, 1, of_h);
}

// Where voxel {d, h, w} of the batch's sample stands in the view.
GADOLIN_HOST_DEVICE inline std::int32_t turned(std::int32_t mirrored, std::int32_t i, std::int32_t extent) {
  return mirrored != 0 ? extent - 1 - i : i;
}
struct ViewVoxel {
  std::int32_t d, h, w, index;
};
GADOLIN_HOST_DEVICE inline ViewVoxel in_view(const BatchTables& batch, const BatchSample& sample, std::int32_t d,
                                             std::int32_t h, std::int32_t w) {
  ViewVoxel to{turned(sample.mirrored[0], d, batch.depth), turned(sample.mirrored[1], h, batch.height),
               turned(sample.mirrored[2], w, batch.width), 0};
  to.index = (to.d * batch.height + to.h) * batch.width + to.w;
  return to;
}
GADOLIN_HOST_DEVICE inline bool is_hidden(const BatchTables& batch, const BatchSample& sample, const ViewVoxel& at) {
  if (sample.chosen < 0) return false;
  const auto* const chosen = reinterpret_cast<const unsigned char*>(batch.integers + sample.chosen);
  const std::int32_t row = (at.d / sample.side[0]) * sample.blocks[1] + at.h / sample.side[1];
  return chosen[static_cast<std::int64_t>(row) * sample.blocks[2] + at.w / sample.side[2]] != 0;
}

// Rounds once; 0 outside of the case and where the mask erases.
GADOLIN_HOST_DEVICE inline void write_image(const BatchTables& batch, const BatchSample& sample, std::int32_t lane,
                                            const ViewVoxel& to, float voxel, bool inside) {
  const bool erased = sample.erase != 0 && is_hidden(batch, sample, to);
  const float kept = inside && !erased ? voxel : 0.0f;
  const std::int64_t at = static_cast<std::int64_t>(lane) * voxels_of(batch) + to.index;
  if (batch.bf16) {
    static_cast<std::uint16_t*>(batch.image)[at] = runtime::to_bf16(kept);
  } else {
    static_cast<float*>(batch.image)[at] = kept;
  }
}

}  // namespace augment
