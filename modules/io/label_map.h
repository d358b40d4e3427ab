#pragma once
// Label objects and reports of DICOM brought to the case of the image they belong to.

#include <map>
#include <span>
#include <string>

#include "io/attachment.h"
#include "io/dicom.h"
#include "volume/case.h"

namespace io {

// Fills label_map, report and notes of the case, whose first channel is the volume `read` was. Classes are found in
// `numbers` (class -> name) by name, whatever its case; others are left out with a note. Of objects that name other
// series too those are left out, with a note, that do not lie on this image.
//
// One voxel has one class. Where classes overlap, one that lies wholly in another wins (a tumour in its organ) and it
// is noted; whatever else overlaps is refused. So nothing depends on the order of objects or segments.
//
// Where nobody asked for classes (Attachment::wanted) label objects that cannot be used cost the label map alone: note
// LABEL_UNUSABLE, fact label_unusable with the code.
//
// Throws Error "label NAME: ..." (Attachment) with a code: [GRID_MISMATCH], [FRAME_OF_REFERENCE], [LABEL_OVERLAP],
// [LABEL_TWICE] for a class that two objects have, and what is damaged.
void attach(std::span<const Attachment> attached, const DicomVolume& read, const std::map<int, std::string>& numbers,
            const DeidKey& key, volume::Case& one);

}  // namespace io
