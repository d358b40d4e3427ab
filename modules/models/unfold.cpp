#include "models/unfold.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <cstring>
#include <optional>
#include <vector>

#include "core/error.h"
#include "models/layout.h"

namespace models {
namespace {

using Bytes = std::size_t;

// One copy of `own` bytes in each voxel of the result, one of `other` bytes from the picture beside.
struct Unfolding {
  std::int64_t samples;
  Extent from, to, stride;
  Bytes own, other;

  // body(offset in the folded picture, in the result, in the picture beside), in bytes.
  template <class Body>
  void each_voxel(const Body& body) const {
    at::parallel_for(0, samples * to[0] * to[1], 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t h = line % to[1], d = line / to[1] % to[0], n = line / to[1] / to[0];
        const std::int64_t row = ((n * from[0] + d / stride[0]) * from[1] + h / stride[1]) * from[2];
        const std::int64_t in_block = (d % stride[0] * stride[1] + h % stride[1]) * stride[2];
        const std::int64_t block = stride[0] * stride[1] * stride[2];
        for (std::int64_t w = 0; w < to[2]; ++w) {
          const std::int64_t folded = (row + w / stride[2]) * block + in_block + w % stride[2];
          const auto voxel = static_cast<Bytes>(line * to[2] + w);
          body(static_cast<Bytes>(folded) * own, voxel * (own + other), voxel * other);
        }
      }
    });
  }
  bool cuts() const { return to != Extent{from[0] * stride[0], from[1] * stride[1], from[2] * stride[2]}; }
};

Extent extent_of(const at::Tensor& picture) { return {picture.size(2), picture.size(3), picture.size(4)}; }

Unfolding unfolding_of(const at::Tensor& x, const Extent& stride, const at::Tensor& result) {
  const std::int64_t channels = x.size(1) / (stride[0] * stride[1] * stride[2]);
  const auto bytes = [&](std::int64_t numbers) { return static_cast<Bytes>(numbers) * x.element_size(); };
  return {x.size(0), extent_of(x), extent_of(result), stride, bytes(channels), bytes(result.size(1) - channels)};
}

at::Tensor empty_channels_last(at::IntArrayRef sizes, const at::Tensor& like) {
  return channels_last(at::empty(sizes, like.options().memory_format(at::MemoryFormat::ChannelsLast3d)));
}

struct Unfold : torch::autograd::Function<Unfold> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, at::IntArrayRef by,
                            const std::optional<at::Tensor>& given_beside) {
    const Extent stride{by[0], by[1], by[2]};
    const at::Tensor x = channels_last(given);
    const at::Tensor beside = given_beside ? channels_last(given_beside->to(x.scalar_type())) : at::Tensor();
    const Extent to =
        given_beside ? extent_of(beside) : Extent{x.size(2) * by[0], x.size(3) * by[1], x.size(4) * by[2]};
    const std::int64_t channels = x.size(1) / (by[0] * by[1] * by[2]) + (given_beside ? beside.size(1) : 0);
    const at::Tensor result = empty_channels_last({x.size(0), channels, to[0], to[1], to[2]}, x);
    const Unfolding plan = unfolding_of(x, stride, result);
    const auto* const folded = static_cast<const char*>(x.const_data_ptr());
    const auto* const side = given_beside ? static_cast<const char*>(beside.const_data_ptr()) : nullptr;
    auto* const out = static_cast<char*>(result.data_ptr());
    plan.each_voxel([&](Bytes own, Bytes voxel, Bytes other) {
      std::memcpy(out + voxel, folded + own, plan.own);
      if (side != nullptr) std::memcpy(out + voxel + plan.own, side + other, plan.other);
    });
    context->saved_data["stride"] = by.vec();
    context->saved_data["sizes"] = x.sizes().vec();
    return result;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor given = channels_last(gradients[0]);
    const auto by = context->saved_data["stride"].toIntVector(), sizes = context->saved_data["sizes"].toIntVector();
    const at::Tensor dx = empty_channels_last(sizes, given);
    const Unfolding plan = unfolding_of(dx, {by[0], by[1], by[2]}, given);
    if (plan.cuts()) dx.zero_();
    const std::int64_t others = given.size(1) - sizes[1] / (by[0] * by[1] * by[2]);
    const at::Tensor d_beside =
        others == 0 ? at::Tensor()
                    : empty_channels_last({given.size(0), others, given.size(2), given.size(3), given.size(4)}, given);
    const auto* const from = static_cast<const char*>(given.const_data_ptr());
    auto* const folded = static_cast<char*>(dx.data_ptr());
    auto* const side = d_beside.defined() ? static_cast<char*>(d_beside.data_ptr()) : nullptr;
    plan.each_voxel([&](Bytes own, Bytes voxel, Bytes other) {
      std::memcpy(folded + own, from + voxel, plan.own);
      if (side != nullptr) std::memcpy(side + other, from + voxel + plan.own, plan.other);
    });
    return {dx, {}, d_beside};
  }
};

}  // namespace

at::Tensor unfold_beside_plain(const at::Tensor& x, const Extent& stride, const at::Tensor& beside) {
  const std::int64_t channels = x.size(1) / (stride[0] * stride[1] * stride[2]);
  at::Tensor picture =
      x.reshape({x.size(0), stride[0], stride[1], stride[2], channels, x.size(2), x.size(3), x.size(4)})
          .permute({0, 4, 5, 1, 6, 2, 7, 3})
          .reshape({x.size(0), channels, x.size(2) * stride[0], x.size(3) * stride[1], x.size(4) * stride[2]});
  if (!beside.defined()) return picture;
  for (std::int64_t axis = 2; axis < 5; ++axis) picture = picture.narrow(axis, 0, beside.size(axis));
  return at::cat({picture, beside.to(x.scalar_type())}, 1);
}

at::Tensor unfold_beside(const at::Tensor& x, const Extent& stride, const at::Tensor& beside) {
  GADOLIN_CHECK(x.dim() == 5 && x.size(1) % (stride[0] * stride[1] * stride[2]) == 0);
  for (std::int64_t axis = 2; beside.defined() && axis < 5; ++axis) {
    GADOLIN_CHECK(beside.size(0) == x.size(0) &&
                  beside.size(axis) <= x.size(axis) * stride[static_cast<std::size_t>(axis) - 2]);
  }
  if (!x.is_cpu() || x.numel() == 0) return unfold_beside_plain(x, stride, beside);
  return Unfold::apply(x, at::IntArrayRef(stride), beside.defined() ? std::optional(beside) : std::nullopt);
}

}  // namespace models
