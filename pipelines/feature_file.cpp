#include "pipelines/feature_file.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "core/files.h"
#include "store/hdf5.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using store::hdf5_require;
using store::Hdf5Handle;

Hdf5Handle text_type() {
  Hdf5Handle type(H5Tcopy(H5T_C_S1), H5Tclose, "describe text");
  hdf5_require(H5Tset_size(type, H5T_VARIABLE), "describe text");
  hdf5_require(H5Tset_cset(type, H5T_CSET_UTF8), "describe text");
  return type;
}

void write_numbers(hid_t place, const std::string& name, const at::Tensor& tensor) {
  const at::Tensor plain = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  const std::vector<hsize_t> sizes(plain.sizes().begin(), plain.sizes().end());
  const Hdf5Handle space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr), H5Sclose,
                         "describe " + name);
  const Hdf5Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose, "describe " + name);
  if (plain.numel() > 0) {
    std::vector<hsize_t> chunk = sizes;
    chunk[0] = std::min<hsize_t>(chunk[0], 256);
    hdf5_require(H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data()), "set chunks");
    hdf5_require(H5Pset_fletcher32(creation), "set checksum");
  }
  const Hdf5Handle set(H5Dcreate2(place, name.c_str(), H5T_IEEE_F32LE, space, H5P_DEFAULT, creation, H5P_DEFAULT),
                       H5Dclose, "make " + name);
  hdf5_require(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, plain.data_ptr<float>()),
               "write " + name);
}

void write_texts(hid_t place, const std::string& name, const std::vector<std::string>& texts) {
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  const hsize_t size = texts.size();
  const Hdf5Handle type = text_type();
  const Hdf5Handle space(H5Screate_simple(1, &size, nullptr), H5Sclose, "describe " + name);
  const Hdf5Handle set(H5Dcreate2(place, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Dclose,
                       "make " + name);
  if (!texts.empty())
    hdf5_require(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), "write " + name);
}

void write_fact(hid_t file, const std::string& name, const std::string& text) {
  const char* pointer = text.c_str();
  const Hdf5Handle type = text_type();
  const Hdf5Handle space(H5Screate(H5S_SCALAR), H5Sclose, "describe " + name);
  const Hdf5Handle attribute(H5Acreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose,
                             "make attribute " + name);
  hdf5_require(H5Awrite(attribute, type, static_cast<const void*>(&pointer)), "write attribute " + name);
}

Hdf5Handle open_file(const fs::path& path) {
  if (!fs::exists(path)) throw core::Error("there is no file " + path.string());
  return {H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose, "open " + path.filename().string()};
}

at::Tensor read_numbers(hid_t place, const std::string& name, int axes) {
  const Hdf5Handle set(H5Dopen2(place, name.c_str(), H5P_DEFAULT), H5Dclose, "find " + name);
  const Hdf5Handle space(H5Dget_space(set), H5Sclose, "read the shape of " + name);
  std::vector<hsize_t> sizes(static_cast<std::size_t>(axes));
  if (H5Sget_simple_extent_ndims(space) != axes || H5Sget_simple_extent_dims(space, sizes.data(), nullptr) != axes) {
    throw core::Error(name + " has another number of axes than " + std::to_string(axes));
  }
  at::Tensor numbers = at::empty(std::vector<std::int64_t>(sizes.begin(), sizes.end()), at::kFloat);
  hdf5_require(H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, numbers.data_ptr<float>()),
               "read " + name);
  return numbers;
}

std::vector<std::string> read_texts(hid_t place, const std::string& name) {
  const Hdf5Handle set(H5Dopen2(place, name.c_str(), H5P_DEFAULT), H5Dclose, "find " + name);
  const Hdf5Handle space(H5Dget_space(set), H5Sclose, "read the shape of " + name);
  const Hdf5Handle type = text_type();
  std::vector<char*> pointers(static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space))));
  std::vector<std::string> texts;
  if (pointers.empty()) return texts;
  hdf5_require(H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, pointers.data()), "read " + name);
  for (const char* pointer : pointers) texts.emplace_back(pointer == nullptr ? "" : pointer);
  hdf5_require(H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data()), "free " + name);
  return texts;
}

