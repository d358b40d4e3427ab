#pragma once
// A shard: one HDF5 file that holds the arrays of several cases.
//
//   /case-00000/summary      the case as JSON, so that a shard can be understood without its manifest
//   /case-00000/channel-0    {D, H, W}, the voxel's own type; one for every channel that is present
//   /case-00000/labels       {D, H, W}, uint8 or uint16
//   /case-00000/locations-3  {1, N, 3}, int32: voxels {d, h, w} that show class 3
//
// All but the summary are chunked, each chunk packed as in chunk.h.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "store/chunk.h"
#include "store/summary.h"
#include "volume/volume.h"

namespace store {

std::string channel_array(std::int64_t channel);  // "channel-0"
std::string locations_array(int label);           // "locations-3"
inline const std::string kLabelsArray = "labels";

struct PackedArray {
  std::string name;
  volume::Shape shape;
  volume::VoxelType type;
  std::vector<PackedChunk> chunks;  // in C order of the chunk grid
};

// `bytes` are the array's voxels in C order.
PackedArray pack_array(std::string name, const volume::Shape& shape, volume::VoxelType type,
                       std::span<const std::byte> bytes, int level);

struct PackedCase {
  CaseSummary summary;
  std::vector<PackedArray> arrays;
  std::int64_t size_bytes() const;
};

// Checks and packs; `summary.hash` is filled. The source hash is the caller's. Throws Error as Writer::add tells.
PackedCase pack_case(const volume::Case& one, const std::map<int, std::string>& label_names,
                     const ClassLocations* locations, int level);

// A shard that grows in memory. Not safe between threads; HDF5 is called under its lock.
class ShardBuilder {
 public:
  ShardBuilder();
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
    std::uint64_t offset = 0, size = 0;
    std::uint32_t left_out = 0;
  };
  volume::Shape shape, chunk;
  volume::VoxelType type = volume::VoxelType::kFloat32;
  std::vector<Place> places;  // in C order of the chunk grid
};

// Opens the shard, reads the tables of one case and closes it. Throws Error when that is not possible.
std::map<std::string, ArrayTable> read_tables(const std::filesystem::path& shard, const std::string& group);

// The box of an array into `out` (C order, width fastest). The box lies inside. Safe from many threads. Throws Error on
// damage.
void read_box(const std::filesystem::path& shard, const ArrayTable& table, const Box& box, std::span<std::byte> out);

}  // namespace store
