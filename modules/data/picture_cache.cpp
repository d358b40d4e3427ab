#include "data/picture_cache.h"

#include <ATen/ATen.h>

namespace data {

std::shared_ptr<const Picture> PictureCache::get(std::int64_t case_index, const std::function<Picture()>& read) {
  {
    const std::scoped_lock lock(mutex_);
    const auto found = place_.find(case_index);
    if (found != place_.end()) {
      kept_.splice(kept_.begin(), kept_, found->second);
      return found->second->picture;
    }
  }
  const auto picture = std::make_shared<const Picture>(read());
  const auto bytes = static_cast<std::int64_t>(picture->image.nbytes()) +
                     (picture->labels.defined() ? static_cast<std::int64_t>(picture->labels.nbytes()) : 0);
  const std::scoped_lock lock(mutex_);
  if (bytes > limit_bytes_ || place_.contains(case_index)) return picture;
  kept_.push_front({case_index, bytes, picture});
  place_[case_index] = kept_.begin();
  bytes_ += bytes;
  while (bytes_ > limit_bytes_) {
    bytes_ -= kept_.back().bytes;
    place_.erase(kept_.back().case_index);
    kept_.pop_back();
  }
  return picture;
}

std::int64_t PictureCache::size_bytes() const {
  const std::scoped_lock lock(mutex_);
  return bytes_;
}

Picture part_of(const Picture& whole, const volume::VoxelBox& box) {
  const auto cut = [&](at::Tensor tensor) {
    for (int a = 0; a < 3; ++a) tensor = tensor.narrow(a - 3, box.begin[a], box.shape[a]);
    return tensor.clone(at::MemoryFormat::Contiguous);
  };
  Picture part;
  part.image = cut(whole.image);
  if (whole.labels.defined()) part.labels = cut(whole.labels);
  part.box = box;
  part.case_shape = whole.case_shape;
  return part;
}

}  // namespace data
