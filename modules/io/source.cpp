#include "io/source.h"

#include "core/hash.h"
#include "io/file_index.h"
#include "io/file_walk.h"
#include "io/reject.h"

namespace io {
namespace {

void require_there(const Entry& entry, const std::filesystem::path& file) {
  std::error_code unreadable;
  if (std::filesystem::exists(file, unreadable)) return;
  throw reject("FILE_MISSING", (entry.is_series ? "a file of the series" : file.filename().string()) + " is not there",
               "check the path in the table, or copy the file");
}

// All that load() opens.
std::vector<std::filesystem::path> opened_files(const Entry& entry, const Cohort& cohort) {
  std::vector<std::filesystem::path> files = with_files(entry, cohort).files;
  for (const Attachment& one : entry.attached) files.push_back(one.file);
  return files;
}

}  // namespace

Entry with_files(const Entry& entry, const Cohort& cohort) {
  Entry whole = entry;
  if (entry.is_series && entry.files.empty() && cohort.index) whole.files = cohort.index->files_of(entry.id);
  return whole;
}

std::string source_hash(const Entry& entry, const Cohort& cohort) {
  core::Sha256 hash;
  const auto text = [&](const std::string& word) { hash.update(std::to_string(word.size()) + ":" + word); };
  text(entry.id);
  for (const ChannelFile& channel : entry.channels) {
    text(channel.name);
    text(channel.modality);
    text(channel.path.empty() ? "absent" : "there");
  }
  text(entry.label ? "label" : "");
  core::with_context("case " + entry.id, [&] {
    for (const std::filesystem::path& file : opened_files(entry, cohort)) {
      require_there(entry, file);
      text(cohort.index ? cohort.index->sha256_hex(file) : core::sha256_file_hex(file));
    }
  });
  for (const std::string& group : {entry.groups.patient, entry.groups.site, entry.groups.vendor}) text(group);
  for (const auto& [name, value] : entry.scalars) text(name + "=" + std::to_string(value));
  for (const auto& [name, value] : entry.facts) text(name + "=" + value);
  text(entry.report);
  return hash.hex();
}

std::string source_stamp(const Entry& entry, const Cohort& cohort) {
  core::Sha256 hash;
  core::with_context("case " + entry.id, [&] {
    for (const std::filesystem::path& path : opened_files(entry, cohort)) {
      require_there(entry, path);
      const WalkedFile file = file_at(path);
      hash.update(std::to_string(file.size_bytes) + " " + std::to_string(file.changed_ns) + "\n");
    }
  });
  return hash.hex();
}

}  // namespace io
