#include "models/depthwise.h"

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

constexpr std::int64_t kLane = 16, kTogether = 4;

#define GADOLIN_INLINE __attribute__((always_inline)) inline

typedef float Lane __attribute__((vector_size(64)));
typedef Bits Narrow __attribute__((vector_size(32)));
typedef std::uint32_t Words __attribute__((vector_size(64)));

GADOLIN_INLINE void get(const float* from, Lane& to) { __builtin_memcpy(&to, from, sizeof(Lane)); }
GADOLIN_INLINE void get(const Bits* from, Lane& to) {
  Narrow bits;
  __builtin_memcpy(&bits, from, sizeof(Narrow));
  const Words words = __builtin_convertvector(bits, Words) << 16;
  __builtin_memcpy(&to, &words, sizeof(Lane));
}
GADOLIN_INLINE void put(const Lane& value, float* to) { __builtin_memcpy(to, &value, sizeof(Lane)); }
// runtime::to_bf16 of each.
GADOLIN_INLINE void put(const Lane& value, Bits* to) {
  Words words;
  __builtin_memcpy(&words, &value, sizeof(Lane));
  const Words rounded = (words + 0x7fffu + ((words >> 16) & 1u)) >> 16;
  const Narrow bits = __builtin_convertvector(value == value ? rounded : Words{} + 0x7fc0u, Narrow);
  __builtin_memcpy(to, &bits, sizeof(Narrow));
}
GADOLIN_INLINE float one(float value) { return value; }
GADOLIN_INLINE float one(Bits bits) { return runtime::from_bf16(bits); }
GADOLIN_INLINE void put(float value, float& to) { to = value; }
GADOLIN_INLINE void put(float value, Bits& to) { to = runtime::to_bf16(value); }

// The picture and its strided grid: voxel o of the grid takes the picture's o stride - kernel / 2 + tap.
struct Grids {
  std::int64_t samples, channels;
  Extent picture, grid, kernel, stride;

  std::int64_t taps() const { return kernel[0] * kernel[1] * kernel[2]; }
};

// Which voxel of an axis, by which tap.
struct Pair {
  std::int64_t in, tap;
};
using Pairs = std::vector<std::vector<Pair>>;

// For each voxel of the grid those of the picture that reach it, or the other way around.
Pairs pairs_along(const Grids& grids, std::size_t axis, bool to_grid) {
  const std::int64_t kernel = grids.kernel[axis], stride = grids.stride[axis];
  Pairs pairs(static_cast<std::size_t>(to_grid ? grids.grid[axis] : grids.picture[axis]));
  for (std::int64_t o = 0; o < grids.grid[axis]; ++o) {
    for (std::int64_t tap = 0; tap < kernel; ++tap) {
      const std::int64_t i = o * stride - kernel / 2 + tap;
      if (i < 0 || i >= grids.picture[axis]) continue;
      pairs[static_cast<std::size_t>(to_grid ? o : i)].push_back({to_grid ? i : o, tap});
    }
  }
  return pairs;
}

// A row of what reaches a row of the result: its first voxel, and its taps' first.
struct Row {
  std::int64_t in, tap;
};

template <class T>
struct GatherRow {
  const T* from;
  const float *weight, *bias;  // [taps, channels], [channels] or nullptr
  T* to;                       // the row of the result
  std::int64_t channels, length;
  const std::vector<Row>* rows;
  const Pairs* pairs;                        // along w
  const std::vector<std::int64_t>* regular;  // voxels to the right whose pairs are the same, so many further each
  std::int64_t step;

  GADOLIN_INLINE void channel(std::int64_t w, std::int64_t c) const {
    float sum = bias == nullptr ? 0 : bias[c];
    for (const Row& row : *rows)
      for (const Pair& pair : (*pairs)[static_cast<std::size_t>(w)])
        sum += one(from[(row.in + pair.in) * channels + c]) * weight[(row.tap + pair.tap) * channels + c];
    put(sum, to[w * channels + c]);
  }

