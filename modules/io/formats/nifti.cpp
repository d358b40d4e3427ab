// NIfTI-1 and -2: .nii, .nii.gz, and pairs .hdr/.img (each may be gzipped).
//
// The voxels are read here and not by ITK: ITK 5.2 turns scaled integers into floats, fills truncated files with zeros
// and has no NIfTI-2. The tests compare with ITK what both can read.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "core/files.h"
#include "io/byte_source.h"
#include "io/format.h"
#include "io/gzip_whole.h"
#include "io/nifti_header.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::string_view kExtensions[] = {".nii", ".nii.gz", ".hdr", ".hdr.gz"};

bool mine(const std::filesystem::path& path) { return has_extension(path, kExtensions); }

NiftiHeader read_header(ByteSource& source, std::uint64_t& used) {
  std::array<std::byte, kNifti2Bytes> bytes;
  source.read(std::span(bytes).first(4));
  const std::size_t size = nifti_version(bytes) == 1 ? kNifti1Bytes : kNifti2Bytes;
  source.read(std::span(bytes).subspan(4, size - 4));
  used = size;
  return parse_nifti(std::span(bytes).first(size));
}

// x.hdr -> x.img, x.hdr.gz -> x.img.gz; else whichever of the two is there.
std::filesystem::path voxel_file(const std::filesystem::path& path) {
  std::string name = path.string();
  const bool packed = name.ends_with(".gz") || name.ends_with(".GZ");
  if (packed) name.resize(name.size() - 3);
  const std::string stem = name.substr(0, name.size() - 4) + (name.ends_with(".HDR") ? ".IMG" : ".img");
  for (const std::string& each : {stem + (packed ? ".gz" : ""), stem + (packed ? "" : ".gz")}) {
    if (std::filesystem::exists(each)) return each;
  }
  throw reject("FILE_MISSING", "the .img that belongs to this .hdr is not there", "copy both files");
}

void read_wide(ByteSource& source, const NiftiHeader& header, std::span<std::int32_t> voxels) {
  std::vector<std::uint64_t> block(std::min<std::size_t>(voxels.size(), 1 << 16));
  for (std::size_t done = 0; done < voxels.size();) {
    const std::span now = std::span(block).first(std::min(block.size(), voxels.size() - done));
    source.read(std::as_writable_bytes(now));
    if (header.swapped) swap_bytes(std::as_writable_bytes(now), 8);
    for (const std::uint64_t value : now) {
      const bool fits = header.wide_unsigned ? value <= INT32_MAX
                                             : static_cast<std::int64_t>(value) >= INT32_MIN &&
                                                   static_cast<std::int64_t>(value) <= INT32_MAX;
      if (!fits) throw reject("NIFTI_DTYPE", "a 64-bit voxel does not fit into 32 bits", "save the image as float");
      voxels[done++] = static_cast<std::int32_t>(value);
    }
  }
}

// Volume `number`, from 1: what lies before it is passed over, what lies behind it is proven to be there.
volume::Volume read_voxels(ByteSource& source, const NiftiHeader& header, std::int64_t number = 1) {
  const std::uint64_t bytes = header.bytes_per_volume(), volumes = static_cast<std::uint64_t>(header.volumes);
  source.promise(volumes * bytes, source.packing() == Packing::kPlain ? "TRUNCATED" : "NIFTI_DIM");
  source.skip((static_cast<std::uint64_t>(number) - 1) * bytes);
  using volume::VoxelMemory;
  const std::size_t kept = static_cast<std::size_t>(header.shape.voxels()) * volume::size_bytes(header.type);
  volume::Volume image(header.shape, header.type, header.geometry, VoxelMemory(kept, VoxelMemory::Fill::kNone));
  image.scale = header.scale;
  image.offset = header.offset;
  if (header.wide) {
    read_wide(source, header, image.voxels<std::int32_t>());
  } else {
    source.read(image.bytes());
    if (header.swapped) swap_bytes(image.bytes(), volume::size_bytes(header.type));
  }
  source.skip((volumes - static_cast<std::uint64_t>(number)) * bytes);
  source.finish();
  return image;
}

// `bytes` of voxels behind `begin` bytes of something else, in a gzip file.
std::optional<volume::Volume> at_once(const GzipWhole& file, const NiftiHeader& header) {
  const std::uint64_t bytes = header.bytes_per_volume();
  if (header.wide || header.voxel_begin % header.bytes_per_voxel() != 0) return std::nullopt;
  std::optional<volume::VoxelMemory> voxels = file.unpacked(header.voxel_begin + bytes);
  if (!voxels) return std::nullopt;
  voxels->skip(static_cast<std::size_t>(header.voxel_begin));
  volume::Volume image(header.shape, header.type, header.geometry, std::move(*voxels));
  image.scale = header.scale;
  image.offset = header.offset;
  if (header.swapped) swap_bytes(image.bytes(), volume::size_bytes(header.type));
  return image;
}

