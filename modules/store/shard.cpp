#include "store/shard.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "store/chunk_walk.h"
#include "store/hdf5.h"
#include "store/manifest.h"

namespace store {
namespace {

constexpr const char* kChecksums = "checksums";
constexpr std::size_t kGrowth = std::size_t{8} << 20;

std::array<hsize_t, 3> sizes(const volume::Shape& shape) {
  return {static_cast<hsize_t>(shape.depth), static_cast<hsize_t>(shape.height), static_cast<hsize_t>(shape.width)};
}

Hdf5Handle array_layout(const PackedArray& array) {
  Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "describe an array");
  hdf5_require(H5Pset_chunk(creation, 3, sizes(array.chunk).data()), "set chunks");
  hdf5_require(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), "set fill time");
  const auto plain = [](const PackedChunk& one) { return one.left_out != 0; };
  if (std::ranges::all_of(array.chunks, plain)) return creation;
  // Version of the format, bytes of a voxel, voxels of a block, LZ4. Optional, since the library at hand may lack it.
  const std::array<unsigned, 5> about{0, 4, static_cast<unsigned>(volume::size_bytes(array.type)), kBlockVoxels,
                                      kBitshuffleLz4};
  hdf5_require(H5Pset_filter(creation, kBitshuffleFilter, H5Z_FLAG_OPTIONAL, about.size(), about.data()), "set filter");
  return creation;
}

void write_array(hid_t group, const PackedArray& array) {
  const auto extent = sizes(array.shape);
  const Hdf5Handle space(H5Screate_simple(3, extent.data(), nullptr), H5Sclose, "describe an array");
  const Hdf5Handle creation = array_layout(array);
  const Hdf5Handle set(
      H5Dcreate2(group, array.name.c_str(), hdf5_type(array.type), space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose,
      "make array " + array.name);
  const bool filtered = H5Pget_nfilters(creation) > 0;
  for_each_chunk(array.shape, array.chunk, Box{{0, 0, 0}, array.shape}, [&](std::int64_t number, const Box& box) {
    const PackedChunk& one = array.chunks[static_cast<std::size_t>(number)];
    const std::array<hsize_t, 3> at{static_cast<hsize_t>(box.begin[0]), static_cast<hsize_t>(box.begin[1]),
                                    static_cast<hsize_t>(box.begin[2])};
    hdf5_require(
        H5Dwrite_chunk(set, H5P_DEFAULT, filtered ? one.left_out : 0, at.data(), one.bytes.size(), one.bytes.data()),
        "write a chunk of " + array.name);
  });
}

void write_checksums(hid_t group, const PackedArray& array) {
  std::vector<std::uint64_t> sums;
  for (const PackedChunk& one : array.chunks) sums.push_back(one.checksum);
  const hsize_t count = sums.size();
  const Hdf5Handle space(H5Screate_simple(1, &count, nullptr), H5Sclose, "describe checksums");
  const Hdf5Handle set(
      H5Dcreate2(group, array.name.c_str(), H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
      "make checksums");
  hdf5_require(H5Dwrite(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, sums.data()), "write checksums");
}

// Throws Error unless there are `count` of them.
std::vector<std::uint64_t> read_checksums(hid_t group, const std::string& name, std::size_t count) {
  const Hdf5Handle set(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose, "open the checksums of " + name);
  const Hdf5Handle space(H5Dget_space(set), H5Sclose, "read the checksums of " + name);
  if (H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(count))
    throw core::Error("array " + name + " has not a checksum for each chunk");
  std::vector<std::uint64_t> sums(count);
  hdf5_require(H5Dread(set, H5T_NATIVE_UINT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, sums.data()), "read the checksums");
  return sums;
}

void write_text(hid_t group, const char* name, const std::string& text) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "describe text");
  hdf5_require(H5Tset_size(type, text.size()), "describe text");
  hdf5_require(H5Tset_cset(type, H5T_CSET_UTF8), "describe text");
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, "describe text");
  const Hdf5Handle set(H5Dcreate2(group, name, type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
                       "make text");
  hdf5_require(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()), "write text");
}

