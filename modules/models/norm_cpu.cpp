// Voxels in tiles of a few hundred numbers, a whole number of voxels each, with the channels' coefficients repeated to
// the tile's length: so every loop runs over plain arrays, whatever the number of channels.
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "models/norm_passes.h"

// Compiled for the processors there are, chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define GADOLIN_WIDE __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), optimize("O3")))
#else
#define GADOLIN_WIDE
#endif

namespace models::cpu {
namespace {

using Bits = std::uint16_t;  // of a bfloat16

GADOLIN_WIDE void widen(const Bits* from, float* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = from_bf16(from[i]);
}

GADOLIN_WIDE void narrow(const float* from, Bits* to, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = to_bf16(from[i]);
}

GADOLIN_WIDE void moments(const float* __restrict x, const float* __restrict origin, float* __restrict sum,
                          float* __restrict square, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float away = x[i] - origin[i];
    sum[i] += away;
    square[i] += away * away;
  }
}

GADOLIN_WIDE void forward(const float* __restrict x, const float* __restrict around, const float* __restrict mean,
                          const float* __restrict scale, const float* __restrict shift, float slope,
                          float* __restrict y, std::int64_t count) {
  if (around == nullptr) {
    for (std::int64_t i = 0; i < count; ++i) y[i] = leaky(normed(x[i], mean[i], scale[i], shift[i]), slope);
  } else {
    for (std::int64_t i = 0; i < count; ++i) {
      y[i] = leaky(normed(x[i], mean[i], scale[i], shift[i]) + around[i], slope);
    }
  }
}

GADOLIN_WIDE void sums(const float* __restrict x, const float* __restrict y, const float* __restrict dy,
                       const float* __restrict mean, float slope, float* __restrict dz_sum, float* __restrict dz_x_sum,
                       std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    const float dz = before_leaky(dy[i], y[i], slope);
    dz_sum[i] += dz;
    dz_x_sum[i] += dz * (x[i] - mean[i]);
  }
}

GADOLIN_WIDE void backward(const float* __restrict x, const float* __restrict y, const float* __restrict dy,
                           const float* __restrict mean, const float* __restrict of_dz, const float* __restrict of_x,
                           const float* __restrict rest, float slope, float* __restrict dx, float* __restrict dz,
                           std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) {
    dz[i] = before_leaky(dy[i], y[i], slope);
    dx[i] = norm_gradient(dz[i], x[i], mean[i], of_dz[i], of_x[i], rest[i]);
  }
}

// How a sample is cut: chunks are what threads take, tiles what the loops above take.
struct Cut {
  explicit Cut(const NormShape& given) : shape(given) {
    tile = std::max<std::int64_t>(512 / shape.channels, 1) * shape.channels;
    chunk = 32 * tile;
    sample = shape.voxels * shape.channels;
    chunks = (sample + chunk - 1) / chunk;
  }
  // body(sample, chunk, first element of the voxels' array, number of elements).
  template <class Body>
  void each_chunk(const Body& body) const {
    at::parallel_for(0, shape.samples * chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t n = task / chunks, c = task % chunks;
        body(n, c, n * sample + c * chunk, std::min(chunk, sample - c * chunk));
      }
    });
  }
  NormShape shape;
  std::int64_t tile, chunk, sample, chunks;
};

// A sample's coefficients [channels], repeated to the tile's length.
std::vector<float> repeated(const float* coefficients, std::int64_t sample, const Cut& cut) {
  std::vector<float> all(static_cast<std::size_t>(cut.tile));
  const float* const own = coefficients + sample * cut.shape.channels;
  for (std::int64_t i = 0; i < cut.tile; i += cut.shape.channels) {
    std::copy(own, own + cut.shape.channels, all.begin() + i);
  }
  return all;
}

// Tiles of an array that is read, as floats.
class Source {
 public:
  Source(const void* voxels, const Cut& cut) : voxels_(voxels), bf16_(cut.shape.bf16) {
    if (bf16_ && voxels != nullptr) wide_.resize(static_cast<std::size_t>(cut.tile));
  }
  const float* at(std::int64_t first, std::int64_t count) {
    if (voxels_ == nullptr) return nullptr;
    if (!bf16_) return static_cast<const float*>(voxels_) + first;
    widen(static_cast<const Bits*>(voxels_) + first, wide_.data(), count);
    return wide_.data();
  }

 private:
  const void* voxels_;
  bool bf16_;
  std::vector<float> wide_;
};

// Tiles of an array that is written (nullptr: thrown away): fill what room() gives, then put().
class Sink {
 public:
  Sink(void* voxels, const Cut& cut) : voxels_(voxels), bf16_(cut.shape.bf16) {
    if (bf16_ || voxels == nullptr) wide_.resize(static_cast<std::size_t>(cut.tile));
  }
  float* room(std::int64_t first) { return wide_.empty() ? static_cast<float*>(voxels_) + first : wide_.data(); }
  void put(std::int64_t first, std::int64_t count) {
    if (bf16_ && voxels_ != nullptr) narrow(wide_.data(), static_cast<Bits*>(voxels_) + first, count);
  }

