// io::scan_dicom: which files are of which series, by their headers alone.
#include <algorithm>
#include <optional>

#include "core/parallel.h"
#include "core/progress.h"
#include "io/dicom.h"
#include "io/dicom_header.h"
#include "io/file_index.h"
#include "io/reading.h"

namespace io {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kAtOnce = 1024;  // files held before what they tell comes into the index
constexpr std::size_t kAtATime = 32;    // of them handed to one thread or process
constexpr int kFirstFiles = 64;         // looked at to tell what a folder is

std::vector<FileLook> looks_at(std::span<const WalkedFile> files, const ScanOptions& options) {
  Reading& reading = options.reading != nullptr ? *options.reading : in_process();
  std::vector<fs::path> paths;
  for (const WalkedFile& file : files) paths.push_back(file.path);
  std::vector<FileLook> looks(files.size());
  const std::size_t groups = (files.size() + kAtATime - 1) / kAtATime;
  core::parallel_for(static_cast<std::int64_t>(groups), options.threads, [&](std::int64_t group) {
    const std::size_t first = static_cast<std::size_t>(group) * kAtATime;
    const std::size_t count = std::min(kAtATime, files.size() - first);
    std::vector<FileLook> seen = reading.look_at(std::span(paths).subspan(first, count), options.key);
    std::move(seen.begin(), seen.end(), looks.begin() + static_cast<std::ptrdiff_t>(first));
  });
  return looks;
}

WalkCounts walk(const fs::path& folder, FileIndex& index, const ScanOptions& options) {
  FileWalk walk(folder);
  std::optional<core::Progress> progress;  // of what takes a while
  std::vector<WalkedFile> unknown;
  const auto look = [&] {
    index.add(unknown, looks_at(unknown, options));
    unknown.clear();
  };
  while (auto file = walk.next()) {
    const std::int64_t files = walk.counts().files;
    if (files == kAtOnce) progress.emplace("look at headers", "files", 0).advance(files);
    if (files > kAtOnce) progress->advance();
    if (index.meet(*file)) continue;
    unknown.push_back(std::move(*file));
    if (unknown.size() == static_cast<std::size_t>(kAtOnce)) look();
  }
  look();
  return walk.counts();
}

}  // namespace

DicomScan scan_dicom(const fs::path& folder, const ScanOptions& options) {
  DicomScan scan;
  scan.index = options.index ? options.index : std::make_shared<FileIndex>();
  scan.index->begin_walk(options.key);
  scan.walked = walk(folder, *scan.index, options);
  scan.index->end_walk();
  scan.series = scan.index->series();
  scan.damaged = scan.index->damaged();
  scan.attached = scan.index->attached();
  scan.others = scan.index->others();
  scan.links = scan.index->links();
  return scan;
}

std::vector<DicomSeries> whole_series(const DicomScan& scan) {
  std::vector<DicomSeries> all = scan.series;
  for (DicomSeries& one : all) one.files = scan.index->files_of(one.id);
  return all;
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
