#pragma once
// Siemens mosaics: the slices of a volume as tiles of one picture, row by row, in a square just large enough. How many
// there are and which way they go stands in the private CSA header alone (Siemens syngo MR, "SV10" layout as described
// in nibabel's documentation of the CSA format), so a mosaic without it is refused.

#include <cstddef>
#include <optional>
#include <span>

#include "io/dicom_header.h"

namespace io {

// From the bytes of CSA Image Header Info; nothing when it does not tell both facts, or is damaged.
std::optional<Mosaic> parse_csa(std::span<const std::byte> csa);

// Tiles a side of the square.
int tiles_per_side(const Mosaic& mosaic);

// Turns the header of a mosaic into those of its slices: tile size, and the place of each. Throws Error [MOSAIC].
std::vector<DicomHeader> slices_of(const DicomHeader& mosaic);

// Copies the slice's tile out of the picture.
void copy_tile(const DicomHeader& slice, std::span<const std::byte> picture, std::span<std::byte> target);

}  // namespace io
