// MetaImage: .mha (attached) and .mhd (voxels in a file beside it); raw or zlib. The place comes through ITK once the
// header is proven. Format: itk.org/Wiki/ITK/MetaIO/Documentation.
#include <itkMetaImageIO.h>

#include <algorithm>
#include <charconv>

#include "io/format.h"
#include "io/header_text.h"
#include "io/itk_image.h"
#include "io/reject.h"

namespace io {
namespace {

using volume::VoxelType;

constexpr std::string_view kExtensions[] = {".mha", ".mhd"};
constexpr std::string_view kReason = "MHA_HEADER";
constexpr const char* kDamaged = "the header is damaged; export the image again";

bool mine(const std::filesystem::path& path) { return has_extension(path, kExtensions); }

const std::string& required(const HeaderText& header, const std::string& key) {
  const std::string* value = header.find(key);
  if (value == nullptr) throw reject(kReason, "the header lacks '" + key + "'", kDamaged);
  return *value;
}

VoxelType type_of(const std::string& name) {
  static const std::map<std::string, VoxelType> kNames{
      {"MET_CHAR", VoxelType::kInt8},     {"MET_UCHAR", VoxelType::kUInt8},   {"MET_SHORT", VoxelType::kInt16},
      {"MET_USHORT", VoxelType::kUInt16}, {"MET_INT", VoxelType::kInt32},     {"MET_UINT", VoxelType::kUInt32},
      {"MET_FLOAT", VoxelType::kFloat32}, {"MET_DOUBLE", VoxelType::kFloat64}};
  const auto found = kNames.find(name);
  if (found == kNames.end())
    throw reject("MHA_TYPE", "voxel type '" + name + "' is not one gadolin reads", "save as integers or floats");
  return found->second;
}

bool truth(const HeaderText& header, const std::string& key, bool otherwise) {
  const std::string* value = header.find(key);
  if (value == nullptr) return otherwise;
  if (*value == "True" || *value == "true" || *value == "TRUE") return true;
  if (*value == "False" || *value == "false" || *value == "FALSE") return false;
  throw reject(kReason, "'" + key + "' is neither True nor False", kDamaged);
}

// The fields that say where the voxels lie: three numbers each, nine for the matrix.
void check_place(const HeaderText& header) {
  for (const char* key : {"Offset", "Origin", "Position", "ElementSpacing", "ElementSize", "CenterOfRotation"}) {
    const std::string* value = header.find(key);
    if (value != nullptr && real_numbers(*value, kReason).size() != 3)
      throw reject(kReason, std::string("'") + key + "' is not three numbers", kDamaged);
  }
  for (const char* key : {"TransformMatrix", "Rotation", "Orientation"}) {
    const std::string* value = header.find(key);
    if (value != nullptr && real_numbers(*value, kReason).size() != 9)
      throw reject(kReason, std::string("'") + key + "' is not nine numbers", kDamaged);
  }
  if (header.find("ElementSpacing") == nullptr && header.find("ElementSize") == nullptr)
    throw reject(kReason, "the header does not tell the voxel size", kDamaged);
}

VoxelPlace voxel_place(const std::filesystem::path& path, const HeaderText& header) {
  const std::string& name = required(header, "ElementDataFile");
  const bool local = name == "LOCAL" || name == "Local" || name == "local";
  VoxelPlace place{local ? path : data_file(path, name, kReason), Packing::kPlain, local ? header.size_bytes : 0};
  place.swapped = truth(header, "BinaryDataByteOrderMSB", truth(header, "ElementByteOrderMSB", false));
  if (!truth(header, "CompressedData", false)) return place;
  place.packing = Packing::kZlib;
  if (const std::string* size = header.find("CompressedDataSize")) {
    const std::vector<std::int64_t> given = whole_numbers(*size, kReason);
    if (given.size() != 1 || given[0] <= 0) throw reject(kReason, "the compressed size is no size", kDamaged);
    place.length = static_cast<std::uint64_t>(given[0]);
  }
  return place;
}

volume::Volume read(const std::filesystem::path& path) {
  // MetaIO reads lines into fixed buffers; a real field is far shorter than this.
  const HeaderText header = read_header_text(path, {"=", "ElementDataFile", kReason, 400, false});
  if (!header.complete) throw reject("TRUNCATED", "the file ends within its header", kDamaged);
  if (const std::string* kind = header.find("ObjectType"); kind != nullptr && *kind != "Image")
    throw reject("NOT_MHA", "the file holds no image but '" + *kind + "'", "check that it is the file you mean");
  if (required(header, "NDims") != "3") {
    throw reject("MHA_4D", "the image has " + required(header, "NDims") + " dimensions",
                 "split it into 3-D images, one a channel or time point");
  }
  if (const std::string* channels = header.find("ElementNumberOfChannels"); channels != nullptr && *channels != "1")
    throw reject("NOT_GRAYSCALE", "the image has several values a voxel", "save one value a voxel");
  if (!truth(header, "BinaryData", true)) throw reject(kReason, "the voxels are written as text", "save as binary");
  if (const std::string* gap = header.find("HeaderSize"); gap != nullptr && *gap != "0")
    throw reject(kReason, "the data begin behind a gap", "save the image as one .mha file");
  const std::vector<std::int64_t> sizes = whole_numbers(required(header, "DimSize"), kReason);
  if (sizes.size() != 3) throw reject(kReason, "the header does not give three sizes", kDamaged);
  const Promise promise{{sizes[2], sizes[1], sizes[0]}, type_of(required(header, "ElementType"))};
  check_place(header);
  checked_size(promise.shape, promise.type, "MHA_DIM");
  volume::Volume image = read_voxels(voxel_place(path, header), promise.shape, promise.type);
  image.geometry = geometry_with(*itk::MetaImageIO::New(), path, promise);
  return image;
}

void write(const std::filesystem::path& path, const volume::Volume& volume) {
  if (path.extension() != ".mha")
    throw core::usage_error("gadolin writes MetaImage as one file", "name it " + path.stem().string() + ".mha");
  write_with(*itk::MetaImageIO::New(), path, volume);
}

}  // namespace

extern const Format mha_format;
const Format mha_format{"mha", kExtensions, mine, read, write};

}  // namespace io