  template <std::int64_t Count>
  GADOLIN_INLINE void lane(std::int64_t w, std::int64_t c) const {
    Lane sum[Count];
    for (std::int64_t i = 0; i < Count; ++i) sum[i] = Lane{};
    if (bias != nullptr)
      for (std::int64_t i = 0; i < Count; ++i) get(bias + c, sum[i]);
    for (const Row& row : *rows) {
      for (const Pair& pair : (*pairs)[static_cast<std::size_t>(w)]) {
        Lane factor;
        get(weight + (row.tap + pair.tap) * channels + c, factor);
        const T* const x = from + (row.in + pair.in) * channels + c;
        for (std::int64_t i = 0; i < Count; ++i) {
          Lane value;
          get(x + i * step * channels, value);
          sum[i] += value * factor;
        }
      }
    }
    for (std::int64_t i = 0; i < Count; ++i) put(sum[i], to + (w + i) * channels + c);
  }

  GADOLIN_INLINE void run() const {
    const std::int64_t whole = channels / kLane * kLane;
    for (std::int64_t w = 0; w < length;) {
      const bool together = (*regular)[static_cast<std::size_t>(w)] >= kTogether;
      for (std::int64_t c = 0; c < whole; c += kLane) {
        if (together)
          lane<kTogether>(w, c);
        else
          lane<1>(w, c);
      }
      for (std::int64_t i = 0; i < (together ? kTogether : 1); ++i)
        for (std::int64_t c = whole; c < channels; ++c) channel(w + i, c);
      w += together ? kTogether : 1;
    }
  }
};
GADOLIN_WIDE void run(const GatherRow<float>& row) { row.run(); }
GADOLIN_WIDE void run(const GatherRow<Bits>& row) { row.run(); }

// From each voxel on, how many have the same pairs, `step` further each.
std::vector<std::int64_t> regular_from(const Pairs& pairs, std::int64_t step) {
  std::vector<std::int64_t> count(pairs.size(), 1);
  for (std::size_t w = pairs.size() - 1; w-- > 0;) {
    const auto same = [step](const Pair& here, const Pair& next) {
      return here.tap == next.tap && here.in + step == next.in;
    };
    if (std::ranges::equal(pairs[w], pairs[w + 1], same)) count[w] = count[w + 1] + 1;
  }
  return count;
}

// The grid from the picture, or the picture from the grid: sums of what reaches a voxel times its weight.
template <class T>
void gather(const Grids& grids, bool to_grid, const T* from, const float* weight, const float* bias, T* to) {
  const Extent& source = to_grid ? grids.picture : grids.grid;
  const Extent& made = to_grid ? grids.grid : grids.picture;
  const Pairs along_d = pairs_along(grids, 0, to_grid), along_h = pairs_along(grids, 1, to_grid),
              along_w = pairs_along(grids, 2, to_grid);
  const std::int64_t step = to_grid ? grids.stride[2] : 1;
  const std::vector<std::int64_t> regular = regular_from(along_w, step);
  at::parallel_for(0, grids.samples * made[0] * made[1], 1, [&](std::int64_t begin, std::int64_t end) {
    std::vector<Row> rows;
    for (std::int64_t line = begin; line < end; ++line) {
      const std::int64_t h = line % made[1], d = line / made[1] % made[0], n = line / made[1] / made[0];
      rows.clear();
      for (const Pair& pd : along_d[static_cast<std::size_t>(d)])
        for (const Pair& ph : along_h[static_cast<std::size_t>(h)])
          rows.push_back({((n * source[0] + pd.in) * source[1] + ph.in) * source[2],
                          (pd.tap * grids.kernel[1] + ph.tap) * grids.kernel[2]});
      run(GatherRow<T>{from, weight, bias, to + line * made[2] * grids.channels, grids.channels, made[2], &rows,
                       &along_w, &regular, step});
    }
  });
}

// Sums over a row of picture times grid, for one tap of all channels.
template <class T>
struct RowSums {
  const T *picture, *grid;  // the first voxels that meet
  std::int64_t channels, count, step;
  float* sums;

