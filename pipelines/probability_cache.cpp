#include "pipelines/probability_cache.h"

#include <algorithm>
#include <array>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "store/hdf5.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using store::hdf5_require;
using store::Hdf5Handle;

constexpr const char* kCacheFormat = "gadolin-probabilities-1";

void put_text(hid_t owner, const char* name, const std::string& text) {
  const Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "describe text");
  hdf5_require(H5Tset_size(type, std::max<std::size_t>(1, text.size())), "describe text");
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, "describe text");
  const Hdf5Handle attribute(H5Acreate2(owner, name, type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose, "write text");
  hdf5_require(H5Awrite(attribute, type, text.empty() ? "" : text.c_str()), "write text");
}

std::string text_of(hid_t owner, const char* name) {
  if (H5Aexists(owner, name) <= 0) return {};
  const Hdf5Handle attribute(H5Aopen(owner, name, H5P_DEFAULT), H5Aclose, "read text");
  const Hdf5Handle type(H5Aget_type(attribute), H5Tclose, "read text");
  if (H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0) return {};
  std::string text(H5Tget_size(type), '\0');
  hdf5_require(H5Aread(attribute, type, text.data()), "read text");
  return text;
}

void put_numbers(hid_t owner, const char* name, std::span<const double> numbers) {
  const hsize_t size = numbers.size();
  const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose, "describe numbers");
  const Hdf5Handle attribute(H5Acreate2(owner, name, H5T_IEEE_F64LE, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                             "write numbers");
  hdf5_require(H5Awrite(attribute, H5T_NATIVE_DOUBLE, numbers.data()), "write numbers");
}

template <std::size_t N>
std::array<double, N> numbers_of(hid_t owner, const char* name) {
  const Hdf5Handle attribute(H5Aopen(owner, name, H5P_DEFAULT), H5Aclose, "read numbers");
  const Hdf5Handle space(H5Aget_space(attribute), H5Sclose, "read numbers");
  if (H5Sget_simple_extent_npoints(space) != static_cast<hssize_t>(N))
    throw core::Error("a cached geometry is damaged");
  std::array<double, N> numbers{};
  hdf5_require(H5Aread(attribute, H5T_NATIVE_DOUBLE, numbers.data()), "read numbers");
  return numbers;
}

// Chunks are slices of one class at most 256 voxels wide.
void put_array(hid_t owner, const char* name, hid_t type, const std::vector<hsize_t>& shape, const void* voxels) {
  std::vector<hsize_t> piece(shape.size(), 1);
  for (std::size_t i = shape.size() - 2; i < shape.size(); ++i) piece[i] = std::min<hsize_t>(shape[i], 256);
  piece[shape.size() - 3] = std::min<hsize_t>(shape[shape.size() - 3], 16);
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr), H5Sclose, "describe");
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "describe");
  hdf5_require(H5Pset_chunk(creation, static_cast<int>(piece.size()), piece.data()), "set chunks");
  hdf5_require(H5Pset_deflate(creation, 1), "set deflate");
  hdf5_require(H5Pset_fletcher32(creation), "set checksum");
  const Hdf5Handle set(H5Dcreate2(owner, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT), H5Dclose, "write");
  hdf5_require(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, voxels), "write probabilities");
}

volume::Geometry geometry_of(hid_t group) {
  volume::Geometry geometry;
  geometry.origin_mm = numbers_of<3>(group, "origin_mm");
  geometry.spacing_mm = numbers_of<3>(group, "spacing_mm");
  const auto direction = numbers_of<9>(group, "direction");
  for (std::size_t i = 0; i < 9; ++i) geometry.direction[i / 3][i % 3] = direction[i];
  geometry.check();
  return geometry;
}

void put_geometry(hid_t group, const volume::Geometry& geometry) {
  put_numbers(group, "origin_mm", geometry.origin_mm);
  put_numbers(group, "spacing_mm", geometry.spacing_mm);
  std::array<double, 9> direction{};
  for (std::size_t i = 0; i < 9; ++i) direction[i] = geometry.direction[i / 3][i % 3];
  put_numbers(group, "direction", direction);
}

Hdf5Handle opened(const fs::path& file, unsigned how) {
  return {H5Fopen(file.c_str(), how, H5P_DEFAULT), H5Fclose, "open " + file.filename().string()};
}

}  // namespace

std::string CacheKey::name() const {
  return core::sha256_hex(std::string_view(weights + "\n" + data + "\n" + options)).substr(0, 32);
}

