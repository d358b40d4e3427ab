// A folder of DICOM files in any arrangement: one volume a case, patients kept apart. A series that makes no volume
// and a damaged file become cases that fail with their code; what is no image is counted in a note.
#include "io/dicom.h"

#include "core/parallel.h"
#include "io/file_index.h"
#include "io/layout.h"
#include "io/reading.h"
#include "io/reject.h"

namespace io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtOnce = 256;  // series

Entry of_series(const DicomSeries& series) {
  Entry entry;
  entry.id = series.id;
  entry.keys = series.keys;
  entry.groups = {series.patient, series.site, series.vendor};
  entry.is_series = true;
  entry.only = series.only;
  entry.facts = series.facts;
  return entry;
}

Entry of_damage(const DicomDamage& damage, const fs::path& root, const DeidKey& key) {
  Entry entry;
  entry.id = key.pseudonym('d', damage.file.lexically_relative(root).generic_string());
  entry.files = {damage.file};
  entry.refused = damage.why;
  return entry;
}

// A series that may hold several volumes is parted, many at once.
void add_volumes(Cohort& cohort, const std::vector<DicomSeries>& series, int threads, Reading& reading) {
  for (std::size_t begin = 0; begin < series.size(); begin += kAtOnce) {
    const std::size_t count = std::min(kAtOnce, series.size() - begin);
    std::vector<std::vector<DicomSeries>> volumes(count);
    core::parallel_for(static_cast<std::int64_t>(count), threads, [&](std::int64_t i) {
      DicomSeries one = series[begin + static_cast<std::size_t>(i)];
      if (one.several) one.files = cohort.index->files_of(one.id);
      volumes[static_cast<std::size_t>(i)] = reading.volumes_of(one);
    });
    for (const std::vector<DicomSeries>& parts : volumes) {
      for (const DicomSeries& one : parts) {
        if (parts.size() > 1) cohort.index->keep_volume(one.id, one.files);
        cohort.entries.push_back(of_series(one));
      }
    }
  }
}

// File names may hold a patient's: messages tell the case alone, and the link table where its first file lies.
void link_to_files(Cohort& cohort, const fs::path& root) {
  for (const Entry& entry : cohort.entries) {
    const fs::path file = entry.refused ? entry.files.front() : cohort.index->first_file_of(entry.id);
    cohort.links.emplace(entry.id, DeidLink{"File", file.lexically_relative(root).generic_string(), ""});
  }
}

Cohort find(const fs::path& path, const LayoutOptions& options) {
  Reading& reading = options.reading != nullptr ? *options.reading : in_process();
  DicomScan scan = scan_dicom(path, {options.threads, &reading, options.key, options.index});
  const fs::path root = fs::absolute(path);
  Cohort cohort;
  cohort.index = scan.index;
  add_volumes(cohort, scan.series, options.threads, reading);
  for (const DicomDamage& damage : scan.damaged) cohort.entries.push_back(of_damage(damage, root, options.key));
  cohort.links = std::move(scan.links);
  join_attached(scan.attached, root, options, cohort);
  link_to_files(cohort, root);
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
