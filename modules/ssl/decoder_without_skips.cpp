#include "ssl/decoder_without_skips.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <string>

#include "models/stages.h"
#include "runtime/recompute.h"

namespace ssl {
namespace {

using models::Extent;

constexpr models::Between kOverAllChannels{1, 0.01};

}  // namespace

DecoderWithoutSkips::Step::Step(std::int64_t in, std::int64_t out, const Extent& factor) {
  up = register_module("up", std::make_shared<models::UpConv>(in, out, factor));
  norm = register_module("norm", std::make_shared<models::Norm>(out, kOverAllChannels));
  merge = register_module("merge", std::make_shared<models::ConvNorm>(out, out, Extent{3, 3, 3}, Extent{1, 1, 1}, true,
                                                                      true, kOverAllChannels));
}

// What is too much at the far end is cut off before anything is normalised.
at::Tensor DecoderWithoutSkips::Step::forward(const at::Tensor& x, const Extent& extent) const {
  at::Tensor larger = up->forward(x);
  for (std::size_t axis = 0; axis < 3; ++axis)
    larger = larger.narrow(static_cast<std::int64_t>(axis) + 2, 0, extent[axis]);
  return merge->forward(norm->forward(larger, /*active=*/true));
}

DecoderWithoutSkips::DecoderWithoutSkips(const models::Encoder& encoder) {
  Extent stride = encoder.stride().back();
  std::int64_t in = encoder.channels().back();
  for (const Extent& factor : models::steps_up(stride)) {
    for (std::size_t axis = 0; axis < 3; ++axis) stride[axis] /= factor[axis];
    strides_.push_back(stride);
    channels_.push_back(std::max<std::int64_t>(in / 2, 8));
    steps_.push_back(
        register_module("step" + std::to_string(steps_.size()), std::make_shared<Step>(in, channels_.back(), factor)));
    in = channels_.back();
  }
}

std::vector<at::Tensor> DecoderWithoutSkips::scales(const at::Tensor& coarsest, at::IntArrayRef extent) {
  std::vector<at::Tensor> all;
  at::Tensor x = coarsest;
  for (std::size_t s = 0; s < steps_.size(); ++s) {
    Extent here{};
    for (std::size_t axis = 0; axis < 3; ++axis)
      here[axis] = (extent[axis] + strides_[s][axis] - 1) / strides_[s][axis];
    x = runtime::recomputed(*steps_[s],
                            [&step = *steps_[s], here](const auto& in) { return step.forward(in[0], here); }, {x});
    all.push_back(x);
  }
  return all;
}

}  // namespace ssl
