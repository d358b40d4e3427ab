#pragma once
// Where one voxel of a view lies in its case and what is there: the arithmetic of pick.h, pick_row.h and bend.h voxel
// by voxel, on the CPU and in kernels, to the same bits where products and sums are rounded one by one. Coordinates are
// indices of the case's grid, axes {d, h, w}. Pure.

#include <cstdint>

#include "runtime/dispatch.h"

namespace augment::voxel {

// The box that was read of a case (box_of in pick_row.h).
struct Box {
  float first[3], last[3];                // coordinates of its first and last voxel
  float case_low[3], case_high[3];        // edges of the case
  std::int32_t begin[3], last_corner[3];  // index of its first voxel, and of the last with a neighbour
  std::int32_t stride[3], upper[3];       // voxels from one to the next; 0 in `upper` along an axis of one voxel
};

// Along the width of a view: voxel w lies at base + w * step, and at map * bend of w from there where there is a bend.
struct Line {
  float base[3], step[3], map[3][3];
};

// Of the row {d, h, .} under the 3x4 map (doubles) from index of the view to index of the case.
template <class Map>
GADOLIN_HOST_DEVICE inline Line line_of(const Map& map, std::int32_t d, std::int32_t h) {
  Line line;
  for (int a = 0; a < 3; ++a) {
    const auto& row = map[a];
    line.base[a] = static_cast<float>((row[0] * static_cast<double>(d) + row[1] * static_cast<double>(h)) + row[3]);
    line.step[a] = static_cast<float>(row[2]);
    for (int c = 0; c < 3; ++c) line.map[a][c] = static_cast<float>(row[c]);
  }
  return line;
}

// The four weights of a uniform cubic B-spline at t of the way, [0, 1], through a cell.
GADOLIN_HOST_DEVICE inline void spline_weights(double t, double (&weights)[4]) {
  const double u = 1 - t;
  weights[0] = u * u * u / 6;
  weights[1] = (3 * t * t * t - 6 * t * t + 4) / 6;
  weights[2] = (3 * u * u * u - 6 * u * u + 4) / 6;
  weights[3] = t * t * t / 6;
}

// Sum of four control points, `stride` apart.
GADOLIN_HOST_DEVICE inline float of_four(const float* points, std::int32_t stride, const float (&weights)[4]) {
  float sum = weights[0] * points[0];
  for (int k = 1; k < 4; ++k) sum = sum + weights[k] * points[k * stride];
  return sum;
}

struct Place {
  std::int32_t corner = 0;  // offset of the lowest of the eight neighbours
  float part[3];            // of the way to the upper neighbour
  bool inside = true;       // of the case
};

// `bend`: displacement in voxels of the view, or nullptr.
GADOLIN_HOST_DEVICE inline Place place_of(const Box& box, const Line& line, std::int32_t w, const float* bend) {
  Place place;
  for (int a = 0; a < 3; ++a) {
    float at = line.base[a] + line.step[a] * static_cast<float>(w);
    for (int c = 0; bend != nullptr && c < 3; ++c) at = at + line.map[a][c] * bend[c];
    place.inside = place.inside && at >= box.case_low[a] && at < box.case_high[a];
    const float above = at >= box.first[a] ? at : box.first[a];
    const float kept = above < box.last[a] ? above : box.last[a];
    const auto whole = static_cast<std::int32_t>(kept);
    const std::int32_t lower = whole < box.last_corner[a] ? whole : box.last_corner[a];
    place.part[a] = kept - static_cast<float>(lower);
    place.corner += (lower - box.begin[a]) * box.stride[a];
  }
  return place;
}

GADOLIN_HOST_DEVICE inline float between(float a, float b, float part) { return a * (1.0f - part) + b * part; }

// Trilinear. T: what voxels are stored as.
template <class T>
GADOLIN_HOST_DEVICE inline float interpolated(const Box& box, const Place& place, const T* voxels) {
  const T* const v = voxels + place.corner;
  float row[4];
  for (int i = 0; i < 4; ++i) {
    const T* const at = v + ((i & 2) != 0 ? box.upper[0] : 0) + ((i & 1) != 0 ? box.upper[1] : 0);
    row[i] = between(static_cast<float>(at[0]), static_cast<float>(at[box.upper[2]]), place.part[2]);
  }
  return between(between(row[0], row[1], place.part[1]), between(row[2], row[3], place.part[1]), place.part[0]);
}

// The label with the greatest share among the eight neighbours, each weighted as in the interpolation of the image:
// smoother borders than the nearest voxel's label gives, and no label that is not there. Of equal shares the first.
template <class T>
GADOLIN_HOST_DEVICE inline T voted(const Box& box, const Place& place, const T* labels) {
  T label[8];
  bool same = true;
  for (int i = 0; i < 8; ++i) {
    label[i] = labels[place.corner + ((i & 4) != 0 ? box.upper[0] : 0) + ((i & 2) != 0 ? box.upper[1] : 0) +
                      ((i & 1) != 0 ? box.upper[2] : 0)];
    same = same && label[i] == label[0];
  }
  if (same) return label[0];
  float share[8] = {};
  for (int i = 0; i < 8; ++i) {
    const float d = (i & 4) != 0 ? place.part[0] : 1.0f - place.part[0];
    const float h = (i & 2) != 0 ? place.part[1] : 1.0f - place.part[1];
    const float w = (i & 1) != 0 ? place.part[2] : 1.0f - place.part[2];
    int first = 0;
    while (label[first] != label[i]) ++first;
    share[first] = share[first] + (d * h) * w;
  }
  int most = 0;
  for (int i = 1; i < 8; ++i) most = share[i] > share[most] ? i : most;
  return label[most];
}

}  // namespace augment::voxel
