#pragma once
// Where the key and the link table of a store lie, and that a store goes on with the key it was begun with.
//
// Without --deid-key the key of STORE is STORE.key beside it, made with the first run; the link table is the key's name
// with .links.csv. So neither ever lies in the store, which may be given away.

#include <filesystem>
#include <string>

#include "io/deidentify_key.h"
#include "io/deidentify_links.h"

namespace pipelines {

// The folder itself counts as within it; links are followed.
bool lies_within(const std::filesystem::path& path, const std::filesystem::path& folder);

// "/out/a.store/" -> "/out/a.store.key". Throws usage Error for a folder that has nothing beside it.
std::filesystem::path beside_store(const std::filesystem::path& store, const std::string& ending);

class DeidNames {
 public:
  // `target`: the store, or the folder that deidentify writes. `key_file`: of --deid-key, "" = beside the target.
  // `fingerprint`: of the key that the target was begun with, "" for a new one. Writes nothing. Throws usage Error
  // where that key is not there or is another one: it is never replaced by a new one.
  DeidNames(const std::filesystem::path& target, const std::string& key_file, const std::string& fingerprint);
  // For what writes nothing: a key of this run alone.
  DeidNames();

  const io::DeidKey& key() const { return key_; }
  const std::filesystem::path& links_file() const { return links_file_; }

  static std::string how_to_make_one();  // for a hint

  // Puts a new key where it belongs, then the links. Before any name made with it is kept. Throws Error.
  void keep(const io::DeidLinks& links);

 private:
  std::filesystem::path key_file_, links_file_;
  io::DeidKey key_ = io::DeidKey::random();
  bool is_new_ = false;
};

}  // namespace pipelines
