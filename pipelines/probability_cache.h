#pragma once
// Probabilities of segmented cases, kept in one HDF5 file so that they need not be computed again, and so that others
// can read them (Python: h5py.File(f)["<name>/probabilities"][...] / 255).
//
//   /                      format = "gadolin-probabilities-1"
//   /<name>/probabilities  uint8 [K, D, H, W] on the prepared grid; round(255 p), so p is right within 1/510
//   /<name>/labels         uint8 or uint16 [D, H, W]: the most probable class before rounding
//   /<name>                case, weights, data, options; origin_mm, spacing_mm, direction (LPS, axes {d, h, w})
//
// A name is made of the hashes of weights, data and options: what any of them changes is not found. While the file is
// being written FILE.unfinished stands beside it; a process that died there leaves it, and the next one sets the file
// aside unread and begins another: it is a cache. One process at a time.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "volume/volume.h"

namespace pipelines {

struct CacheKey {
  std::string weights, data, options;
  std::string name() const;
};

class ProbabilityCache {
 public:
  // Made when it is not there. Throws Error when the file is another program's.
  explicit ProbabilityCache(std::filesystem::path file);

  // The label map on the prepared grid, when this was kept.
  std::optional<volume::Volume> labels(const CacheKey& key) const;
  // `probabilities` is [classes, D, H, W] on the grid of `labels`.
  void keep(const CacheKey& key, const std::string& case_id, std::span<const std::uint8_t> probabilities,
            std::int64_t classes, const volume::Volume& labels);

 private:
  std::filesystem::path unfinished() const;
  std::filesystem::path file_;
};

}  // namespace pipelines