  GADOLIN_INLINE void run() const {
    const std::int64_t whole = channels / kLane * kLane;
    for (std::int64_t c = 0; c < whole; c += kLane) {
      Lane sum[kTogether];
      for (std::int64_t i = 0; i < kTogether; ++i) sum[i] = Lane{};
      const T *x = picture + c, *y = grid + c;
      std::int64_t w = 0;
      for (; w + kTogether <= count; w += kTogether) {
        for (std::int64_t i = 0; i < kTogether; ++i) {
          Lane a, b;
          get(x + (w + i) * step * channels, a);
          get(y + (w + i) * channels, b);
          sum[i] += a * b;
        }
      }
      for (; w < count; ++w) {
        Lane a, b;
        get(x + w * step * channels, a);
        get(y + w * channels, b);
        sum[0] += a * b;
      }
      Lane all;
      get(sums + c, all);
      all += (sum[0] + sum[1]) + (sum[2] + sum[3]);
      put(all, sums + c);
    }
    for (std::int64_t c = whole; c < channels; ++c) {
      float sum = 0;
      for (std::int64_t w = 0; w < count; ++w)
        sum += one(picture[w * step * channels + c]) * one(grid[w * channels + c]);
      sums[c] += sum;
    }
  }
};
GADOLIN_WIDE void run(const RowSums<float>& row) { row.run(); }
GADOLIN_WIDE void run(const RowSums<Bits>& row) { row.run(); }

// Voxels of the grid that a tap connects with the picture.
struct Met {
  std::int64_t first, end;
};
Met met_by(const Grids& grids, std::size_t axis, std::int64_t tap) {
  const std::int64_t stride = grids.stride[axis], away = tap - grids.kernel[axis] / 2;
  const std::int64_t first = away >= 0 ? 0 : (-away + stride - 1) / stride;
  const std::int64_t last = grids.picture[axis] - 1 - away;
  return {first, last < 0 ? 0 : std::min(grids.grid[axis], last / stride + 1)};
}

// The sums of one plane of the grid, [taps, channels], added to `sums`.
template <class T>
void plane_sums(const Grids& grids, std::int64_t plane, const T* picture, const T* grid, float* sums) {
  const std::int64_t n = plane / grids.grid[0], d = plane % grids.grid[0];
  for (std::int64_t tap = 0; tap < grids.taps(); ++tap) {
    const Extent k{tap / grids.kernel[2] / grids.kernel[1], tap / grids.kernel[2] % grids.kernel[1],
                   tap % grids.kernel[2]};
    const Met in_d = met_by(grids, 0, k[0]), in_h = met_by(grids, 1, k[1]), in_w = met_by(grids, 2, k[2]);
    if (d < in_d.first || d >= in_d.end || in_w.first >= in_w.end) continue;
    const auto place = [&](std::size_t axis, std::int64_t o) {
      return o * grids.stride[axis] - grids.kernel[axis] / 2 + k[axis];
    };
    for (std::int64_t h = in_h.first; h < in_h.end; ++h) {
      const std::int64_t far =
          ((n * grids.picture[0] + place(0, d)) * grids.picture[1] + place(1, h)) * grids.picture[2] +
          place(2, in_w.first);
      const std::int64_t near = (plane * grids.grid[1] + h) * grids.grid[2] + in_w.first;
      run(RowSums<T>{picture + far * grids.channels, grid + near * grids.channels, grids.channels,
                     in_w.end - in_w.first, grids.stride[2], sums + tap * grids.channels});
    }
  }
}

// [taps, channels]: for each tap the sum of picture times grid over what it connects. Plane by plane, then in order.
template <class T>
at::Tensor correlated(const Grids& grids, const T* picture, const T* grid) {
  const std::int64_t planes = grids.samples * grids.grid[0];
  const at::Tensor sums = at::zeros({planes, grids.taps(), grids.channels});
  float* const all = sums.data_ptr<float>();
  at::parallel_for(0, planes, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t plane = begin; plane < end; ++plane)
      plane_sums(grids, plane, picture, grid, all + plane * grids.taps() * grids.channels);
  });
  return sums.sum(0);
}

Extent extent_of(const at::Tensor& x) { return {x.size(2), x.size(3), x.size(4)}; }