// Whether chunks may be packed. Throws Error when something else was done to them than this module does.
bool is_packed(hid_t creation, const std::string& name) {
  const int filters = H5Pget_nfilters(creation);
  if (filters == 0) return false;
  unsigned flags = 0;
  std::array<unsigned, 8> about{};
  std::size_t count = about.size();
  if (filters != 1 ||
      H5Pget_filter2(creation, 0, &flags, &count, about.data(), 0, nullptr, nullptr) !=
          static_cast<H5Z_filter_t>(kBitshuffleFilter) ||
      count < 5 || about[4] != kBitshuffleLz4) {
    throw core::Error("array " + name + " is packed in a way that is not known");
  }
  return true;
}

ArrayTable read_table(hid_t group, hid_t checksums, const std::string& name) {
  ArrayTable table;
  const Hdf5Handle set(H5Dopen2(group, name.c_str(), H5P_DEFAULT), H5Dclose, "open array " + name);
  const Hdf5Handle space(H5Dget_space(set), H5Sclose, "read the shape of " + name);
  const Hdf5Handle creation(H5Dget_create_plist(set), H5Pclose, "read the layout of " + name);
  const Hdf5Handle type(H5Dget_type(set), H5Tclose, "read the type of " + name);
  std::array<hsize_t, 3> extent{}, piece{};
  if (H5Sget_simple_extent_ndims(space) != 3 || H5Sget_simple_extent_dims(space, extent.data(), nullptr) != 3 ||
      H5Pget_layout(creation) != H5D_CHUNKED || H5Pget_chunk(creation, 3, piece.data()) != 3) {
    hdf5_failed("understand array " + name);
  }
  const auto shape = [](const std::array<hsize_t, 3>& a) {
    return volume::Shape{static_cast<std::int64_t>(a[0]), static_cast<std::int64_t>(a[1]),
                         static_cast<std::int64_t>(a[2])};
  };
  table.shape = shape(extent);
  table.chunk = shape(piece);
  bool known = false;
  for (int i = 0; i <= static_cast<int>(volume::VoxelType::kFloat64) && !known; ++i) {
    table.type = static_cast<volume::VoxelType>(i);
    known = H5Tequal(type, hdf5_type(table.type)) > 0;
  }
  if (!known) hdf5_failed("understand the type of array " + name);
  const bool packed = is_packed(creation, name);
  for_each_chunk(table.shape, table.chunk, Box{{0, 0, 0}, table.shape}, [&](std::int64_t, const Box& box) {
    const std::array<hsize_t, 3> at{static_cast<hsize_t>(box.begin[0]), static_cast<hsize_t>(box.begin[1]),
                                    static_cast<hsize_t>(box.begin[2])};
    unsigned left_out = 0;
    haddr_t offset = HADDR_UNDEF;
    hsize_t size = 0;
    hdf5_require(H5Dget_chunk_info_by_coord(set, at.data(), &left_out, &offset, &size), "find a chunk of " + name);
    if (offset == HADDR_UNDEF) throw core::Error("a chunk of array " + name + " is missing");
    table.places.push_back({offset, size, 0, packed ? left_out : kStoredPlain});
  });
  const std::vector<std::uint64_t> sums = read_checksums(checksums, name, table.places.size());
  for (std::size_t i = 0; i < sums.size(); ++i) table.places[i].checksum = sums[i];
  table.compared = std::make_unique<std::atomic<bool>[]>(sums.size());
  return table;
}

herr_t append_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->push_back(name);
  return 0;
}

// The memory of a file that HDF5 builds; it is ours, so that it outlives the closing. (H5Fget_file_image of 1.10 clears
// the mark "open for writing" without renewing the checksum beside it: nobody could open such a file.)
struct FileMemory {
  void* bytes = nullptr;

  FileMemory() = default;
  ~FileMemory() { std::free(bytes); }
  FileMemory(const FileMemory&) = delete;
  FileMemory& operator=(const FileMemory&) = delete;

  static void* grow(void* old, std::size_t size, H5FD_file_image_op_t, void* self) {
    void* const grown = std::realloc(old, size);
    if (grown != nullptr) static_cast<FileMemory*>(self)->bytes = grown;
    return grown;
  }
  H5FD_file_image_callbacks_t callbacks() {
    return {[](std::size_t size, H5FD_file_image_op_t op, void* self) { return grow(nullptr, size, op, self); },
            [](void* to, const void* from, std::size_t size, H5FD_file_image_op_t, void*) {
              return std::memcpy(to, from, size);
            },
            grow,
            [](void*, H5FD_file_image_op_t, void*) -> herr_t { return 0; },
            [](void* self) { return self; },
            [](void*) -> herr_t { return 0; },
            this};
  }
  // The superblock of version 3 tells its end at byte 28 (HDF5 File Format Specification 3.0, II.A).
  std::uint64_t file_size() const {
    std::uint64_t size = 0;
    std::memcpy(&size, static_cast<const std::byte*>(bytes) + 28, sizeof size);
    return size;
  }
};

}  // namespace

