#pragma once
// Slices put in order by where they lie, or refused with the code of what is wrong with them.

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_header.h"

namespace io {

// How far each slice lies aside of the one before it, in voxels towards growing row and column index: the stack of a
// tilted gantry.
struct Shear {
  double rows = 0, columns = 0;
  double degrees = 0;  // between the stack and the normal of its slices
};

struct Stack {
  std::vector<std::size_t> order;  // of the slices, along the normal row x column
  volume::Geometry geometry;       // of the volume they make once they are straight
  std::optional<Shear> shear;
  std::vector<std::string> notes;  // SPACING_CONFLICT
};

// Millimetres along the normal of `first`, from the world's origin.
double along_normal(const DicomHeader& first, const DicomHeader& slice);

// What has to be the same in all slices of a series. Throws Error [PATIENT_MISMATCH], [LOCALIZER],
// [FRAME_OF_REFERENCE], [MATRIX_MISMATCH], [PIXEL_FORMAT], [SPACING_MISMATCH] or [MIXED_ORIENTATION].
void require_one_kind(std::span<const DicomHeader> slices);

// Slices of one kind, one at each place (part_volumes). Throws Error [TOO_FEW_SLICES], [MISSING_SLICE],
// [IRREGULAR_SPACING], or [SLICES_ASIDE] for slices that lie aside unevenly or by more than 45 degrees. Distances may
// differ by 1 %, slices may lie 0.1 mm (or 0.05 % of the stack's length) aside.
Stack stack_slices(std::span<const DicomHeader> slices);

}  // namespace io
