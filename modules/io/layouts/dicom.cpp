// A folder of DICOM files in any arrangement: one series a case, patients kept apart. A series that makes no volume
// and a damaged file become cases that fail with their code; what is no image is counted in a note.
#include "io/dicom.h"

#include "io/dicom_toolkit.h"
#include "io/layout.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;

volume::Case as_case(const std::vector<fs::path>& files) {
  DicomVolume read = read_dicom(files);
  volume::Case one;
  one.channels.push_back({"image", read.modality, std::move(read.image)});
  one.groups = std::move(read.groups);
  one.notes = std::move(read.notes);
  return one;
}

Entry of_series(const DicomSeries& series) {
  Entry entry;
  entry.id = series.id;
  entry.groups = {series.patient, series.site, series.vendor};
  entry.files = series.files;
  entry.open = [files = series.files] { return as_case(files); };
  return entry;
}

Entry of_damage(const DicomDamage& damage, const fs::path& root) {
  Entry entry;
  entry.id = pseudonym('d', damage.file.lexically_relative(root).generic_string());
  entry.files = {damage.file};
  entry.open = [damage]() -> volume::Case {
    throw reject(damage.code, damage.story, damage.hint).within("file " + damage.file.filename().string());
  };
  return entry;
}

Cohort find(const fs::path& path, const LayoutOptions& options) {
  const DicomScan scan = scan_dicom(path, options.threads);
  Cohort cohort;
  for (const DicomSeries& series : scan.series) cohort.entries.push_back(of_series(series));
  for (const DicomDamage& damage : scan.damaged) cohort.entries.push_back(of_damage(damage, path));
  if (scan.others > 0)
    cohort.notes.push_back(std::to_string(scan.others) + " files are no DICOM images and are passed over");
  return cohort;
}

}  // namespace

extern const Layout dicom_layout;
const Layout dicom_layout{"dicom", looks_like_dicom, find};

}  // namespace io
