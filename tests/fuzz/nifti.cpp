// NIfTI files, plain and gzipped, and the volumes of 4-D ones.
#include <zlib.h>

#include <array>
#include <fstream>

#include "core/error.h"
#include "io/format.h"
#include "io/nifti_volumes.h"
#include "memory_file.h"

namespace {

std::string gzipped(std::span<const std::uint8_t> bytes) {
  z_stream stream{};
  if (deflateInit2(&stream, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) std::abort();
  std::string packed(deflateBound(&stream, bytes.size()) + 64, '\0');
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) std::abort();
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

void read(const std::filesystem::path& path) {
  try {
    io::read_image(path);
  } catch (const core::Error&) {
  }
  io::Entry entry;
  entry.id = "one";
  entry.channels = {{"image", "OT", path}};
  std::vector<io::Entry> volumes{entry};
  io::part_nifti_volumes(volumes);  // throws nothing for bad files
  if (volumes.size() < 2) return;
  for (const io::ChannelFile& file : {volumes.front().channels.front(), volumes.back().channels.front()}) {
    try {
      io::read_image(path, file.volume, file.volumes);
    } catch (const core::Error&) {
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzFolder folder;
  if (size == 0) return 0;
  const std::span<const std::uint8_t> bytes{data + 1, size - 1};
  const std::string file = data[0] % 2 == 1 ? gzipped(bytes) : std::string(bytes.begin(), bytes.end());
  const std::filesystem::path path = folder.path() / (file.starts_with("\x1f\x8b") ? "a.nii.gz" : "a.nii");
  std::ofstream(path, std::ios::binary) << file;
  read(path);
  return 0;
}