std::string channel_array(std::int64_t channel) { return "channel-" + std::to_string(channel); }
std::string locations_array(int label) { return "locations-" + std::to_string(label); }

struct ShardBuilder::State {
  FileMemory memory;  // outlives the file
  Hdf5Handle file;
  std::int64_t cases = 0;
  std::int64_t bytes = 0;
};

ShardBuilder::ShardBuilder(const Layout& layout) : state_(std::make_unique<State>()) {
  static std::atomic<unsigned> count{0};
  const auto lock = hdf5_lock();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a shard");
  hdf5_require(H5Pset_fapl_core(access, kGrowth, false), "make a shard in memory");
  H5FD_file_image_callbacks_t callbacks = state_->memory.callbacks();
  hdf5_require(H5Pset_file_image_callbacks(access, &callbacks), "make a shard in memory");
  hdf5_require(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), "set the format's version");
  if (layout.compression == 0) {
    const auto page = static_cast<hsize_t>(::sysconf(_SC_PAGESIZE));
    hdf5_require(H5Pset_alignment(access, page, page), "lay chunks on pages");
  }
  const std::string name = "shard in memory " + std::to_string(count++);
  state_->file = Hdf5Handle(H5Fcreate(name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose, "make a shard");
}

ShardBuilder::~ShardBuilder() {
  const auto lock = hdf5_lock();
  state_.reset();
}

std::string ShardBuilder::add(const PackedCase& one) {
  const auto lock = hdf5_lock();
  std::string digits = std::to_string(state_->cases++);  // a group that fails half-way is never met again
  digits.insert(0, digits.size() < 5 ? 5 - digits.size() : 0, '0');
  const std::string name = "/case-" + digits;
  const Hdf5Handle group(H5Gcreate2(state_->file, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                         "make group " + name);

  write_text(group, "summary", summary_text(one.summary));
  const Hdf5Handle checksums(H5Gcreate2(group, kChecksums, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                             "make a group");
  for (const PackedArray& array : one.arrays) {
    write_array(group, array);
    write_checksums(checksums, array);
  }
  state_->bytes += one.size_bytes();
  return name;
}

std::int64_t ShardBuilder::cases() const { return state_->cases; }
std::int64_t ShardBuilder::size_bytes() const { return state_->bytes; }

std::span<const std::byte> ShardBuilder::finish() {
  const auto lock = hdf5_lock();
  hdf5_require(H5Fflush(state_->file, H5F_SCOPE_LOCAL), "finish a shard");
  state_->file.close("finish a shard");
  const FileMemory& memory = state_->memory;
  return {static_cast<const std::byte*>(memory.bytes), static_cast<std::size_t>(memory.file_size())};
}

std::map<std::string, ArrayTable> read_tables(const std::filesystem::path& shard, const std::string& group_name) {
  const auto lock = hdf5_lock();
  const std::string what = "open " + shard.filename().string();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, what);
  hdf5_require(H5Pset_file_locking(access, false, true), what);  // shards never change; network disks may not lock
  const Hdf5Handle file(H5Fopen(shard.c_str(), H5F_ACC_RDONLY, access), H5Fclose, what);
  const Hdf5Handle group(H5Gopen2(file, group_name.c_str(), H5P_DEFAULT), H5Gclose, "open group " + group_name);
  std::vector<std::string> names;
  hdf5_require(H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, nullptr, append_name, &names), "list " + group_name);
  const Hdf5Handle checksums(H5Gopen2(group, kChecksums, H5P_DEFAULT), H5Gclose, "open the checksums");
  std::map<std::string, ArrayTable> tables;
  for (const std::string& name : names) {
    if (name == "summary" || name == kChecksums) continue;
    ArrayTable table = read_table(group, checksums, name);
    table.number = static_cast<std::uint32_t>(tables.size());
    tables.emplace(name, std::move(table));
  }
  return tables;
}

namespace {

// Chunks of one array, one after the other.
class ChunkReader {
 public:
  ChunkReader(const ReadOnlyFile& shard, const ArrayTable& table, const ChunkReading& reading)
      : shard_(shard), table_(table), reading_(reading), width_(volume::size_bytes(table.type)) {}

