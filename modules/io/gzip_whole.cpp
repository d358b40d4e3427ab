#include "io/gzip_whole.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "core/error.h"

namespace io {
namespace {

constexpr std::uint64_t kBestRatio = 1032;  // of deflate
constexpr std::size_t kKept = std::size_t{64} << 20;
constexpr std::size_t kSmallest = 18;  // header and trailer of gzip (RFC 1952)

// Kept from file to file: fresh memory costs a tenth of unpacking.
std::vector<std::byte>& packed_buffer(std::size_t size) {
  thread_local std::vector<std::byte> buffer;
  if (buffer.size() < size || buffer.size() > std::max(size, kKept)) {
    buffer = {};
    buffer.resize(size);
  }
  return buffer;
}

struct File {
  explicit File(const std::filesystem::path& path) : number(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (number >= 0) ::close(number);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int number;
};

}  // namespace

std::optional<GzipWhole> GzipWhole::of(const std::filesystem::path& path) {
  const File file(path);
  struct stat about {};
  if (file.number < 0 || ::fstat(file.number, &about) != 0 || !S_ISREG(about.st_mode)) return std::nullopt;
  const std::uint64_t size = static_cast<std::uint64_t>(about.st_size);
  if (size < kSmallest || size > kLargestAtOnce) return std::nullopt;
  const std::span bytes =
      std::span(packed_buffer(static_cast<std::size_t>(size))).first(static_cast<std::size_t>(size));
  for (std::size_t done = 0; done < bytes.size();) {
    const ssize_t now = ::read(file.number, bytes.data() + done, bytes.size() - done);
    if (now < 0 && errno == EINTR) continue;
    if (now <= 0) return std::nullopt;
    done += static_cast<std::size_t>(now);
    if (bytes[0] != std::byte{0x1f}) return std::nullopt;
  }
  if (bytes[1] != std::byte{0x8b}) return std::nullopt;
  return GzipWhole(bytes);
}

std::vector<std::byte> GzipWhole::head(std::size_t size) const {
  std::vector<std::byte> first(size);
  z_stream stream{};
  GADOLIN_CHECK(inflateInit2(&stream, 15 + 16) == Z_OK);
  const std::unique_ptr<z_stream, int (*)(z_stream*)> ended(&stream, inflateEnd);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes_.data()));
  stream.avail_in = static_cast<uInt>(bytes_.size());
  stream.next_out = reinterpret_cast<Bytef*>(first.data());
  stream.avail_out = static_cast<uInt>(size);
  static_cast<void>(inflate(&stream, Z_SYNC_FLUSH));
  first.resize(size - stream.avail_out);
  return first;
}

std::optional<volume::VoxelMemory> GzipWhole::unpacked(std::uint64_t size) const {
  std::uint32_t told = 0;
  for (std::size_t i = 1; i <= 4; ++i) told = told << 8 | std::to_integer<std::uint32_t>(bytes_[bytes_.size() - i]);
  if (told != static_cast<std::uint32_t>(size) || size > bytes_.size() * kBestRatio) return std::nullopt;
  thread_local const std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor(
      libdeflate_alloc_decompressor(), libdeflate_free_decompressor);
  if (decompressor == nullptr) throw std::bad_alloc();
  volume::VoxelMemory memory(static_cast<std::size_t>(size), volume::VoxelMemory::Fill::kNone);
  std::size_t used = 0, came = 0;
  const libdeflate_result done = libdeflate_gzip_decompress_ex(decompressor.get(), bytes_.data(), bytes_.size(),
                                                               memory.data(), memory.size(), &used, &came);
  if (done != LIBDEFLATE_SUCCESS || used != bytes_.size() || came != memory.size()) return std::nullopt;
  return memory;
}

}  // namespace io
