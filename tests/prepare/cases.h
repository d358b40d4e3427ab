#pragma once
// Cases and stores small enough to reason about.

#include <string>
#include <utility>
#include <vector>

#include "../scratch.h"
#include "core/error.h"
#include "prepare/bias_field.h"
#include "store/reader.h"
#include "store/writer.h"
#include "volume/case.h"

// A float picture whose voxels are f(d, h, w).
template <class F>
volume::Volume picture(const volume::Shape& shape, const std::array<double, 3>& spacing_mm, F&& f) {
  volume::Geometry geometry;
  geometry.spacing_mm = spacing_mm;
  geometry.origin_mm = {-20, 7, 3};
  volume::Volume result(shape, volume::VoxelType::kFloat32, geometry);
  auto out = result.voxels<float>().begin();
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      for (std::int64_t w = 0; w < shape.width; ++w) *out++ = static_cast<float>(f(d, h, w));
    }
  }
  return result;
}

inline volume::Case one_channel(std::string id, volume::Volume image, std::string modality = "MR",
                                std::string name = "T1") {
  volume::Case one;
  one.id = std::move(id);
  one.groups.patient = one.id;
  one.channels.push_back({std::move(name), std::move(modality), std::move(image)});
  return one;
}

// False in a build without ITK.
inline bool corrects_bias() {
  try {
    prepare::require_bias_correction();
  } catch (const core::Error&) {
    return false;
  }
  return true;
}

inline store::Reader stored(const std::filesystem::path& folder, const std::vector<volume::Case>& cases) {
  store::Writer writer(folder);
  for (const volume::Case& one : cases) writer.add(one, "source of " + one.id);
  writer.commit();
  return store::Reader(folder);
}