at::Tensor gathered(const Grids& grids, bool to_grid, const at::Tensor& from, const at::Tensor& weight,
                    const at::Tensor& bias) {
  const Extent& made = to_grid ? grids.grid : grids.picture;
  const at::Tensor to = channels_last(at::empty({grids.samples, grids.channels, made[0], made[1], made[2]},
                                                from.options().memory_format(at::MemoryFormat::ChannelsLast3d)));
  const at::Tensor taps = weight.flatten(1).t().contiguous();
  by_type(from, [&]<class T>(T) {
    gather(grids, to_grid, static_cast<const T*>(from.const_data_ptr()), taps.const_data_ptr<float>(),
           bias.defined() ? bias.const_data_ptr<float>() : nullptr, static_cast<T*>(to.data_ptr()));
  });
  return to;
}

struct Depthwise : torch::autograd::Function<Depthwise> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given,
                            const at::Tensor& weight, const at::Tensor& bias, at::IntArrayRef stride, bool to_grid) {
    const at::Tensor x = channels_last(given);
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride.vec();
    context->saved_data["to_grid"] = to_grid;
    return gathered(grids_of(x, weight, {stride[0], stride[1], stride[2]}, to_grid), to_grid, x, weight,
                    bias.contiguous());
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const auto stride = context->saved_data["stride"].toIntVector();
    const bool to_grid = context->saved_data["to_grid"].toBool();
    const at::Tensor dy = channels_last(gradients[0].to(x.scalar_type()));
    const Grids grids = grids_of(x, weight, {stride[0], stride[1], stride[2]}, to_grid);
    at::Tensor sums;
    by_type(x, [&]<class T>(T) {
      sums = correlated(grids, static_cast<const T*>((to_grid ? x : dy).const_data_ptr()),
                        static_cast<const T*>((to_grid ? dy : x).const_data_ptr()));
    });
    return {context->needs_input_grad(0) ? gathered(grids, !to_grid, dy, weight, {}) : at::Tensor(),
            sums.t().reshape(weight.sizes()),
            dy.sum(at::IntArrayRef{0, 2, 3, 4}, false, at::kFloat),
            {},
            {}};
  }

 private:
  static Grids grids_of(const at::Tensor& x, const at::Tensor& weight, const Extent& stride, bool to_grid) {
    Grids grids{x.size(0), x.size(1), extent_of(x), extent_of(x), extent_of(weight), stride};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      if (to_grid)
        grids.grid[axis] = (grids.picture[axis] + stride[axis] - 1) / stride[axis];
      else
        grids.picture[axis] = (grids.grid[axis] - 1) * stride[axis] + 1;
    }
    return grids;
  }
};

bool suits(const at::Tensor& x, const at::Tensor& weight) {
  GADOLIN_CHECK(x.dim() == 5 && weight.dim() == 5 && weight.size(0) == x.size(1) && weight.size(1) == 1);
  for (std::int64_t axis = 2; axis < 5; ++axis) GADOLIN_CHECK(weight.size(axis) % 2 == 1);
  const bool known = x.scalar_type() == at::kFloat || x.scalar_type() == at::kBFloat16;
  return x.is_cpu() && known && weight.scalar_type() == at::kFloat && x.numel() > 0;
}

std::vector<std::int64_t> half_of(const at::Tensor& weight) {
  return {weight.size(2) / 2, weight.size(3) / 2, weight.size(4) / 2};
}

}  // namespace

at::Tensor depthwise_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                           const Extent& stride) {
  return at::conv3d(x, weight.to(x.scalar_type()), bias.to(x.scalar_type()), stride, half_of(weight),
                    at::IntArrayRef{1, 1, 1}, x.size(1));
}

at::Tensor depthwise_transposed_plain(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                      const Extent& stride) {
  return at::conv_transpose3d(x, weight.to(x.scalar_type()), bias.to(x.scalar_type()), stride, half_of(weight),
                              at::IntArrayRef{0, 0, 0}, x.size(1));
}

at::Tensor depthwise(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const Extent& stride) {
  if (!suits(x, weight)) return depthwise_plain(x, weight, bias, stride);
  return Depthwise::apply(x, weight, bias, at::IntArrayRef(stride), true);
}

at::Tensor depthwise_transposed(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                                const Extent& stride) {
  if (!suits(x, weight)) return depthwise_transposed_plain(x, weight, bias, stride);
  return Depthwise::apply(x, weight, bias, at::IntArrayRef(stride), false);
}

}  // namespace models
