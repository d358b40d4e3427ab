#pragma once
// Who reads files that may be damaged or hostile: this process, or processes of their own that may die of them
// (worker_pool.h). Both give the same cases, bit for bit, and the same errors. Safe from many threads.

#include <filesystem>
#include <span>
#include <vector>

#include "io/dicom.h"
#include "io/dicom_header.h"
#include "io/layout.h"

namespace io {

// What a file is, by its header alone.
struct FileLook {
  enum class Kind { kOther, kImage, kDamaged, kAttached } kind = Kind::kOther;
  DicomIdentity who;  // of an image, or of what belongs to one
  Refusal why;        // of a damaged one
};

class Reading {
 public:
  virtual ~Reading() = default;
  // As io::load.
  virtual volume::Case load(const Entry& entry, const Cohort& cohort) = 0;
  // One look for each file, in their order. Throws nothing for bad files.
  virtual std::vector<FileLook> look_at(std::span<const std::filesystem::path> files,
                                        const DeidKey& key = DeidKey::known_to_all()) = 0;
  // As io::volumes_of.
  virtual std::vector<DicomSeries> volumes_of(const DicomSeries& series) = 0;
  // As io::require_no_text.
  virtual std::vector<std::string> require_no_text(const std::filesystem::path& object) = 0;
};

// The reading of this process; lives as long as it.
Reading& in_process();

}  // namespace io
