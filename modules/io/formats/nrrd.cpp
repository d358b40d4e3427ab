// NRRD: .nrrd (attached) and .nhdr (voxels in a file beside it); raw or gzip. The place comes through ITK once the
// header is proven. Format: teem.sourceforge.net/nrrd/format.html.
#include <itkNrrdImageIO.h>

#include <algorithm>
#include <fstream>

#include "io/format.h"
#include "io/header_text.h"
#include "io/itk_image.h"
#include "io/reject.h"

namespace io {
namespace {

using volume::VoxelType;

constexpr std::string_view kExtensions[] = {".nrrd", ".nhdr"};
constexpr std::string_view kReason = "NRRD_HEADER";
constexpr const char* kDamaged = "the header is damaged; export the image again";

bool mine(const std::filesystem::path& path) { return has_extension(path, kExtensions); }

const std::string& required(const HeaderText& header, const std::string& key) {
  const std::string* value = header.find(key);
  if (value == nullptr) throw reject(kReason, "the header lacks '" + key + "'", kDamaged);
  return *value;
}

VoxelType type_of(const std::string& name) {
  static const std::map<std::string, VoxelType> kNames{{"signed char", VoxelType::kInt8},
                                                       {"int8", VoxelType::kInt8},
                                                       {"int8_t", VoxelType::kInt8},
                                                       {"uchar", VoxelType::kUInt8},
                                                       {"unsigned char", VoxelType::kUInt8},
                                                       {"uint8", VoxelType::kUInt8},
                                                       {"uint8_t", VoxelType::kUInt8},
                                                       {"short", VoxelType::kInt16},
                                                       {"short int", VoxelType::kInt16},
                                                       {"signed short", VoxelType::kInt16},
                                                       {"signed short int", VoxelType::kInt16},
                                                       {"int16", VoxelType::kInt16},
                                                       {"int16_t", VoxelType::kInt16},
                                                       {"ushort", VoxelType::kUInt16},
                                                       {"unsigned short", VoxelType::kUInt16},
                                                       {"unsigned short int", VoxelType::kUInt16},
                                                       {"uint16", VoxelType::kUInt16},
                                                       {"uint16_t", VoxelType::kUInt16},
                                                       {"int", VoxelType::kInt32},
                                                       {"signed int", VoxelType::kInt32},
                                                       {"int32", VoxelType::kInt32},
                                                       {"int32_t", VoxelType::kInt32},
                                                       {"uint", VoxelType::kUInt32},
                                                       {"unsigned int", VoxelType::kUInt32},
                                                       {"uint32", VoxelType::kUInt32},
                                                       {"uint32_t", VoxelType::kUInt32},
                                                       {"float", VoxelType::kFloat32},
                                                       {"double", VoxelType::kFloat64}};
  const auto found = kNames.find(name);
  if (found == kNames.end())
    throw reject("NRRD_TYPE", "voxel type '" + name + "' is not one gadolin reads", "save as integers or floats");
  return found->second;
}

// "(a,b,c)" as three numbers; three of them for space directions, one for the origin.
void check_vectors(const std::string& text, std::size_t count) {
  std::string numbers = text;
  if (static_cast<std::size_t>(std::count(text.begin(), text.end(), '(')) != count)
    throw reject(kReason, "a direction or the origin is not given for each axis", kDamaged);
  std::replace_if(
      numbers.begin(), numbers.end(), [](char c) { return c == '(' || c == ')' || c == ','; }, ' ');
  if (real_numbers(numbers, kReason).size() != 3 * count)
    throw reject(kReason, "a direction or the origin is not three numbers", kDamaged);
}

void check_place(const HeaderText& header) {
  if (const std::string* space = header.find("space")) {
    static const std::string kKnown[] = {"left-posterior-superior", "lps", "right-anterior-superior", "ras",
                                         "left-anterior-superior",  "las"};
    std::string name = *space;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (std::find(std::begin(kKnown), std::end(kKnown), name) == std::end(kKnown))
      throw reject("NRRD_SPACE", "space '" + *space + "' does not say which side is left", "save as LPS, RAS or LAS");
  }
  if (const std::string* directions = header.find("space directions")) check_vectors(*directions, 3);
  if (const std::string* origin = header.find("space origin")) check_vectors(*origin, 1);
  if (const std::string* spacings = header.find("spacings")) {
    for (const double s : real_numbers(*spacings, kReason)) {
      if (!(s > 0) || !std::isfinite(s)) throw reject(kReason, "a voxel size is not positive", kDamaged);
    }
  }
  if (const std::string* kinds = header.find("kinds")) {
    for (const std::string& kind : words(*kinds)) {
      if (kind != "domain" && kind != "space" && kind != "none" && kind != "???")
        throw reject("NRRD_KIND", "an axis is of kind '" + kind + "', not space", "save one value a voxel");
    }
  }
}

Packing packing_named(const std::string& encoding) {
  if (encoding == "raw") return Packing::kPlain;
  if (encoding == "gzip" || encoding == "gz") return Packing::kGzip;
  throw reject("NRRD_ENCODING", "encoding '" + encoding + "' is not one gadolin reads", "save as raw or gzip");
}

void check_magic(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  char magic[8] = {};
  file.read(magic, 8);
  if (!file || std::string_view(magic, 7) != "NRRD000" || magic[7] < '1' || magic[7] > '5')
    throw reject("NOT_NRRD", "the file does not begin with NRRD's magic", "check that it is the file you mean");
}

volume::Volume read(const std::filesystem::path& path) {
  check_magic(path);
  const HeaderText header = read_header_text(path, {":", "", kReason});
  if (required(header, "dimension") != "3") {
    throw reject("NRRD_4D", "the image has " + required(header, "dimension") + " dimensions",
                 "split it into 3-D images, one a channel or time point");
  }
  const std::vector<std::int64_t> sizes = whole_numbers(required(header, "sizes"), kReason);
  if (sizes.size() != 3) throw reject(kReason, "the header does not give three sizes", kDamaged);
  const Promise promise{{sizes[2], sizes[1], sizes[0]}, type_of(required(header, "type"))};
  checked_size(promise.shape, promise.type, "NRRD_DIM");
  VoxelPlace place{path, packing_named(required(header, "encoding")), header.size_bytes};
  if (volume::size_bytes(promise.type) > 1) {
    const std::string& endian = required(header, "endian");
    if (endian != "little" && endian != "big") throw reject(kReason, "the byte order is neither", kDamaged);
    place.swapped = endian == "big";
  }
  check_place(header);
  for (const char* key : {"line skip", "lineskip", "byte skip", "byteskip"}) {
    const std::string* skip = header.find(key);
    if (skip != nullptr && *skip != "0")
      throw reject("NRRD_ENCODING", "the data begin behind a gap", "save the image as one .nrrd file");
  }
  const std::string* detached = header.find("data file");
  if (detached == nullptr) detached = header.find("datafile");
  if (detached != nullptr) {
    place.path = data_file(path, *detached, kReason);
    place.begin = 0;
  } else if (!header.complete) {
    throw reject("TRUNCATED", "the file ends within its header", kDamaged);
  }
  volume::Volume image = read_voxels(place, promise.shape, promise.type);
  image.geometry = geometry_with(*itk::NrrdImageIO::New(), path, promise);
  return image;
}

void write(const std::filesystem::path& path, const volume::Volume& volume) {
  if (path.extension() != ".nrrd")
    throw core::usage_error("gadolin writes NRRD as one file", "name it " + path.stem().string() + ".nrrd");
  write_with(*itk::NrrdImageIO::New(), path, volume);
}

}  // namespace

extern const Format nrrd_format;
const Format nrrd_format{"nrrd", kExtensions, mine, read, write};

}  // namespace io
