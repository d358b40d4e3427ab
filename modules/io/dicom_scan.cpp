// io::scan_dicom: which files are of which series, by their headers alone.
#include <algorithm>
#include <map>
#include <set>

#include "core/parallel.h"
#include "core/progress.h"
#include "io/dicom.h"
#include "io/dicom_header.h"
#include "io/reading.h"

namespace io {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kAtOnce = 1024;  // identities held before they are sorted into series
constexpr std::size_t kAtATime = 32;   // of them handed to one thread or process
constexpr int kFirstFiles = 64;        // looked at to tell what a folder is

std::vector<fs::path> files_below(const fs::path& folder, WalkCounts& counts) {
  FileWalk walk(folder);
  std::vector<fs::path> files;
  while (auto file = walk.next()) files.push_back(std::move(file->path));
  counts = walk.counts();
  std::sort(files.begin(), files.end());
  return files;
}

// A damaged file in a folder of one series is taken for a slice of it: the series is refused rather than read without.
void give_to_their_series(DicomScan& scan) {
  std::map<fs::path, std::set<std::size_t>> near;
  for (const DicomDamage& damage : scan.damaged) near[damage.file.parent_path()];
  if (near.empty()) return;
  for (std::size_t i = 0; i < scan.series.size(); ++i) {
    for (const fs::path& file : scan.series[i].files) {
      const auto there = near.find(file.parent_path());
      if (there != near.end()) there->second.insert(i);
    }
  }
  std::erase_if(scan.damaged, [&](const DicomDamage& damage) {
    const std::set<std::size_t>& series = near[damage.file.parent_path()];
    if (damage.why.code == "NOT_DICOM" || series.size() != 1) return false;
    std::vector<fs::path>& files = scan.series[*series.begin()].files;
    files.insert(std::upper_bound(files.begin(), files.end(), damage.file), damage.file);
    return true;
  });
}

}  // namespace

DicomScan scan_dicom(const fs::path& folder, int threads, Reading* reading, const DeidKey& key) {
  Reading& reader = reading != nullptr ? *reading : in_process();
  DicomScan scan;
  const std::vector<fs::path> files = files_below(folder, scan.walked);
  std::map<std::string, std::size_t> places;
  std::vector<std::set<std::uint64_t>> taken;  // places of each series' slices
  core::Progress progress("look at headers", "files", static_cast<std::int64_t>(files.size()),
                          files.size() < kAtOnce ? core::Progress::Style::kSilent : core::Progress::Style::kAuto);
  for (std::size_t begin = 0; begin < files.size(); begin += kAtOnce) {
    std::vector<FileLook> looks(std::min(kAtOnce, files.size() - begin));
    const std::size_t groups = (looks.size() + kAtATime - 1) / kAtATime;
    core::parallel_for(static_cast<std::int64_t>(groups), threads, [&](std::int64_t group) {
      const std::size_t first = static_cast<std::size_t>(group) * kAtATime;
      const std::size_t count = std::min(kAtATime, looks.size() - first);
      std::vector<FileLook> seen = reader.look_at(std::span(files).subspan(begin + first, count), key);
      std::move(seen.begin(), seen.end(), looks.begin() + static_cast<std::ptrdiff_t>(first));
      progress.advance(static_cast<std::int64_t>(count));
    });
    for (std::size_t i = 0; i < looks.size(); ++i) {
      FileLook& one = looks[i];
      const fs::path& file = files[begin + i];
      if (one.kind == FileLook::Kind::kOther) ++scan.others;
      if (one.kind == FileLook::Kind::kDamaged) scan.damaged.push_back({file, one.why});
      if (one.kind != FileLook::Kind::kImage) continue;
      scan.links.emplace(one.who.patient, one.who.patient_link);
      if (!one.who.site.empty()) scan.links.emplace(one.who.site, one.who.site_link);
      const auto [there, added] = places.emplace(one.who.series, scan.series.size());
      if (added) {
        DicomSeries& fresh = scan.series.emplace_back();
        fresh.id = one.who.series;
        fresh.patient = one.who.patient;
        fresh.modality = one.who.modality;
        fresh.site = one.who.site;
        fresh.vendor = one.who.vendor;
        fresh.keys = one.who.keys;
        taken.emplace_back();
      }
      DicomSeries& series = scan.series[there->second];
      series.files.push_back(file);
      series.several =
          series.several || one.who.many || (one.who.place != 0 && !taken[there->second].insert(one.who.place).second);
    }
  }
  give_to_their_series(scan);
  return scan;
}

bool looks_like_dicom(const fs::path& path) {
  if (!fs::is_directory(path)) return fs::is_regular_file(path) && has_dicom_magic(path);
  FileWalk walk(path);
  for (int looked = 0; looked < kFirstFiles; ++looked) {
    const auto file = walk.next();
    if (!file) break;
    if (has_dicom_magic(file->path)) return true;
  }
  return false;
}

}  // namespace io
