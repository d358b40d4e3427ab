#pragma once
// What quality control keeps of every case that came in: facts, and a picture of three planes. Made while the case is
// at hand and kept in a file of the store, so that memory stays small and a run that goes on knows the cases of the
// last.

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "volume/case.h"
#include "volume/likeness.h"
#include "volume/quality.h"

namespace pipelines {

// Pseudonyms and what is free of identity alone.
struct CaseQuality {
  std::string id, source_hash;
  std::string modality, vendor, model, body_part, patient;  // empty where nothing tells
  volume::Shape shape;
  std::array<double, 3> spacing_mm{};  // {d, h, w}
  std::string orientation, voxel_type;
  std::int64_t channels = 1, bytes = 0;  // of all images, unpacked
  bool labelled = false;
  volume::Quality quality;                 // of the first image
  std::vector<std::string> notes, doubts;  // codes (io/REASONS.md)
  std::string voxels_sha256;               // of all images
  volume::Likeness likeness;
};

// Of a store: where its QualityLog lies. Logs may be joined end to end.
inline constexpr const char* kQualityFile = "qc/cases.jsonl";

CaseQuality quality_of(const volume::Case& one, const std::string& source_hash);
// The middle of the first image in three planes as PNG, labels in colour.
std::vector<std::byte> thumbnail_of(const volume::Case& one);

// A file of one line a case: JSON, a tab, the picture in base64. Lines are only added, each by one write, so a killed
// run leaves at most a line that has no end, which the next does not read. Of two lines of one case the later counts.
class QualityLog {
 public:
  // Goes on with the file, or makes it.
  explicit QualityLog(const std::filesystem::path& file);
  // A file that has no name and is gone with the object.
  QualityLog();
  ~QualityLog();
  QualityLog(const QualityLog&) = delete;
  QualityLog& operator=(const QualityLog&) = delete;

  bool has(const std::string& id, const std::string& source_hash) const;
  // Safe from many threads, as has() is. Throws Error when nothing more can be written.
  void add(const CaseQuality& one, std::span<const std::byte> thumbnail);

  // nullptr for a case that is not there. Not while others add.
  const CaseQuality* find(const std::string& id) const;
  std::vector<std::byte> thumbnail(const std::string& id) const;

 private:
  struct Line {
    CaseQuality facts;
    std::int64_t picture = 0, picture_size = 0;  // place of the base64 text in the file
  };
  void read_lines();

  int number_ = -1;  // of the open file
  std::int64_t end_ = 0;
  std::map<std::string, Line> lines_;
  mutable std::mutex mutex_;
};

}  // namespace pipelines
