#include "store/shard.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "core/error.h"
#include "store/chunk_walk.h"
#include "store/hdf5.h"
#include "store/manifest.h"

namespace store {
namespace {

constexpr std::size_t kGrowth = std::size_t{8} << 20;

std::array<hsize_t, 3> sizes(const volume::Shape& shape) {
  return {static_cast<hsize_t>(shape.depth), static_cast<hsize_t>(shape.height), static_cast<hsize_t>(shape.width)};
}

void write_array(hid_t group, const PackedArray& array) {
  const volume::Shape chunk = chunk_shape(array.shape);
  const auto extent = sizes(array.shape), piece = sizes(chunk);
  const Hdf5Handle space(H5Screate_simple(3, extent.data(), nullptr), H5Sclose, "describe an array");
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "describe an array");
  hdf5_require(H5Pset_chunk(creation, 3, piece.data()), "set chunks");
  hdf5_require(H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER), "set fill time");
  hdf5_require(H5Pset_shuffle(creation), "set shuffle");
  hdf5_require(H5Pset_deflate(creation, 1), "set deflate");
  hdf5_require(H5Pset_fletcher32(creation), "set checksum");
  const Hdf5Handle set(
      H5Dcreate2(group, array.name.c_str(), hdf5_type(array.type), space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose,
      "make array " + array.name);
  for_each_chunk(array.shape, chunk, Box{{0, 0, 0}, array.shape}, [&](std::int64_t number, const Box& box) {
    const PackedChunk& one = array.chunks[static_cast<std::size_t>(number)];
    const std::array<hsize_t, 3> at{static_cast<hsize_t>(box.begin[0]), static_cast<hsize_t>(box.begin[1]),
                                    static_cast<hsize_t>(box.begin[2])};
    hdf5_require(H5Dwrite_chunk(set, H5P_DEFAULT, one.left_out, at.data(), one.bytes.size(), one.bytes.data()),
                 "write a chunk of " + array.name);
  });
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

ArrayTable read_table(hid_t group, const std::string& name) {
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
  for_each_chunk(table.shape, table.chunk, Box{{0, 0, 0}, table.shape}, [&](std::int64_t, const Box& box) {
    const std::array<hsize_t, 3> at{static_cast<hsize_t>(box.begin[0]), static_cast<hsize_t>(box.begin[1]),
                                    static_cast<hsize_t>(box.begin[2])};
    unsigned left_out = 0;
    haddr_t offset = HADDR_UNDEF;
    hsize_t size = 0;
    hdf5_require(H5Dget_chunk_info_by_coord(set, at.data(), &left_out, &offset, &size), "find a chunk of " + name);
    if (offset == HADDR_UNDEF) throw core::Error("a chunk of array " + name + " is missing");
    table.places.push_back({offset, size, left_out});
  });
  return table;
}

herr_t append_name(hid_t, const char* name, const H5L_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->push_back(name);
  return 0;
}

class ReadOnlyFile {
 public:
  explicit ReadOnlyFile(const std::filesystem::path& path) : number_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (number_ < 0) throw core::Error("cannot open " + path.filename().string() + ": " + std::strerror(errno));
  }
  ~ReadOnlyFile() { ::close(number_); }
  ReadOnlyFile(const ReadOnlyFile&) = delete;
  ReadOnlyFile& operator=(const ReadOnlyFile&) = delete;

  void read(std::uint64_t offset, std::span<std::byte> out) const {
    for (std::size_t done = 0; done < out.size();) {
      const ssize_t now = ::pread(number_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (now < 0 && errno == EINTR) continue;
      if (now < 0) throw core::Error(std::string("cannot read: ") + std::strerror(errno));
      if (now == 0) throw core::Error("the file ends too early");
      done += static_cast<std::size_t>(now);
    }
  }

 private:
  int number_;
};

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

ShardBuilder::ShardBuilder() : state_(std::make_unique<State>()) {
  static std::atomic<unsigned> count{0};
  const auto lock = hdf5_lock();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a shard");
  hdf5_require(H5Pset_fapl_core(access, kGrowth, false), "make a shard in memory");
  H5FD_file_image_callbacks_t callbacks = state_->memory.callbacks();
  hdf5_require(H5Pset_file_image_callbacks(access, &callbacks), "make a shard in memory");
  hdf5_require(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), "set the format's version");
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
  for (const PackedArray& array : one.arrays) write_array(group, array);
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
  std::map<std::string, ArrayTable> tables;
  for (const std::string& name : names) {
    if (name != "summary") tables.emplace(name, read_table(group, name));
  }
  return tables;
}

void read_box(const std::filesystem::path& shard, const ArrayTable& table, const Box& box, std::span<std::byte> out) {
  const ReadOnlyFile file(shard);
  const std::size_t width = volume::size_bytes(table.type);
  std::vector<std::byte> packed, raw(static_cast<std::size_t>(table.chunk.voxels()) * width);
  const std::size_t most = raw.size() + (std::size_t{1} << 16);  // deflate never grows: what is larger is damage
  for_each_chunk(table.shape, table.chunk, box, [&](std::int64_t number, const Box& piece) {
    const ArrayTable::Place& place = table.places.at(static_cast<std::size_t>(number));
    if (place.size > most) throw core::Error("a chunk is larger than can be");
    packed.resize(place.size);
    file.read(place.offset, packed);
    unpack(packed, place.left_out, width, raw);
    for_each_shared_row(piece, table.chunk, box, box.shape, [&](std::int64_t from, std::int64_t to, std::int64_t n) {
      std::memcpy(out.data() + static_cast<std::size_t>(to) * width,
                  raw.data() + static_cast<std::size_t>(from) * width, static_cast<std::size_t>(n) * width);
    });
  });
}

}  // namespace store
