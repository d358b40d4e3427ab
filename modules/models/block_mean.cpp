#include "models/block_mean.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <vector>

#include "core/error.h"
#include "models/by_type.h"
#include "models/layout.h"
#include "models/wide.h"
#include "runtime/bf16.h"

namespace models {
namespace {

GADOLIN_WIDE void add(const float* __restrict from, float* __restrict sum, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += from[i];
}
GADOLIN_WIDE void add(const Bits* __restrict from, float* __restrict sum, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) sum[i] += runtime::from_bf16(from[i]);
}
GADOLIN_WIDE void share_out(const float* __restrict sum, float share, float* __restrict to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = sum[i] * share;
}
GADOLIN_WIDE void share_out(const float* __restrict sum, float share, Bits* __restrict to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = runtime::to_bf16(sum[i] * share);
}

// A picture [N, D, H, W, C], fine, and its blocks, coarse.
struct Blocks {
  std::int64_t samples, channels;
  Extent fine, coarse, stride;

  std::int64_t length(std::size_t axis, std::int64_t block) const {
    return std::min(stride[axis], fine[axis] - block * stride[axis]);
  }
  // body(number of the coarse voxel, number of each fine one of its block, channels of float for scratch).
  template <class Body>
  void each(const Body& body) const {
    at::parallel_for(0, samples * coarse[0] * coarse[1], 1, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> scratch(static_cast<std::size_t>(channels));
      std::vector<std::int64_t> block;
      for (std::int64_t line = begin; line < end; ++line) {
        const std::int64_t h = line % coarse[1], d = line / coarse[1] % coarse[0], n = line / coarse[1] / coarse[0];
        for (std::int64_t w = 0; w < coarse[2]; ++w) {
          block.clear();
          for (std::int64_t i = 0; i < length(0, d); ++i) {
            for (std::int64_t j = 0; j < length(1, h); ++j) {
              const std::int64_t row = (n * fine[0] + d * stride[0] + i) * fine[1] + h * stride[1] + j;
              for (std::int64_t k = 0; k < length(2, w); ++k) block.push_back(row * fine[2] + w * stride[2] + k);
            }
          }
          body(line * coarse[2] + w, block, scratch);
        }
      }
    });
  }
};

Blocks blocks_of(const at::Tensor& fine, const Extent& stride) {
  Blocks blocks{fine.size(0), fine.size(1), {}, {}, stride};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    blocks.fine[axis] = fine.size(static_cast<std::int64_t>(axis) + 2);
    blocks.coarse[axis] = (blocks.fine[axis] + stride[axis] - 1) / stride[axis];
  }
  return blocks;
}

template <class T>
void take_means(const Blocks& blocks, const T* fine, T* coarse) {
  const std::int64_t channels = blocks.channels;
  blocks.each([&](std::int64_t voxel, const std::vector<std::int64_t>& block, std::vector<float>& sum) {
    std::ranges::fill(sum, 0.0f);
    for (const std::int64_t each : block) add(fine + each * channels, sum.data(), channels);
    share_out(sum.data(), 1 / static_cast<float>(block.size()), coarse + voxel * channels, channels);
  });
}

template <class T>
void spread(const Blocks& blocks, const T* coarse, T* fine) {
  const std::int64_t channels = blocks.channels;
  blocks.each([&](std::int64_t voxel, const std::vector<std::int64_t>& block, std::vector<float>& own) {
    std::ranges::fill(own, 0.0f);
    add(coarse + voxel * channels, own.data(), channels);
    const float share = 1 / static_cast<float>(block.size());
    for (const std::int64_t each : block) share_out(own.data(), share, fine + each * channels, channels);
  });
}

struct BlockMean : torch::autograd::Function<BlockMean> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given,
                            at::IntArrayRef stride) {
    const at::Tensor x = channels_last(given);
    const Blocks blocks = blocks_of(x, {stride[0], stride[1], stride[2]});
    const at::Tensor y =
        channels_last(at::empty({blocks.samples, blocks.channels, blocks.coarse[0], blocks.coarse[1], blocks.coarse[2]},
                                x.options().memory_format(at::MemoryFormat::ChannelsLast3d)));
    by_type(x, [&]<class T>(T) {
      take_means(blocks, static_cast<const T*>(x.const_data_ptr()), static_cast<T*>(y.data_ptr()));
    });
    context->saved_data["stride"] = stride.vec();
    context->saved_data["sizes"] = x.sizes().vec();
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const at::Tensor dy = channels_last(gradients[0]);
    const auto stride = context->saved_data["stride"].toIntVector(), sizes = context->saved_data["sizes"].toIntVector();
    const at::Tensor dx = channels_last(at::empty(sizes, dy.options().memory_format(at::MemoryFormat::ChannelsLast3d)));
    const Blocks blocks = blocks_of(dx, {stride[0], stride[1], stride[2]});
    by_type(dy, [&]<class T>(T) {
      spread(blocks, static_cast<const T*>(dy.const_data_ptr()), static_cast<T*>(dx.data_ptr()));
    });
    return {dx, {}};
  }
};

}  // namespace

at::Tensor block_mean_plain(const at::Tensor& x, const Extent& stride) {
  return at::avg_pool3d(x, stride, stride, /*padding=*/{0, 0, 0}, /*ceil_mode=*/true, /*count_include_pad=*/false);
}

at::Tensor block_mean(const at::Tensor& x, const Extent& stride) {
  GADOLIN_CHECK(x.dim() == 5 && std::ranges::min(stride) >= 1);
  const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  if (!x.is_cpu() || !known || x.numel() == 0) return block_mean_plain(x, stride);
  return BlockMean::apply(x, at::IntArrayRef(stride));
}

}  // namespace models