  // The voxels of a chunk, of which `part` is read at least. Valid until the next one is asked for.
  std::span<const std::byte> get(std::size_t number, ByteRange part) {
    const bool keep = reading_.cache != nullptr && table_.places.at(number).left_out == 0;
    if (!keep) {
      own_.resize(size_bytes());
      read(number, part, own_);
      return own_;
    }
    kept_ = reading_.cache->get(
        {reading_.case_index, table_.number, static_cast<std::uint32_t>(number)},
        [&] {
          auto raw = std::make_shared<std::vector<std::byte>>(size_bytes());
          read(number, {0, raw->size()}, *raw);
          return raw;
        },
        [](const std::vector<std::byte>& raw) { return static_cast<std::int64_t>(raw.size()); });
    return *kept_;
  }

 private:
  std::size_t size_bytes() const { return static_cast<std::size_t>(table_.chunk.voxels()) * width_; }

  void read(std::size_t number, ByteRange part, std::span<std::byte> raw) {
    const ArrayTable::Place& place = table_.places.at(number);
    const bool plain = place.left_out != 0;
    if (plain ? place.size != raw.size() : place.size >= raw.size())
      throw core::Error("a chunk has another size than it can have");
    const bool due = reading_.verify == Verify::kAlways ||
                     (reading_.verify == Verify::kFirst && !table_.compared[number].load(std::memory_order_relaxed));
    if (plain) {
      if (due) part = {0, raw.size()};
      shard_.read(place.offset + part.begin, raw.subspan(part.begin, part.end - part.begin));
      if (due) compare(number, raw);
      return;
    }
    packed_.resize(place.size);
    shard_.read(place.offset, packed_);
    if (due) compare(number, packed_);
    unpack(packed_, width_, part, raw);
  }

  void compare(std::size_t number, std::span<const std::byte> bytes) {
    if (checksum(bytes) != table_.places[number].checksum)
      throw core::Error("chunk " + std::to_string(number) + " is damaged: its checksum does not match");
    table_.compared[number].store(true, std::memory_order_relaxed);
  }

  const ReadOnlyFile& shard_;
  const ArrayTable& table_;
  const ChunkReading reading_;
  const std::size_t width_;
  std::vector<std::byte> packed_, own_;
  std::shared_ptr<const std::vector<std::byte>> kept_;
};

}  // namespace

void read_box(const ReadOnlyFile& shard, const ArrayTable& table, const Box& box, const ChunkReading& reading,
              std::span<std::byte> out) {
  const std::size_t width = volume::size_bytes(table.type);
  const std::size_t slice = static_cast<std::size_t>(table.chunk.height * table.chunk.width) * width;
  ChunkReader chunks(shard, table, reading);
  for_each_chunk(table.shape, table.chunk, box, [&](std::int64_t number, const Box& piece) {
    const std::int64_t first = std::max(box.begin[0], piece.begin[0]) - piece.begin[0];
    const std::int64_t end =
        std::min(box.begin[0] + box.shape.depth, piece.begin[0] + piece.shape.depth) - piece.begin[0];
    const std::span<const std::byte> raw =
        chunks.get(static_cast<std::size_t>(number),
                   {static_cast<std::size_t>(first) * slice, static_cast<std::size_t>(end) * slice});
    for_each_shared_row(piece, table.chunk, box, box.shape, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
      std::memcpy(out.data() + static_cast<std::size_t>(to) * width,
                  raw.data() + static_cast<std::size_t>(from) * width, static_cast<std::size_t>(n) * width);
    });
  });
}

void will_need(const ReadOnlyFile& shard, const ArrayTable& table, const Box& box) {
  constexpr std::uint64_t kGap = std::uint64_t{64} << 10;  // what lies nearer to each other is asked for together
  std::uint64_t begin = 0, end = 0;
  for_each_chunk(table.shape, table.chunk, box, [&](std::int64_t number, const Box&) {
    const ArrayTable::Place& place = table.places.at(static_cast<std::size_t>(number));
    if (place.offset < end || place.offset - end > kGap) {
      if (end > begin) shard.will_need(begin, end - begin);
      begin = place.offset;
    }
    end = place.offset + place.size;
  });
  if (end > begin) shard.will_need(begin, end - begin);
}

}  // namespace store
