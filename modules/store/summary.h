#pragma once
// What a store knows of a case without touching its voxels.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "volume/case.h"

namespace store {

// Voxels begin[a] .. begin[a] + shape[a] - 1 of a case's grid, axes {D, H, W}.
struct Box {
  std::array<std::int64_t, 3> begin{};
  volume::Shape shape;
  bool operator==(const Box&) const = default;
};

// Voxel indices {d, h, w} of each class, a sample of them: where a view must lie to show the class.
using ClassLocations = std::map<int, std::vector<std::array<std::int32_t, 3>>>;

// The value a person means is voxel * scale + offset.
struct ChannelSummary {
  std::string name;
  std::string modality;
  volume::VoxelType type = volume::VoxelType::kFloat32;
  double scale = 1.0;
  double offset = 0.0;
  bool present = false;  // the others say nothing when it is not
};

struct CaseSummary {
  std::string id;
  volume::Shape shape;
  volume::Geometry geometry;
  std::vector<ChannelSummary> channels;
  bool has_labels = false;
  volume::VoxelType label_type = volume::VoxelType::kUInt8;  // uint8 or uint16
  std::map<int, std::int64_t> label_voxels;                  // voxels of every class but 0 that is there
  std::map<std::string, double> scalars;
  std::vector<volume::BoxTarget> boxes;
  std::string report;
  volume::Groups groups;
  std::map<std::string, std::string> facts;  // as in volume::Case
  std::string source_hash;                   // of what the case was made from, as the writer was told
  std::string hash;                          // SHA-256 of all of the above but source_hash, and of the voxels
};

}  // namespace store
