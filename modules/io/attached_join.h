#pragma once
// Segmentations, structure sets and reports of an archive joined to the cases of the series they name.

#include <filesystem>
#include <string>
#include <vector>

#include "io/attachment.h"
#include "io/deidentify_key.h"

namespace io {

struct Cohort;
struct LayoutOptions;

// Such an object as a scan finds it.
struct DicomAttached {
  std::filesystem::path file;
  AttachedLook look;
  std::vector<std::string> keys;  // hashed_keys() of its header (join.h)
};

// Fills Entry::attached of the cohort's series, whose ids begin with the series' pseudonym, and cohort.label_names: the
// names of classes over all objects, in the order of small letters, from 1. An object that names no series belongs to
// the one series of its study. What belongs to no series here, or to another patient's, is: of a label object a case
// that fails ([LABEL_WITHOUT_IMAGE], [PATIENT_MISMATCH]), of reports a note of the cohort. Each object gets a name,
// which cohort.links has. `root` is the folder that file names are told relative to.
void join_attached(const std::vector<DicomAttached>& attached, const std::filesystem::path& root,
                   const LayoutOptions& options, Cohort& cohort);

}  // namespace io
