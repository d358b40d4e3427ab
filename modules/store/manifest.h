#pragma once
// STORE/manifest.json: the only file that says what belongs to a store. One line a case, so that a person can look;
// the last entry is the SHA-256 of all before it, so that a damaged or hand-edited one is noticed.

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "store/summary.h"

namespace store {

inline constexpr int kStoreVersion = 2;
inline constexpr std::size_t kLargestManifest = std::size_t{4} << 30;  // bytes; a larger one is not read

struct Manifest {
  struct Shard {
    std::string file;  // "shard-0000.h5", in STORE/shards
    std::int64_t size_bytes = 0;
    std::string sha256;
  };
  struct Entry {
    CaseSummary summary;
    std::int64_t shard = 0;
    std::string group;  // of the shard: "/case-00000"
  };
  std::map<int, std::string> label_names;
  std::string plan_yaml;
  std::string names_key;  // tells which secret key the names of patients were made with, and not the key; or empty
  std::vector<Shard> shards;
  std::vector<Entry> cases;
};

// What a person calls the store: the folder's own name, whether its path ends with a slash or not.
std::string store_name(const std::filesystem::path& folder);
std::filesystem::path manifest_path(const std::filesystem::path& folder);
std::filesystem::path shard_path(const std::filesystem::path& folder, const std::string& file);
std::string shard_name(std::size_t number);  // "shard-0012.h5"

std::string manifest_text(const Manifest& manifest);
// Throws Error when the text is damaged, no manifest, or of a newer version.
Manifest manifest_from(std::string_view text);

// One case as JSON, numbers exact to the last bit.
std::string summary_text(const CaseSummary& summary);

// A text that is not UTF-8 could be written but never read again. Throw Error naming which text it is.
void require_utf8(const CaseSummary& summary);
void require_utf8(const std::string& text, const std::string& what);

}  // namespace store
