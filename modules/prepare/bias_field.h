#pragma once
// The smooth unevenness that receiver coils leave in MR pictures, found and divided out: N4 (Tustison et al., "N4ITK:
// improved N3 bias correction", IEEE Trans. Med. Imaging 29, 2010), as ITK has it.
//
// Looked for in means of blocks, about 48 along the longest side, where there is tissue (ground_threshold of coarse.h);
// its logarithm is brought to the full grid by cubic splines. That bounds the time: about as long for every picture.

#include <cstdint>
#include <tuple>

#include "core/config.h"
#include "volume/volume.h"

namespace prepare {

struct BiasSettings {
  bool correct = false;
  std::int64_t control_points = 4;
  std::int64_t levels = 3;
  std::int64_t iterations = 50;
  bool operator==(const BiasSettings&) const = default;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using B = BiasSettings;
    return std::tuple{
        field("correct", &B::correct, "divide out the bias field of each MR channel (N4); others stay as they are"),
        field("control_points", &B::control_points, "of the field along each axis, at the coarsest level",
              Range{4, 32}),
        field("levels", &B::levels, "each finer one halves the distance of the control points", Range{1, 6}),
        field("iterations", &B::iterations, "of each level at most", Range{1, 1000})};
  }
};

// The picture divided by its field, float32, with the mean of its foreground (values other than 0) kept. What is 0 or
// not finite stays so. A picture that shows no field stays as it is: a constant one, one without tissue, one of fewer
// than 64 blocks of tissue. The same whatever the number of threads; safe from many. Throws usage Error in a build
// without ITK.
volume::Volume without_bias(const volume::Volume& image, const BiasSettings& settings);

// Throws that usage Error before the work begins.
void require_bias_correction();

}  // namespace prepare