 private:
  void* voxels_;
  bool bf16_;
  std::vector<float> wide_;
};

// Two sums for each channel, added up chunk by chunk in their order, so that threads make no difference.
// tile(sample) makes a function (first, count, sum, other) that adds a tile to two arrays of the tile's length.
template <class Tile>
void reduce(const Cut& cut, double* sum, double* other, const Tile& tile) {
  const std::int64_t channels = cut.shape.channels;
  std::vector<double> parts(static_cast<std::size_t>(cut.shape.samples * cut.chunks * 2 * channels));
  cut.each_chunk([&](std::int64_t n, std::int64_t c, std::int64_t first, std::int64_t count) {
    std::vector<float> lanes(static_cast<std::size_t>(2 * cut.tile));
    auto add = tile(n);
    for (std::int64_t i = 0; i < count; i += cut.tile) {
      add(first + i, std::min(cut.tile, count - i), lanes.data(), lanes.data() + cut.tile);
    }
    double* const part = parts.data() + (n * cut.chunks + c) * 2 * channels;
    for (std::int64_t i = 0; i < cut.tile; ++i) {
      part[i % channels] += lanes[static_cast<std::size_t>(i)];
      part[channels + i % channels] += lanes[static_cast<std::size_t>(cut.tile + i)];
    }
  });
  std::fill(sum, sum + cut.shape.samples * channels, 0.0);
  std::fill(other, other + cut.shape.samples * channels, 0.0);
  for (std::int64_t task = 0; task < cut.shape.samples * cut.chunks; ++task) {
    const std::int64_t n = task / cut.chunks;
    for (std::int64_t k = 0; k < channels; ++k) {
      sum[n * channels + k] += parts[static_cast<std::size_t>(task * 2 * channels + k)];
      other[n * channels + k] += parts[static_cast<std::size_t>((task * 2 + 1) * channels + k)];
    }
  }
}

}  // namespace

void run(const NormShape& shape, const MomentsPass& pass) {
  const Cut cut(shape);
  reduce(cut, pass.sum, pass.square, [&](std::int64_t n) {
    return [origin = repeated(pass.origin, n, cut), x = Source(pass.x, cut)](std::int64_t first, std::int64_t count,
                                                                             float* sum, float* square) mutable {
      moments(x.at(first, count), origin.data(), sum, square, count);
    };
  });
}

void run(const NormShape& shape, const ForwardPass& pass) {
  const Cut cut(shape);
  cut.each_chunk([&](std::int64_t n, std::int64_t, std::int64_t begin, std::int64_t all) {
    const auto mean = repeated(pass.mean, n, cut), scale = repeated(pass.scale, n, cut),
               shift = repeated(pass.shift, n, cut);
    Source x(pass.x, cut), around(pass.around, cut);
    Sink y(pass.y, cut);
    for (std::int64_t first = begin; first < begin + all; first += cut.tile) {
      const std::int64_t count = std::min(cut.tile, begin + all - first);
      forward(x.at(first, count), around.at(first, count), mean.data(), scale.data(), shift.data(), pass.slope,
              y.room(first), count);
      y.put(first, count);
    }
  });
}

void run(const NormShape& shape, const SumsPass& pass) {
  const Cut cut(shape);
  reduce(cut, pass.dz, pass.dz_x, [&](std::int64_t n) {
    return [&pass, mean = repeated(pass.mean, n, cut), x = Source(pass.x, cut), y = Source(pass.y, cut),
            dy = Source(pass.dy, cut)](std::int64_t first, std::int64_t count, float* dz, float* dz_x) mutable {
      sums(x.at(first, count), y.at(first, count), dy.at(first, count), mean.data(), pass.slope, dz, dz_x, count);
    };
  });
}

void run(const NormShape& shape, const BackwardPass& pass) {
  const Cut cut(shape);
  cut.each_chunk([&](std::int64_t n, std::int64_t, std::int64_t begin, std::int64_t all) {
    const auto mean = repeated(pass.mean, n, cut), of_dz = repeated(pass.of_dz, n, cut),
               of_x = repeated(pass.of_x, n, cut), rest = repeated(pass.rest, n, cut);
    Source x(pass.x, cut), y(pass.y, cut), dy(pass.dy, cut);
    Sink dx(pass.dx, cut), dz(pass.dz, cut);
    for (std::int64_t first = begin; first < begin + all; first += cut.tile) {
      const std::int64_t count = std::min(cut.tile, begin + all - first);
      backward(x.at(first, count), y.at(first, count), dy.at(first, count), mean.data(), of_dz.data(), of_x.data(),
               rest.data(), pass.slope, dx.room(first), dz.room(first), count);
      dx.put(first, count);
      dz.put(first, count);
    }
  });
}

}  // namespace models::cpu
