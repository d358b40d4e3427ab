#pragma once
// What is common to segmentations, structure sets and reports: which they are, which images they name. Includes DCMTK:
// for .cpp files only.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "core/error.h"
#include "io/attachment.h"
#include "io/class_names.h"
#include "io/deidentify_key.h"
#include "io/dicom_attributes.h"

namespace io {

// By SOPClassUID; kNone for all that is not read (dose reports, key objects, plans ...).
AttachedKind attached_kind(const std::string& sop_class);
inline bool is_label(AttachedKind kind) {
  return kind == AttachedKind::kSegmentation || kind == AttachedKind::kStructures;
}

// What the header of such an object tells; its text is UTF-8 afterwards. Classes are left empty where the object is
// damaged: reading it then tells why. Throws nothing for bad objects.
AttachedLook look_at_attached(DicomFile& file, AttachedKind kind, const DeidKey& key);

// Pseudonyms of the images that it names.
std::set<std::string> instances_named(const Attributes& from, AttachedKind kind, const DeidKey& key);

// Classes by the numbers of segments, or of regions of interest with a closed contour; nothing for a name that must not
// be kept. Throw Error [LABEL_OBJECT].
std::map<std::int64_t, std::optional<std::size_t>> segments_in(const Attributes& from, ClassNames& names);
std::map<std::int64_t, std::optional<std::size_t>> structures_in(const Attributes& from, ClassNames& names);

// True for a contour that encloses something (PS3.3 C.8.8.6.2).
bool is_closed(const Attributes& contour);

core::Error damaged_label(const std::string& what);

}  // namespace io