fs::path ProbabilityCache::unfinished() const { return file_.string() + ".unfinished"; }

ProbabilityCache::ProbabilityCache(fs::path file) : file_(std::move(file)) {
  if (fs::exists(unfinished())) {
    core::log_warn("the cache " + file_.filename().string() +
                   " was being written when a process ended; it is set aside");
    if (fs::exists(file_)) fs::rename(file_, file_.string() + ".damaged");
    fs::remove(unfinished());
  }
  const auto lock = store::hdf5_lock();
  if (!fs::exists(file_)) {
    core::publish_file(file_, [](const fs::path& path) {
      Hdf5Handle made(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT), H5Fclose, "make the cache");
      put_text(made, "format", kCacheFormat);
      made.close("make the cache");
    });
    return;
  }
  const Hdf5Handle there = opened(file_, H5F_ACC_RDONLY);
  if (text_of(there, "format") != kCacheFormat) {
    throw core::usage_error(file_.filename().string() + " is no cache of probabilities",
                            "--cache takes a new name, or a file that gadolin predict made");
  }
}

std::optional<volume::Volume> ProbabilityCache::labels(const CacheKey& key) const {
  const auto lock = store::hdf5_lock();
  const Hdf5Handle there = opened(file_, H5F_ACC_RDONLY);
  const std::string name = key.name();
  if (H5Lexists(there, name.c_str(), H5P_DEFAULT) <= 0) return std::nullopt;
  const Hdf5Handle group(H5Gopen2(there, name.c_str(), H5P_DEFAULT), H5Gclose, "read the cache");
  const Hdf5Handle set(H5Dopen2(group, "labels", H5P_DEFAULT), H5Dclose, "read the cache");
  const Hdf5Handle space(H5Dget_space(set), H5Sclose, "read the cache");
  const Hdf5Handle stored(H5Dget_type(set), H5Tclose, "read the cache");
  std::array<hsize_t, 3> shape{};
  if (H5Sget_simple_extent_ndims(space) != 3) throw core::Error("the cache holds a label map that is none");
  H5Sget_simple_extent_dims(space, shape.data(), nullptr);
  const auto type = H5Tget_size(stored) == 1 ? volume::VoxelType::kUInt8 : volume::VoxelType::kUInt16;
  volume::Volume map(
      {static_cast<std::int64_t>(shape[0]), static_cast<std::int64_t>(shape[1]), static_cast<std::int64_t>(shape[2])},
      type, geometry_of(group));
  hdf5_require(H5Dread(set, store::hdf5_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, map.bytes().data()),
               "read a cached label map");
  return map;
}

void ProbabilityCache::keep(const CacheKey& key, const std::string& case_id,
                            std::span<const std::uint8_t> probabilities, std::int64_t classes,
                            const volume::Volume& labels) {
  GADOLIN_CHECK(static_cast<std::int64_t>(probabilities.size()) == classes * labels.shape().voxels());
  const auto lock = store::hdf5_lock();
  core::publish_file(unfinished(), std::string_view("written by gadolin predict\n"));
  {
    Hdf5Handle there = opened(file_, H5F_ACC_RDWR);
    const std::string name = key.name();
    if (H5Lexists(there, name.c_str(), H5P_DEFAULT) > 0)
      hdf5_require(H5Ldelete(there, name.c_str(), H5P_DEFAULT), "replace in the cache");
    {
      const Hdf5Handle group(H5Gcreate2(there, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose,
                             "write the cache");
      put_text(group, "case", case_id);
      put_text(group, "weights", key.weights);
      put_text(group, "data", key.data);
      put_text(group, "options", key.options);
      put_geometry(group, labels.geometry);
      const volume::Shape& s = labels.shape();
      const std::vector<hsize_t> grid{static_cast<hsize_t>(s.depth), static_cast<hsize_t>(s.height),
                                      static_cast<hsize_t>(s.width)};
      put_array(group, "labels", store::hdf5_type(labels.type()), grid, labels.bytes().data());
      put_array(group, "probabilities", H5T_STD_U8LE, {static_cast<hsize_t>(classes), grid[0], grid[1], grid[2]},
                probabilities.data());
    }
    hdf5_require(H5Fflush(there, H5F_SCOPE_GLOBAL), "write the cache");
    there.close("write the cache");
  }
  fs::remove(unfinished());
}

}  // namespace pipelines
