#pragma once
// What lies in an archive beside images and belongs to them: segmentations (PS3.3 A.51), structure sets of radiotherapy
// (A.19) and reports (A.35: basic text, enhanced, comprehensive). Plain values that can be sent to another process.

#include <filesystem>
#include <string>
#include <vector>

namespace io {

enum class AttachedKind : char { kNone, kSegmentation, kStructures, kReport };

// What the header of such an object tells.
struct AttachedLook {
  AttachedKind kind = AttachedKind::kNone;
  std::vector<std::string> refers;   // pseudonyms of the image series that it names; empty when it names none
  std::vector<std::string> classes;  // names of a label object that may be kept (class_names.h)
};

// One such object of a case.
struct Attachment {
  AttachedKind kind = AttachedKind::kNone;
  std::string name;  // what messages call it: file names may hold a patient's
  std::filesystem::path file;
  bool alone = true;   // it names no other series: what does not fit the image is a fault
  bool wanted = true;  // the person named classes: a fault refuses the case; else it costs the label map alone
};

}  // namespace io
