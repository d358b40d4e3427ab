#pragma once
// Whole cases kept in memory, up to a number of bytes; the one not asked for longest goes first.

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "data/view_maker.h"

namespace data {

// Safe from many threads. Pictures are shared: whoever is given one must not write to it. A case that two threads ask
// for at once may be read twice.
class PictureCache {
 public:
  explicit PictureCache(std::int64_t limit_bytes) : limit_bytes_(limit_bytes) {}

  // What is kept, else what `read` gives, kept when it fits.
  std::shared_ptr<const Picture> get(std::int64_t case_index, const std::function<Picture()>& read);

  std::int64_t size_bytes() const;

 private:
  struct Kept {
    std::int64_t case_index = 0, bytes = 0;
    std::shared_ptr<const Picture> picture;
  };
  const std::int64_t limit_bytes_;
  mutable std::mutex mutex_;
  std::list<Kept> kept_;  // last asked for first
  std::unordered_map<std::int64_t, std::list<Kept>::iterator> place_;
  std::int64_t bytes_ = 0;
};

// The box (voxels of the case's grid) of a picture of the whole case, as a copy.
Picture part_of(const Picture& whole, const volume::VoxelBox& box);

}  // namespace data
