#pragma once
// Embeddings of a cohort in one HDF5 file that h5py reads as it is: what probes, neighbours and notebooks start from.
//
//   /embedding  float32 [N, C]      /ids, /patients  UTF-8 strings [N], in the order of rows
//   /dense/000017  float32 [C, d, h, w] of row 17, where dense features were asked for
//   attributes of the file: "format" and the facts ("key", "weights", "data", "config", "version", ...), all text

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace pipelines {

inline constexpr const char* kFeatureFormat = "gadolin-features-1";

struct CaseFeatures {
  std::string id, patient;
  at::Tensor embedding;  // [C]
  at::Tensor dense;      // [C, d, h, w], or undefined
};

struct FeatureFile {
  std::map<std::string, std::string> facts;
  std::vector<std::string> ids, patients;
  at::Tensor embedding;  // [N, C]
};

// Rows 0 .. count-1 as `row` gives them, one at a time, so that dense features of one case only are in memory.
// Published atomically. Throws Error when an embedding has another length than the first, or the disk is full.
void write_features(const std::filesystem::path& path, const std::map<std::string, std::string>& facts,
                    std::int64_t count, const std::function<CaseFeatures(std::int64_t)>& row);

// All but the dense features. Throws Error when it is missing, damaged or no such file.
FeatureFile read_features(const std::filesystem::path& path);
// The dense features of one row. Throws Error when there are none.
at::Tensor read_dense_features(const std::filesystem::path& path, std::int64_t row);
// The fact "key" of a file that is there and sound enough to be opened, else empty.
std::string feature_key(const std::filesystem::path& path);

}  // namespace pipelines
