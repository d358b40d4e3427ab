#pragma once
// The slices of a series, and the volumes they make: a series of several times, echoes or b-values has several slices
// at each place.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_header.h"

namespace io {

struct SeriesSlices {
  std::vector<DicomHeader> slices;
  std::size_t instances = 0;
  // Files that are an identical copy of another, and of which.
  std::vector<std::pair<std::filesystem::path, std::filesystem::path>> copies;
};

// The slices of all files, identical copies of one left out. Throws Error [DUPLICATE_UID], [SEVERAL_SERIES] and what
// read_slices() throws.
SeriesSlices slices_of_files(std::span<const std::filesystem::path> files,
                             const DeidKey& key = DeidKey::known_to_all());

// The slices that make one volume, and what sets it apart: the facts in which the volumes differ. Where nothing but
// the order of acquisition differs, there are no facts and every file belongs to one volume.
struct VolumePart {
  std::vector<std::size_t> slices;
  std::map<std::string, std::string> facts;
};

// One part where no two slices lie at one place. Slices are of one kind (require_one_kind). Throws Error
// [MULTI_VOLUME] where every place holds several slices and nothing tells them apart, and [DUPLICATE_POSITION] where
// some do.
std::vector<VolumePart> part_volumes(std::span<const DicomHeader> slices);

}  // namespace io