std::optional<volume::Volume> read_at_once(const std::filesystem::path& path) {
  const std::optional<GzipWhole> file = GzipWhole::of(path);
  if (!file) return std::nullopt;
  const std::vector<std::byte> head = file->head(kNifti2Bytes);
  if (head.size() < 4) return std::nullopt;
  const std::size_t size = nifti_version(head) == 1 ? kNifti1Bytes : kNifti2Bytes;
  if (head.size() < size) return std::nullopt;
  const NiftiHeader header = parse_nifti(std::span(head).first(size));
  header.require_one_volume();
  return header.two_files ? std::nullopt : at_once(*file, header);
}

volume::Volume read(const std::filesystem::path& path) {
  if (std::optional<volume::Volume> image = read_at_once(path)) return std::move(*image);
  ByteSource source(path, packing_of(path));
  std::uint64_t used = 0;
  const NiftiHeader header = read_header(source, used);
  header.require_one_volume();
  if (!header.two_files) {
    source.skip(header.voxel_begin - used);
    return read_voxels(source, header);
  }
  source.finish();
  const std::filesystem::path voxels = voxel_file(path);
  if (const std::optional<GzipWhole> packed = GzipWhole::of(voxels)) {
    if (std::optional<volume::Volume> image = at_once(*packed, header)) return std::move(*image);
  }
  ByteSource second(voxels, packing_of(voxels));
  second.skip(header.voxel_begin);
  return read_voxels(second, header);
}

volume::Volume read_one(const std::filesystem::path& path, std::int64_t number, std::int64_t of) {
  ByteSource source(path, packing_of(path));
  std::uint64_t used = 0;
  const NiftiHeader header = read_header(source, used);
  if (header.volumes != of || number > of)
    throw reject("NIFTI_4D",
                 "the image holds " + std::to_string(header.volumes) + " volumes, expected are " + std::to_string(of),
                 "was it changed since its folder was looked at?");
  if (!header.two_files) {
    source.skip(header.voxel_begin - used);
    return read_voxels(source, header, number);
  }
  source.finish();
  const std::filesystem::path voxels = voxel_file(path);
  ByteSource second(voxels, packing_of(voxels));
  second.skip(header.voxel_begin);
  return read_voxels(second, header, number);
}

void put(gzFile file, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::span now = bytes.first(std::min<std::size_t>(bytes.size(), std::size_t{1} << 24));
    if (gzwrite(file, now.data(), static_cast<unsigned>(now.size())) <= 0)
      throw core::Error("the voxels cannot be written", "is the disk full?");
    bytes = bytes.subspan(now.size());
  }
}

// Writes the parts one behind the other, gzipped when the name says so.
void publish(const std::filesystem::path& path, std::initializer_list<std::span<const std::byte>> parts) {
  const bool packed = has_extension(path, std::array<std::string_view, 1>{".gz"});
  core::publish_file(path, [&](const std::filesystem::path& temporary) {
    gzFile file = gzopen(temporary.c_str(), packed ? "wb4" : "wbT");
    if (file == nullptr) throw core::Error("the file cannot be opened for writing", "check the permissions");
    try {
      for (const auto part : parts) put(file, part);
    } catch (...) {
      gzclose(file);
      throw;
    }
    if (gzclose(file) != Z_OK) throw core::Error("the voxels cannot be written", "is the disk full?");
  });
}

void write(const std::filesystem::path& path, const volume::Volume& volume) {
  static constexpr std::string_view kPair[] = {".hdr", ".hdr.gz"};
  const bool two_files = has_extension(path, kPair);
  const std::vector<std::byte> header = make_nifti(volume, two_files);
  if (!two_files) return publish(path, {header, volume.bytes()});
  std::string voxels = path.string();
  const bool packed = voxels.ends_with(".gz");
  voxels.replace(voxels.size() - (packed ? 7 : 4), 4, ".img");
  publish(voxels, {volume.bytes()});
  publish(path, {header});
}

}  // namespace

extern const Format nifti_format;
const Format nifti_format{"nifti", kExtensions, mine, read, write, read_one};

NiftiHeader read_nifti_header(const std::filesystem::path& path) {
  constexpr std::uint64_t kEnough = std::uint64_t{1} << 16;  // of the file, packed or not
  ByteSource source(path, packing_of(path), 0, kEnough);
  std::uint64_t used = 0;
  return read_header(source, used);
}

}  // namespace io
