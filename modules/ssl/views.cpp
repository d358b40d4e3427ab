#include "ssl/views.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "core/error.h"

namespace ssl {

void need_samples(const data::Batch& batch, const runtime::Comm& comm, std::int64_t least, std::string_view method,
                  std::string_view why) {
  const std::int64_t there = batch.size() * comm.size();
  if (there >= least) return;
  throw core::usage_error(
      std::string(method) + " was given a batch of " + std::to_string(there) + ": " + std::string(why),
      "give data.batch_size of " + std::to_string(least) + " or more");
}

at::Tensor embeddings_of(models::Encoder& encoder, std::span<const data::View> views) {
  std::vector<at::Tensor> parts;
  for (std::size_t begin = 0; begin < views.size();) {
    std::vector<at::Tensor> images;
    std::size_t end = begin;
    for (; end < views.size() && views[end].images.sizes() == views[begin].images.sizes(); ++end)
      images.push_back(views[end].images);
    parts.push_back(encoder.embedding(images.size() == 1 ? images[0] : at::cat(images)));
    begin = end;
  }
  return parts.size() == 1 ? parts[0] : at::cat(parts);
}

models::Extent small_patch_of(const Crops& crops, const Setup& setup) {
  models::Extent small{};
  const std::vector<std::int64_t>& given = crops.small_patch;
  if (!given.empty() && given.size() != 1 && given.size() != 3)
    throw core::usage_error("small_patch has " + std::to_string(given.size()) + " numbers",
                            "small_patch: [32, 32, 32], or one number for all three");
  for (std::size_t a = 0; a < 3; ++a) {
    small[a] = given.empty() ? std::max<std::int64_t>(setup.input.patch[a] / 2, 1) : given[given.size() == 1 ? 0 : a];
  }
  if (crops.crops.small > 0) core::with_context("small views", [&] { setup.encoder->check_extent(small); });
  return small;
}

std::vector<augment::Recipe> recipes_of(const Crops& crops, const models::Input& input, const models::Extent& small) {
  return augment::multi_crop({input.patch[0], input.patch[1], input.patch[2]}, {small[0], small[1], small[2]},
                             crops.crops);
}

}  // namespace ssl
