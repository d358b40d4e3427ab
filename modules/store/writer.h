#pragma once
// Adds cases to a store, so that at any moment what was committed is whole and nothing else can be seen.
//
// Cases gather in memory, packed (chunk.h); a full shard, or commit(), is published: the shard under a temporary name,
// fsynced, renamed, then manifest.json replaced in the same way. Killed at any moment, the store is as after the last
// publication; the next Writer sweeps what is left over. One Writer a folder at a time: a second is refused (a lock
// that ends with the process).
//
// Memory: the packed bytes of one shard, and of the case being added in each thread.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "store/chunk.h"
#include "store/lock.h"
#include "store/summary.h"
#include "volume/case.h"

namespace store {

struct WriterOptions {
  std::map<int, std::string> label_names;  // class -> name; when not empty, a label map may hold no other class than 0
  std::string plan_yaml;                   // kept in the manifest of a prepared store
  std::string names_key;  // of a raw store: tells which secret key its names were made with; see Manifest
  std::int64_t cases_per_shard = 256;
  std::int64_t bytes_per_shard = std::int64_t{128} << 20;  // packed; one case may be larger
  Layout layout = {};
};

class Writer {
 public:
  // Makes the folder, or goes on with the store that is there. Throws Error when another Writer is at work, the folder
  // holds something else or shards that its manifest does not name (nothing of another's is ever removed), or the store
  // there has other label names, another plan or names made with another key (empty options take the store's).
  explicit Writer(std::filesystem::path folder, WriterOptions options = {});
  explicit Writer(Lock lock, WriterOptions options = {});  // the same, of a folder that is this process's already
  ~Writer();                                               // what was not committed is dropped
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  // True when the case is there (committed or gathered) and was made from this source.
  bool has(const std::string& id, const std::string& source_hash) const;
  std::int64_t size() const;  // cases, gathered ones counted

  // Keeps the voxels' own width; a label map becomes uint8 or uint16. `locations` default to 1000 voxels a class, drawn
  // by the case's id. Safe from many threads, which pack side by side; what is kept does not depend on their order.
  // Throws Error, and keeps nothing of the case: it contradicts itself (Case::check), its id is there already, a label
  // value is not declared, a scalar is not finite. When the disk is full, the Error says so, the gathered cases are
  // dropped, the store is as after the last publication and every later call throws the same.
  void add(const volume::Case& one, const std::string& source_hash = "",
           const std::optional<ClassLocations>& locations = std::nullopt);

  // Publishes what was added. Without anything added it publishes an empty store, or does nothing. Throws as add().
  void commit();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace store
