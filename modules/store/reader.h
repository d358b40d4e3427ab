#pragma once
// Cases kept in a folder: manifest.json and shards/shard-0000.h5, shard-0001.h5, ... written by store::Writer.
//
// Shapes and boxes are {D, H, W}; geometry is LPS millimetres. A reader sees what was committed when it was made; it
// holds a few shards open and its memory is bounded, however many cases there are. Safe to share between threads;
// chunks are read and unpacked side by side, only the look-up of where a case's chunks lie is one at a time (the HDF5
// library is not made for threads).
//
// Every shard is compared with the SHA-256 of the manifest when its first case is read, and chunks with their checksums
// (chunk.h) as `verify` tells. What does not match is an Error that names the case.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/chunk.h"
#include "store/summary.h"
#include "volume/case.h"

namespace store {

struct ReaderOptions {
  // Read every shard once in full before its first case is given. Without it damage is still found, but chunk by chunk.
  bool verify_shards = true;
  Verify verify = Verify::kFirst;  // of chunks; "first" may come again for a case that was not read for long
  std::int64_t cache_bytes = 0;    // room for chunks of the compressed tier, kept unpacked
};

class Reader {
 public:
  // Throws Error when there is no store, it is damaged, or a newer gadolin wrote it.
  explicit Reader(std::filesystem::path folder, ReaderOptions options = {});
  ~Reader();
  Reader(Reader&&) noexcept;
  Reader& operator=(Reader&&) noexcept;

  // Cases are counted in the order of their ids, byte by byte, whatever order they were added in.
  std::int64_t size() const;
  const CaseSummary& summary(std::int64_t index) const;
  std::optional<std::int64_t> find(const std::string& id) const;
  Box whole(std::int64_t index) const;

  // The box of one channel in its own voxel type, its geometry moved to the box; touches only the chunks of the box.
  // Throws Error when the box is empty or reaches out of the grid, when the case lacks the channel, or on damage.
  volume::Volume read(std::int64_t index, std::int64_t channel, const Box& box) const;
  // The same of the label map, uint8 or uint16. Throws Error when the case has none.
  volume::Volume read_labels(std::int64_t index, const Box& box) const;
  // Everything of a case.
  volume::Case load(std::int64_t index) const;
  // Tells the kernel to fetch the box of a channel (of the label map: kLabels) from the disk meanwhile; a read() of it
  // soon afterwards waits less. Does nothing for a channel that is absent. Throws Error when the shard is damaged.
  static constexpr std::int64_t kLabels = -1;
  void prefetch(std::int64_t index, std::int64_t channel, const Box& box) const;
  // A sample of the voxels of this class, empty when the case does not show it.
  std::vector<std::array<std::int32_t, 3>> class_locations(std::int64_t index, int label) const;

  std::int64_t size_bytes() const;  // of all shards
  std::string plan_yaml() const;    // how the cases were prepared; empty for a raw store
  std::string names_key() const;    // see Manifest
  std::string data_hash() const;    // SHA-256 over ids and hashes of all cases; whatever the sharding
  const std::map<int, std::string>& label_names() const;
  const std::filesystem::path& folder() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace store
