#include "io/reading.h"

#include <array>

#include "io/format.h"

namespace io {
namespace {

FileLook look(const std::filesystem::path& file, const DeidKey& key) {
  FileLook found;
  try {
    found.who = read_identity(file, key);
    if (found.who.image)
      found.kind = FileLook::Kind::kImage;
    else if (found.who.attached.kind != AttachedKind::kNone)
      found.kind = FileLook::Kind::kAttached;
  } catch (const core::Error& error) {
    const bool named = has_extension(file, std::array<std::string_view, 2>{".dcm", ".ima"});
    if (reason_of(error) == "NOT_DICOM" && !named) return found;
    found.kind = FileLook::Kind::kDamaged;
    found.why = refusal_of(error);
  }
  return found;
}

class InProcess final : public Reading {
 public:
  volume::Case load(const Entry& entry, const Cohort& cohort) override { return io::load(entry, cohort); }
  std::vector<FileLook> look_at(std::span<const std::filesystem::path> files, const DeidKey& key) override {
    std::vector<FileLook> looks;
    looks.reserve(files.size());
    for (const std::filesystem::path& file : files) looks.push_back(look(file, key));
    return looks;
  }
  std::vector<DicomSeries> volumes_of(const DicomSeries& series) override { return io::volumes_of(series); }
  std::vector<std::string> require_no_text(const std::filesystem::path& object) override {
    return io::require_no_text(object);
  }
};

}  // namespace

Reading& in_process() {
  static InProcess reading;
  return reading;
}

}  // namespace io
