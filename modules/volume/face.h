#pragma once
// Whether a face may be recognised from a picture: a doubt for a person to look at, never a verdict.
//
// Looked for is a head with its skin: levels of a head's width and depth, deeper than wide, with air in front, that go
// on from the crown to where eyes and nose are (8 cm and more below it) without the front falling back, as it does in a
// brain that was cut out and in a head that was defaced. Where the crown is cut off, 4 cm of such levels are enough.
// The grid's directions are believed. Not seen: faces that touch the border of the grid, small children, single slabs
// of a face, pictures without skin from which one can be rendered all the same. Taken for a face: what has such a
// shape.

#include <string_view>

#include "volume/volume.h"

namespace volume {

// `threshold` as of Quality: what is above is no air. `body_part` as DICOM calls it, "" when unknown: of a part that is
// no head, and of modalities other than CT, MR and unknown, there is no face. Pure, safe from many threads.
bool face_possible(const Volume& image, std::string_view modality, std::string_view body_part, double threshold);

}  // namespace volume
