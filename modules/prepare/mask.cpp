#include "prepare/mask.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "core/error.h"
#include "prepare/coarse.h"
#include "prepare/values.h"

namespace prepare {
namespace {

using volume::Volume;

constexpr double kBlockMm = 2;
constexpr double kPersonMm = 100;  // a picture shorter than this is of something small
constexpr double kBodyHu = -300;   // between lung and fat
constexpr double kGroundHu = -1000;
constexpr double kThinMm = 3;   // half the thickness of what is cut off: shells of tables, not the wall of a chest
constexpr double kStalkMm = 5;  // half the thickness of what still ties a brain to skin, eyes and neck
constexpr double kAddedMm = 3;
constexpr double kBridgeMm = 10;  // half the width of gaps that are closed: where the wall of a chest is thin
constexpr double kHollowMm = 25;  // half the thickness that lungs have somewhere and a hollow table has not
constexpr double kPart = 0.2;     // of the largest: smaller parts are no body
constexpr double kSkinMm = 7;     // scalp, of which no brain is part

// A case's grid in blocks, and by how much lengths of a person shrink there.
struct Scale {
  Block block;
  double shrink = 1;
};

Scale scale_of(const Volume& image) {
  const std::array<double, 3>& spacing = image.geometry.spacing_mm;
  const double longest = longest_side_mm(image);
  Scale scale{{}, std::min(1.0, longest / kPersonMm)};
  for (std::size_t a = 0; a < 3; ++a) {
    const double fitting = scale.shrink * kBlockMm / spacing[a];
    scale.block[a] = std::max<std::int64_t>(1, static_cast<std::int64_t>(std::floor(fitting + 1e-6)));
  }
  return scale;
}

VoxelSet above(const Volume& means, double threshold) {
  VoxelSet result{means.shape(), means.geometry.spacing_mm, {}};
  for (const float value : means.voxels<float>())
    result.inside.push_back(static_cast<double>(value) > threshold);  // a NaN is not
  return result;
}

VoxelSet common(VoxelSet a, const VoxelSet& b) {
  for (std::size_t i = 0; i < a.inside.size(); ++i) a.inside[i] &= b.inside[i];
  return a;
}

// Holes of axial slices, where airways end in no picture, then those of the whole. A single slice is taken as axial.
void fill(VoxelSet& one, const volume::Geometry& geometry) {
  std::size_t axial = 0;
  for (std::size_t a = 1; a < 3; ++a) {
    if (std::abs(geometry.direction[a][2]) > std::abs(geometry.direction[axial][2])) axial = a;
  }
  for (std::size_t a = 0; a < 3; ++a) {
    if (one.shape[static_cast<int>(a)] == 1) axial = a;
  }
  std::array<bool, 3> along{true, true, true};
  along[axial] = false;
  fill_holes(one, along);
  fill_holes(one, {true, true, true});
}

// The core back to its size, gaps closed, holes filled, a little more around.
VoxelSet restored(const VoxelSet& core, double lost_mm, double shrink, const volume::Geometry& geometry) {
  VoxelSet result = grown(core, shrink * (lost_mm + kAddedMm + kBridgeMm));
  fill(result, geometry);
  return shrunk(result, shrink * kBridgeMm);
}

// Lungs, but not the inside of a table.
VoxelSet with_thick_holes(VoxelSet tissue, VoxelSet filled, double shrink) {
  for (std::size_t i = 0; i < filled.inside.size(); ++i) filled.inside[i] &= tissue.inside[i] == 0;
  const VoxelSet thick = parts_with(filled, shrunk(filled, shrink * kHollowMm));
  for (std::size_t i = 0; i < tissue.inside.size(); ++i) tissue.inside[i] |= thick.inside[i];
  return tissue;
}

// What is left of it where things thinner than twice `mm` are cut off: by one voxel at least where voxels are no
// longer than such a thing is thick.
VoxelSet thick_of(VoxelSet tissue, double mm) {
  const std::array<double, 3> spacing = tissue.spacing_mm;
  for (double& each : tissue.spacing_mm) each = each <= 2 * mm ? std::min(each, mm) : each;
  VoxelSet result = shrunk(tissue, mm);
  result.spacing_mm = spacing;
  return result;
}

VoxelSet body_of(const Volume& means, const std::string& modality, double shrink) {
  const bool ct = modality == "CT";
  VoxelSet tissue = above(means, ct ? kBodyHu : ground_threshold(means.voxels<float>()));
  VoxelSet filled = tissue;
  fill(filled, means.geometry);
  // In MR the skull is dark and the scalp thin. In CT a hollow table would be filled as well.
  tissue = ct ? with_thick_holes(std::move(tissue), filled, shrink) : std::move(filled);
  const VoxelSet core = large_parts(thick_of(tissue, shrink * kThinMm), kPart);
  if (core.empty()) return restored(large_parts(tissue, kPart), 0, shrink, means.geometry);
  return restored(core, kThinMm, shrink, means.geometry);
}

VoxelSet brain_of(const Volume& means, double shrink) {
  const VoxelSet head = body_of(means, "MR", shrink);
  const VoxelSet deep = shrunk(head, shrink * (kAddedMm + kSkinMm));
  std::vector<float> values;
  for (std::size_t i = 0; i < deep.inside.size(); ++i) {
    if (deep.inside[i] != 0) values.push_back(means.voxels<float>()[i]);
  }
  const VoxelSet tissue = common(above(means, ground_threshold(values)), deep);
  const VoxelSet core = large_parts(shrunk(tissue, shrink * kStalkMm), 1);
  if (core.empty()) return core;
  return common(restored(core, kStalkMm, shrink, means.geometry), head);
}

// A picture of two values says itself what is inside.
bool two_values(const Volume& image) { return values_of(image, "OT", 1).statistics.two_values; }

const Volume& picture_of_head(const volume::Case& one) {
  for (const volume::Channel& channel : one.channels) {
    if (channel.image && channel.modality == "MR") return *channel.image;
  }
  throw core::Error("no MR picture to find the brain in", "set mask to body or none");
}

VoxelSet mask_of(const volume::Case& one, const std::string& mask, const Scale& scale) {
  if (mask == "brain") return brain_of(block_means(picture_of_head(one), scale.block, Counted::kFinite), scale.shrink);
  VoxelSet all;
  for (const volume::Channel& channel : one.channels) {
    if (!channel.image || two_values(*channel.image)) continue;
    const VoxelSet body =
        body_of(block_means(*channel.image, scale.block, Counted::kFinite), channel.modality, scale.shrink);
    if (all.inside.empty()) all = body;
    for (std::size_t i = 0; i < all.inside.size(); ++i) all.inside[i] |= body.inside[i];
  }
  return all;
}

// The voxel that means `value`; none where the type has no such.
template <class T>
std::optional<T> voxel_for(double value, const Volume& image) {
  const double voxel = (value - image.offset) / image.scale;
  if constexpr (std::is_floating_point_v<T>) return static_cast<T>(voxel);
  const double whole = std::round(voxel);
  const bool there = whole >= static_cast<double>(std::numeric_limits<T>::lowest()) &&
                     whole <= static_cast<double>(std::numeric_limits<T>::max());
  if (!there || whole * image.scale + image.offset != value) return std::nullopt;
  return static_cast<T>(whole);
}

// True when it was done: the type may have no voxel for the ground.
bool set_outside(Volume& image, double ground, const std::vector<std::uint8_t>& inside) {
  return volume::with_type(image.type(), [&]<class T>(T) {
    const std::optional<T> voxel = voxel_for<T>(ground, image);
    if (!voxel) return false;
    const std::span<T> voxels = image.voxels<T>();
    for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = inside[i] != 0 ? voxels[i] : *voxel;
    return true;
  });
}

// Blocks to voxels, and what a person has labelled.
std::vector<std::uint8_t> every_voxel(const VoxelSet& blocks, const Block& block, const volume::Case& one) {
  const volume::Shape& shape = one.reference().shape();
  std::vector<std::uint8_t> inside;
  inside.reserve(static_cast<std::size_t>(shape.voxels()));
  for (std::int64_t d = 0; d < shape.depth; ++d) {
    for (std::int64_t h = 0; h < shape.height; ++h) {
      const std::int64_t row = (d / block[0] * blocks.shape.height + h / block[1]) * blocks.shape.width;
      for (std::int64_t w = 0; w < shape.width; ++w)
        inside.push_back(blocks.inside[static_cast<std::size_t>(row + w / block[2])]);
    }
  }
  if (!one.label_map) return inside;
  volume::with_type(one.label_map->type(), [&]<class T>(T) {
    const std::span<const T> labels = one.label_map->voxels<T>();
    for (std::size_t i = 0; i < inside.size(); ++i) inside[i] = inside[i] != 0 || labels[i] != T{};
  });
  return inside;
}

}  // namespace

void check_mask(const std::string& mask, const std::vector<std::string>& modalities) {
  if (std::ranges::find(kMasks, mask) == kMasks.end())
    throw core::usage_error("no mask is called '" + mask + "'", "choose none, body or brain");
  if (mask != "brain") return;
  if (std::ranges::find(modalities, "CT") != modalities.end())
    throw core::usage_error("mask brain is for MR, and there is a CT channel",
                            "mask=body takes table and headrest away");
  if (std::ranges::find(modalities, "MR") == modalities.end())
    throw core::usage_error("mask brain is for MR, and no channel is MR",
                            "if those of unknown modality are: --set unknown_modality=MR");
}

void keep_inside(volume::Case& one, const std::string& mask) {
  if (mask == "none") return;
  std::vector<std::string> modalities;
  for (const volume::Channel& channel : one.channels) modalities.push_back(channel.modality);
  check_mask(mask, modalities);
  const Scale scale = scale_of(one.reference());
  const VoxelSet found = mask_of(one, mask, scale);
  if (found.empty()) return;
  const std::vector<std::uint8_t> inside = every_voxel(found, scale.block, one);
  for (volume::Channel& channel : one.channels) {
    if (!channel.image) continue;
    const double ground = channel.modality == "CT" ? kGroundHu : 0;
    if (set_outside(*channel.image, ground, inside)) continue;
    channel.image = channel.image->as_float();
    set_outside(*channel.image, ground, inside);
  }
}

}  // namespace prepare
