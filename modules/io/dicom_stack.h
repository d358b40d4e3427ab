#pragma once
// Slices put in order by where they lie, or refused with the code of what is wrong with them.

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "io/dicom_header.h"

namespace io {

struct Stack {
  std::vector<std::size_t> order;  // of the slices, along the normal row x column
  volume::Geometry geometry;       // of the volume they make
  std::vector<std::string> notes;  // SPACING_CONFLICT
};

// Throws Error [PATIENT_MISMATCH], [LOCALIZER], [FRAME_OF_REFERENCE], [MATRIX_MISMATCH], [PIXEL_FORMAT],
// [SPACING_MISMATCH], [MIXED_ORIENTATION], [MULTI_VOLUME], [DUPLICATE_POSITION], [TOO_FEW_SLICES], [GANTRY_TILT],
// [MISSING_SLICE] or [IRREGULAR_SPACING]. Distances may differ by 1 %, slices may lie 0.1 mm (or 0.05 % of the stack's
// length) aside.
Stack stack_slices(std::span<const DicomHeader> slices);

}  // namespace io