std::string read_fact(hid_t file, const std::string& name) {
  const Hdf5Handle attribute(H5Aopen(file, name.c_str(), H5P_DEFAULT), H5Aclose, "find attribute " + name);
  const Hdf5Handle type = text_type();
  char* pointer = nullptr;
  hdf5_require(H5Aread(attribute, type, static_cast<void*>(&pointer)), "read attribute " + name);
  std::string text = pointer == nullptr ? "" : pointer;
  H5free_memory(pointer);
  return text;
}

herr_t append_attribute(hid_t, const char* name, const H5A_info_t*, void* names) {
  static_cast<std::vector<std::string>*>(names)->emplace_back(name);
  return 0;
}

std::map<std::string, std::string> read_facts(hid_t file) {
  std::vector<std::string> names;
  hdf5_require(H5Aiterate2(file, H5_INDEX_NAME, H5_ITER_INC, nullptr, append_attribute, &names), "list attributes");
  std::map<std::string, std::string> facts;
  for (const std::string& name : names) facts[name] = read_fact(file, name);
  const auto format = facts.find("format");
  if (format == facts.end() || format->second != kFeatureFormat)
    throw core::Error("it is no file of features of this version", "write it again with gadolin embed");
  facts.erase(format);
  return facts;
}

std::string dense_name(std::int64_t row) { return fmt::format("{:06}", row); }

void write_into(const fs::path& path, const std::map<std::string, std::string>& facts, std::int64_t count,
                const std::function<CaseFeatures(std::int64_t)>& row) {
  std::vector<at::Tensor> rows;
  std::vector<std::string> ids, patients;
  std::unique_lock lock = store::hdf5_lock();
  const Hdf5Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose, "make a file");
  hdf5_require(H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110), "set the format's version");
  Hdf5Handle file(H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access), H5Fclose, "make the file");
  Hdf5Handle dense;
  for (std::int64_t i = 0; i < count; ++i) {
    lock.unlock();
    CaseFeatures features;
    try {
      features = row(i);
    } catch (...) {
      lock.lock();
      throw;
    }
    lock.lock();
    ids.push_back(features.id);
    patients.push_back(features.patient);
    rows.push_back(features.embedding.detach().to(at::kCPU, at::kFloat));
    if (rows.back().sizes() != rows.front().sizes())
      throw core::Error("the embedding of case " + features.id + " has another length than that of " + ids.front());
    if (!features.dense.defined()) continue;
    if (dense < 0)
      dense =
          Hdf5Handle(H5Gcreate2(file, "dense", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT), H5Gclose, "make group dense");
    write_numbers(dense, dense_name(i), features.dense);
  }
  write_numbers(file, "embedding", rows.empty() ? at::empty({0, 0}) : at::stack(rows));
  write_texts(file, "ids", ids);
  write_texts(file, "patients", patients);
  write_fact(file, "format", kFeatureFormat);
  for (const auto& [name, text] : facts) write_fact(file, name, text);
  hdf5_require(H5Fflush(file, H5F_SCOPE_GLOBAL), "write the file out");
}

}  // namespace

void write_features(const fs::path& path, const std::map<std::string, std::string>& facts, std::int64_t count,
                    const std::function<CaseFeatures(std::int64_t)>& row) {
  core::publish_file(path, [&](const fs::path& temporary) { write_into(temporary, facts, count, row); });
}

FeatureFile read_features(const fs::path& path) {
  return core::with_context("read features " + path.filename().string(), [&] {
    const auto lock = store::hdf5_lock();
    const Hdf5Handle file = open_file(path);
    FeatureFile features;
    features.facts = read_facts(file);
    features.embedding = read_numbers(file, "embedding", 2);
    features.ids = read_texts(file, "ids");
    features.patients = read_texts(file, "patients");
    if (static_cast<std::int64_t>(features.ids.size()) != features.embedding.size(0))
      throw core::Error("it has another number of ids than of embeddings");
    return features;
  });
}

at::Tensor read_dense_features(const fs::path& path, std::int64_t row) {
  return core::with_context("read dense features " + path.filename().string(), [&] {
    const auto lock = store::hdf5_lock();
    const Hdf5Handle file = open_file(path);
    return read_numbers(file, "dense/" + dense_name(row), 4);
  });
}

std::string feature_key(const fs::path& path) {
  try {
    const auto lock = store::hdf5_lock();
    const Hdf5Handle file = open_file(path);
    const auto facts = read_facts(file);
    const auto found = facts.find("key");
    return found == facts.end() ? "" : found->second;
  } catch (const core::Error&) {
    return "";
  }
}

}  // namespace pipelines
