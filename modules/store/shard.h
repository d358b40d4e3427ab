#pragma once
// A shard: one HDF5 file that holds the arrays of several cases.
//
//   /case-00000/summary      the case as JSON, so that a shard can be understood without its manifest
//   /case-00000/channel-0    {D, H, W}, the voxel's own type; one for every channel that is present
//   /case-00000/labels       {D, H, W}, uint8 or uint16
//   /case-00000/locations-3  {1, N, 3}, int32: voxels {d, h, w} that show class 3
//   /case-00000/checksums    a group: of each of these arrays, {N} uint64, a checksum a chunk as it lies in the file
//
// The arrays are chunked, each chunk as in chunk.h, in C order of the chunk grid. Of the raw tier every chunk begins at
// a page of the file.

#include <atomic>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/chunk.h"
#include "store/chunk_cache.h"
#include "store/open_files.h"
#include "store/summary.h"
#include "volume/volume.h"

namespace store {

std::string channel_array(std::int64_t channel);  // "channel-0"
std::string locations_array(int label);           // "locations-3"
inline const std::string kLabelsArray = "labels";

struct PackedArray {
  std::string name;
  volume::Shape shape, chunk;
  volume::VoxelType type;
  std::vector<PackedChunk> chunks;  // in C order of the chunk grid
};

// `bytes` are the array's voxels in C order.
PackedArray pack_array(std::string name, const volume::Shape& shape, volume::VoxelType type,
                       std::span<const std::byte> bytes, const Layout& layout);

struct PackedCase {
  CaseSummary summary;
  std::vector<PackedArray> arrays;
  std::int64_t size_bytes() const;
};

// Checks and packs; `summary.hash` is filled. The source hash is the caller's. Throws Error as Writer::add tells.
PackedCase pack_case(const volume::Case& one, const std::map<int, std::string>& label_names,
                     const ClassLocations* locations, const Layout& layout);

// A shard that grows in memory; of one tier. Not safe between threads; HDF5 is called under its lock.
class ShardBuilder {
 public:
  explicit ShardBuilder(const Layout& layout);
  ~ShardBuilder();
  std::string add(const PackedCase& one);  // returns the case's group
  std::int64_t cases() const;
  std::int64_t size_bytes() const;  // of the packed arrays
  // Ends the building. The bytes of the file, valid as long as the builder.
  std::span<const std::byte> finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Where the chunks of an array lie in the shard's file.
struct ArrayTable {
  struct Place {
    std::uint64_t offset = 0, size = 0, checksum = 0;
    std::uint32_t left_out = 0;
  };
  std::uint32_t number = 0;  // among the arrays of the case
  volume::Shape shape, chunk;
  volume::VoxelType type = volume::VoxelType::kFloat32;
  std::vector<Place> places;                              // in C order of the chunk grid
  mutable std::unique_ptr<std::atomic<bool>[]> compared;  // by chunk: with its checksum, since the table was read
};

// Reads the tables of one case. Throws Error when that is not possible.
std::map<std::string, ArrayTable> read_tables(const std::filesystem::path& shard, const std::string& group);

// How chunks are read: `cache` may be null; its keys name this case.
struct ChunkReading {
  Verify verify = Verify::kFirst;
  ChunkCache* cache = nullptr;
  std::int64_t case_index = 0;
};

// The box of an array into `out` (C order, width fastest). The box lies inside. Safe from many threads. Throws Error on
// damage.
void read_box(const ReadOnlyFile& shard, const ArrayTable& table, const Box& box, const ChunkReading& reading,
              std::span<std::byte> out);

// Tells the kernel to fetch the chunks of the box from the disk meanwhile.
void will_need(const ReadOnlyFile& shard, const ArrayTable& table, const Box& box);

}  // namespace store
