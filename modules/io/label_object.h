#pragma once
// A label object of DICOM laid on the grid of its image, plane by plane: what segmentations (PS3.3 A.51) and structure
// sets (A.19) have in common. One object, one image, one thread.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "io/attachment.h"
#include "io/deidentify_key.h"
#include "volume/volume.h"

namespace io {

inline constexpr double kLabelToleranceMm = 0.1;  // how far a label object may lie from the image's voxels

// The image's: planes are its slices {d}, with rows {h} and columns {w}.
struct LabelGrid {
  volume::Geometry geometry;
  volume::Shape shape;
  std::string frame_of_reference;  // pseudonym
};

// For each class of an object the voxels of a plane, rows one after the other, 1 for those of the class; empty where
// the plane has none.
using PlaneMasks = std::vector<std::vector<std::uint8_t>>;

class LabelObject {
 public:
  virtual ~LabelObject() = default;

  std::vector<std::string> classes;  // of which something can be laid on a grid
  std::set<std::string> notes;       // codes
  std::set<std::string> instances;   // pseudonyms of the images that it names; empty when it names none

  // Says where its wanted classes (one of `wanted` for each) lie. Throws Error [GRID_MISMATCH] where they lie on no
  // planes or voxels of the image, [FRAME_OF_REFERENCE], and codes of what is damaged.
  virtual void place(const LabelGrid& grid, const std::vector<bool>& wanted) = 0;
  // Adds to the masks what lies in a plane of that grid.
  virtual void add_plane(std::int64_t plane, PlaneMasks& masks) = 0;
};

// Names are made with the key. Throw Error with a code, [LABEL_OBJECT] for what the standard does not allow.
std::unique_ptr<LabelObject> open_segmentation(const std::filesystem::path& file, const DeidKey& key);
std::unique_ptr<LabelObject> open_structures(const std::filesystem::path& file, const DeidKey& key);

// The mask of that class, as large as a plane of the grid.
std::vector<std::uint8_t>& mask_of(PlaneMasks& masks, std::size_t which, const volume::Shape& shape);

}  // namespace io
