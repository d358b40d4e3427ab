// A folder of DICOM files in any arrangement: one volume a case, patients kept apart. A series that makes no volume
// and a damaged file become cases that fail with their code; what is no image is counted in a note.
#include "io/dicom.h"

#include "io/layout.h"
#include "io/reading.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;

Entry of_series(const DicomSeries& series) {
  Entry entry;
  entry.id = series.id;
  entry.keys = series.keys;
  entry.groups = {series.patient, series.site, series.vendor};
  entry.files = series.files;
  entry.is_series = true;
  entry.only = series.only;
  entry.facts = series.facts;
  return entry;
}

Entry of_damage(const DicomDamage& damage, const fs::path& root, const DeidKey& key) {
  Entry entry;
  entry.id = key.pseudonym('d', damage.file.lexically_relative(root).generic_string());
  entry.files = {damage.file};
  entry.refused =
      Refusal{damage.why.code, "file " + damage.file.filename().string() + ": " + damage.why.story, damage.why.hint};
  return entry;
}

Cohort find(const fs::path& path, const LayoutOptions& options) {
  Reading& reading = options.reading != nullptr ? *options.reading : in_process();
  DicomScan scan = scan_dicom(path, options.threads, &reading, options.key);
  Cohort cohort;
  for (const DicomSeries& series : scan.series) {
    for (const DicomSeries& one : reading.volumes_of(series)) cohort.entries.push_back(of_series(one));
  }
  for (const DicomDamage& damage : scan.damaged) cohort.entries.push_back(of_damage(damage, path, options.key));
  cohort.links = std::move(scan.links);
  if (scan.others > 0)
    cohort.notes.push_back(std::to_string(scan.others) + " files are no DICOM images and are passed over");
  const auto note = [&](std::int64_t count, const char* what) {
    if (count > 0) cohort.notes.push_back(std::to_string(count) + what);
  };
  note(scan.walked.unreadable, " folders or names could not be looked at: may this user read them?");
  note(scan.walked.links, " links to folders are not followed; name what they lead to as a source of its own");
  note(scan.walked.special, " sockets, pipes or devices are passed over");
  note(scan.walked.too_deep, " folders lie more than 256 deep and are passed over");
  return cohort;
}

}  // namespace

extern const Layout dicom_layout;
const Layout dicom_layout{"dicom", looks_like_dicom, find};

}  // namespace io
