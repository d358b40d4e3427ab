#include "store/merge.h"

#include <map>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "store/manifest.h"

namespace store {
namespace {

namespace fs = std::filesystem;

struct Part {
  fs::path folder;
  std::string name;
  Manifest manifest;
};

Part read_part(const fs::path& folder) {
  Part part{folder, store_name(folder), {}};
  core::with_context("store " + part.name, [&] {
    if (!fs::exists(manifest_path(folder)))
      throw core::Error("there is no manifest.json in this folder", "name the folders that gadolin ingest made");
    part.manifest = manifest_from(core::read_text(manifest_path(folder), kLargestManifest));
  });
  return part;
}

// What a store says of all its cases, or nothing while it has none.
void agree(Manifest& all, const Part& part, const Part& first) {
  if (part.manifest.cases.empty()) return;
  if (all.cases.empty()) {
    all.label_names = part.manifest.label_names;
    all.plan_yaml = part.manifest.plan_yaml;
    all.names_key = part.manifest.names_key;
    return;
  }
  const std::string both = "stores " + first.name + " and " + part.name;
  if (all.label_names != part.manifest.label_names)
    throw core::Error(both + " have other label names", "ingest both with the same --labels");
  if (all.names_key != part.manifest.names_key)
    throw core::Error(both + " were named with other keys: one patient would be two",
                      "ingest both with the same --deid-key FILE");
  if (all.plan_yaml != part.manifest.plan_yaml)
    throw core::Error(both + " were prepared with other plans", "prepare both with the same --plan");
}

void bring(const fs::path& from, const fs::path& to, const Manifest::Shard& shard) {
  std::error_code failed;
  fs::create_hard_link(from, to, failed);
  if (failed) fs::copy_file(from, to, failed);
  if (failed) throw core::Error("it cannot be copied: " + failed.message());
  if (static_cast<std::int64_t>(fs::file_size(to)) != shard.size_bytes || core::sha256_file_hex(to) != shard.sha256)
    throw core::Error("it is damaged: its checksum does not match", "make this part again from its source");
}

// Adds the part's cases and the shards that hold them.
void add_part(const Part& part, const fs::path& folder, Manifest& all, Merged& merged,
              std::map<std::string, std::pair<std::string, std::string>>& known) {
  std::map<std::int64_t, std::int64_t> shard_of;  // of the part -> of all
  for (const Manifest::Entry& entry : part.manifest.cases) {
    const auto [there, added] = known.emplace(entry.summary.id, std::pair(entry.summary.hash, part.name));
    if (!added) {
      if (there->second.first != entry.summary.hash)
        throw core::Error("case " + entry.summary.id + " is in " + there->second.second + " and in " + part.name +
                              " with other content",
                          "its source changed between the two; make one of them again");
      ++merged.doubled;
      continue;
    }
    const auto [number, first_of_shard] = shard_of.emplace(entry.shard, static_cast<std::int64_t>(all.shards.size()));
    if (first_of_shard) {
      Manifest::Shard shard = part.manifest.shards.at(static_cast<std::size_t>(entry.shard));
      const std::string own_name = shard.file;
      shard.file = shard_name(all.shards.size());
      core::with_context("store " + part.name + ": " + own_name,
                         [&] { bring(shard_path(part.folder, own_name), shard_path(folder, shard.file), shard); });
      merged.size_bytes += shard.size_bytes;
      all.shards.push_back(std::move(shard));
    }
    all.cases.push_back(entry);
    all.cases.back().shard = number->second;
  }
}

}  // namespace

Merged merge(std::span<const fs::path> parts, const fs::path& out) {
  const fs::path target = out.has_filename() ? out : out.parent_path();
  if (fs::exists(target))
    throw core::Error("store " + store_name(target) + ": it is there already", "name a folder that is to be made");
  std::vector<Part> all_parts;
  for (const fs::path& folder : parts) all_parts.push_back(read_part(folder));
  Merged merged;
  core::publish_folder(target, [&](const fs::path& folder) {
    Manifest all;
    std::map<std::string, std::pair<std::string, std::string>> known;
    fs::create_directory(shard_path(folder, "any").parent_path());
    const Part* first = nullptr;
    for (const Part& part : all_parts) {
      agree(all, part, first == nullptr ? part : *first);
      if (first == nullptr && !part.manifest.cases.empty()) first = &part;
      add_part(part, folder, all, merged, known);
    }
    core::publish_file(manifest_path(folder), manifest_text(all));
    merged.cases = static_cast<std::int64_t>(all.cases.size());
    merged.shards = static_cast<std::int64_t>(all.shards.size());
  });
  return merged;
}

}  // namespace store
