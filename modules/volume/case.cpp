#include "volume/case.h"

#include <set>

#include "core/error.h"

namespace volume {
namespace {

void require_same_grid(const Volume& reference, const Volume& other, const std::string& what) {
  if (!(reference.shape() == other.shape())) {
    throw core::Error(what + " has another shape than the image",
                      "resample both to one grid first, or check that they belong together");
  }
  if (!same_place(reference.geometry, other.geometry, reference.shape(), 0.1)) {
    throw core::Error(what + " lies elsewhere than the image",
                      "origin, spacing or direction differ; check that they belong together");
  }
}

}  // namespace

const Volume& Case::reference() const {
  for (const Channel& channel : channels) {
    if (channel.image) return *channel.image;
  }
  throw core::Error("case " + id + " has no image");
}

void Case::check() const {
  if (id.empty()) throw core::Error("a case has no id");
  core::with_context("case " + id, [&] {
    const Volume& grid = reference();
    grid.geometry.check();
    std::set<std::string> names;
    for (const Channel& channel : channels) {
      if (!names.insert(channel.name).second) throw core::Error("channel '" + channel.name + "' is there twice");
      if (channel.image) require_same_grid(grid, *channel.image, "channel '" + channel.name + "'");
    }
    if (!label_map) return;
    if (label_map->type() == VoxelType::kFloat32 || label_map->type() == VoxelType::kFloat64) {
      throw core::Error("the label map holds fractions", "store class numbers in an integer type");
    }
    require_same_grid(grid, *label_map, "the label map");
  });
}

}  // namespace volume
