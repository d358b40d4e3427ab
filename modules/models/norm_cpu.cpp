// Voxels in tiles of a few hundred numbers, a whole number of voxels each, with the channels' coefficients repeated to
// the tile's length: so every loop runs over plain arrays, whatever the number of channels.
#include <ATen/Parallel.h>

#include <algorithm>
#include <initializer_list>
#include <memory>
#include <vector>

#include "models/by_type.h"
#include "models/norm_passes.h"
#include "models/wide.h"

namespace models::cpu {
namespace {

constexpr std::int64_t kTile = 512, kTilesOfPart = 128, kLine = 64;

#define GADOLIN_INLINE __attribute__((always_inline)) inline

GADOLIN_INLINE float wide(float value) { return value; }
GADOLIN_INLINE float wide(Bits bits) { return from_bf16(bits); }
GADOLIN_INLINE void put(float value, float& to) { to = value; }
GADOLIN_INLINE void put(float value, Bits& to) { to = to_bf16(value); }

// One part of a sample for one thread: the numbers of its voxels, and coefficients or sums that repeat after `tile`.
// rows<R>(at, n) takes n numbers of each of R tiles, the first of which begins at number `at`; `kTogether` is how many
// at a time are fastest: the moments, of one array, share what is read and written of their sums.
struct Part {
  std::int64_t count, tile;
};

template <class T>
struct Moments : Part {
  static constexpr int kTogether = 4;
  const T* x;
  const float* origin;
  float *sum, *square;

  template <int Rows>
  GADOLIN_INLINE void rows(std::int64_t at, std::int64_t n) const {
    const T* const from = x + at;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      float added = 0, squares = 0;
      for (int r = 0; r < Rows; ++r) {
        const float away = wide(from[r * tile + i]) - origin[i];
        added += away;
        squares += away * away;
      }
      sum[i] += added;
      square[i] += squares;
    }
  }
};

template <class T, bool Around>
struct Forward : Part {
  static constexpr int kTogether = 1;
  const T *x, *around;
  const float *mean, *scale, *shift;
  float slope;
  T* y;

  template <int Rows>
  GADOLIN_INLINE void rows(std::int64_t at, std::int64_t n) const {
    const float s = slope;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      for (int r = 0; r < Rows; ++r) {
        const std::int64_t here = at + r * tile + i;
        float z = normed(wide(x[here]), mean[i], scale[i], shift[i]);
        if constexpr (Around) z += wide(around[here]);
        put(leaky(z, s), y[here]);
      }
    }
  }
};

template <class T>
struct Sums : Part {
  static constexpr int kTogether = 1;
  const T *x, *y, *dy;
  const float* mean;
  float slope;
  float *dz, *dz_x;

  template <int Rows>
  GADOLIN_INLINE void rows(std::int64_t at, std::int64_t n) const {
    const float s = slope;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      float added = 0, products = 0;
      for (int r = 0; r < Rows; ++r) {
        const std::int64_t here = at + r * tile + i;
        const float z = before_leaky(wide(dy[here]), wide(y[here]), s);
        added += z;
        products += z * (wide(x[here]) - mean[i]);
      }
      dz[i] += added;
      dz_x[i] += products;
    }
  }
};

template <class T, bool Around>
struct Backward : Part {
  static constexpr int kTogether = 1;
  const T *x, *y, *dy;
  const float *mean, *of_dz, *of_x, *rest;
  float slope;
  T *dx, *dz;

  template <int Rows>
  GADOLIN_INLINE void rows(std::int64_t at, std::int64_t n) const {
    const float s = slope;
#pragma GCC ivdep
    for (std::int64_t i = 0; i < n; ++i) {
      for (int r = 0; r < Rows; ++r) {
        const std::int64_t here = at + r * tile + i;
        const float z = before_leaky(wide(dy[here]), wide(y[here]), s);
        put(norm_gradient(z, wide(x[here]), mean[i], of_dz[i], of_x[i], rest[i]), dx[here]);
        if constexpr (Around) put(z, dz[here]);
      }
    }
  }
};

// Some tiles at a time, then one; the last may be cut.
template <class Pass>
GADOLIN_INLINE void in_tiles(const Pass& pass) {
  constexpr std::int64_t kTogether = Pass::kTogether;
  std::int64_t at = 0;
  for (; at + kTogether * pass.tile <= pass.count; at += kTogether * pass.tile) {
    pass.template rows<kTogether>(at, pass.tile);
  }
  for (; at < pass.count; at += pass.tile) pass.template rows<1>(at, std::min(pass.tile, pass.count - at));
}

// A template cannot be compiled for several processors.
GADOLIN_WIDE void take(const Moments<float>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Moments<Bits>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Forward<float, false>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Forward<Bits, false>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Forward<float, true>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Forward<Bits, true>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Sums<float>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Sums<Bits>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Backward<float, false>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Backward<Bits, false>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Backward<float, true>& pass) { in_tiles(pass); }
GADOLIN_WIDE void take(const Backward<Bits, true>& pass) { in_tiles(pass); }

// How samples are cut into parts.
struct Cut {
  explicit Cut(const NormShape& given) : shape(given) {
    tile = std::max<std::int64_t>(kTile / shape.channels, 1) * shape.channels;
    part = kTilesOfPart * tile;
    sample = shape.voxels * shape.channels;
    parts = (sample + part - 1) / part;
  }
  // body(sample, part, first number of it in the whole array, its size).
  template <class Body>
  void each_part(const Body& body) const {
    at::parallel_for(0, shape.samples * parts, 1, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t task = begin; task < end; ++task) {
        const std::int64_t n = task / parts, c = task % parts;
        body(n, c, n * sample + c * part, Part{std::min(part, sample - c * part), tile});
      }
    });
  }
  NormShape shape;
  std::int64_t tile, part, sample, parts;
};

// Numbers of a tile, several of them one after the other, on whole cache lines.
class Tiles {
 public:
  Tiles(const Cut& cut, std::int64_t count) : step_((cut.tile + kLine - 1) / kLine * kLine) {
    room_.resize(static_cast<std::size_t>(count * step_ + kLine));
    void* begin = room_.data();
    std::size_t size = room_.size() * sizeof(float);
    at_ = static_cast<float*>(std::align(kLine, 1, begin, size));
  }
  float* operator[](std::int64_t tile) { return at_ + tile * step_; }

 private:
  std::int64_t step_;
  std::vector<float> room_;
  float* at_;
};

// A sample's coefficients [channels] each, repeated to the tile's length.
Tiles repeated(const Cut& cut, std::int64_t sample, std::initializer_list<const float*> coefficients) {
  Tiles tiles(cut, static_cast<std::int64_t>(coefficients.size()));
  const std::int64_t channels = cut.shape.channels;
  std::int64_t tile = 0;
  for (const float* const each : coefficients) {
    const float* const own = each + sample * channels;
    for (std::int64_t i = 0; i < cut.tile; i += channels) std::copy(own, own + channels, tiles[tile] + i);
    ++tile;
  }
  return tiles;
}

// Two sums for each channel, added up part by part in their order, so that threads make no difference.
// add(sample, first, part, sum, other) adds to two tiles.
template <class Add>
void reduce(const Cut& cut, double* sum, double* other, const Add& add) {
  const std::int64_t channels = cut.shape.channels;
  std::vector<double> all(static_cast<std::size_t>(cut.shape.samples * cut.parts * 2 * channels));
  cut.each_part([&](std::int64_t n, std::int64_t c, std::int64_t first, const Part& part) {
    Tiles lanes(cut, 2);
    add(n, first, part, lanes[0], lanes[1]);
    double* const own = all.data() + (n * cut.parts + c) * 2 * channels;
    for (std::int64_t i = 0; i < cut.tile; ++i) {
      own[i % channels] += lanes[0][i];
      own[channels + i % channels] += lanes[1][i];
    }
  });
  std::fill(sum, sum + cut.shape.samples * channels, 0.0);
  std::fill(other, other + cut.shape.samples * channels, 0.0);
  for (std::int64_t task = 0; task < cut.shape.samples * cut.parts; ++task) {
    const std::int64_t n = task / cut.parts;
    for (std::int64_t k = 0; k < channels; ++k) {
      sum[n * channels + k] += all[static_cast<std::size_t>(task * 2 * channels + k)];
      other[n * channels + k] += all[static_cast<std::size_t>((task * 2 + 1) * channels + k)];
    }
  }
}

template <class T>
const T* in(const void* voxels, std::int64_t first) {
  return static_cast<const T*>(voxels) + first;
}
template <class T>
T* out(void* voxels, std::int64_t first) {
  return static_cast<T*>(voxels) + first;
}

template <class T>
void moments(const NormShape& shape, const MomentsPass& pass) {
  const Cut cut(shape);
  reduce(cut, pass.sum, pass.square,
         [&](std::int64_t n, std::int64_t first, const Part& part, float* sum, float* square) {
           Tiles origin = repeated(cut, n, {pass.origin});
           take(Moments<T>{part, in<T>(pass.x, first), origin[0], sum, square});
         });
}

template <class T, bool Around>
void forward(const NormShape& shape, const ForwardPass& pass) {
  const Cut cut(shape);
  cut.each_part([&](std::int64_t n, std::int64_t, std::int64_t first, const Part& part) {
    Tiles by = repeated(cut, n, {pass.mean, pass.scale, pass.shift});
    take(Forward<T, Around>{part, in<T>(pass.x, first), Around ? in<T>(pass.around, first) : nullptr, by[0], by[1],
                            by[2], pass.slope, out<T>(pass.y, first)});
  });
}

template <class T>
void sums(const NormShape& shape, const SumsPass& pass) {
  const Cut cut(shape);
  reduce(cut, pass.dz, pass.dz_x, [&](std::int64_t n, std::int64_t first, const Part& part, float* dz, float* dz_x) {
    Tiles mean = repeated(cut, n, {pass.mean});
    take(Sums<T>{part, in<T>(pass.x, first), in<T>(pass.y, first), in<T>(pass.dy, first), mean[0], pass.slope, dz,
                 dz_x});
  });
}

template <class T, bool Around>
void backward(const NormShape& shape, const BackwardPass& pass) {
  const Cut cut(shape);
  cut.each_part([&](std::int64_t n, std::int64_t, std::int64_t first, const Part& part) {
    Tiles by = repeated(cut, n, {pass.mean, pass.of_dz, pass.of_x, pass.rest});
    take(Backward<T, Around>{part, in<T>(pass.x, first), in<T>(pass.y, first), in<T>(pass.dy, first), by[0], by[1],
                             by[2], by[3], pass.slope, out<T>(pass.dx, first),
                             Around ? out<T>(pass.dz, first) : nullptr});
  });
}

}  // namespace

void run(const NormShape& shape, const MomentsPass& pass) {
  shape.bf16 ? moments<Bits>(shape, pass) : moments<float>(shape, pass);
}

void run(const NormShape& shape, const ForwardPass& pass) {
  if (pass.around != nullptr) {
    shape.bf16 ? forward<Bits, true>(shape, pass) : forward<float, true>(shape, pass);
  } else {
    shape.bf16 ? forward<Bits, false>(shape, pass) : forward<float, false>(shape, pass);
  }
}

void run(const NormShape& shape, const SumsPass& pass) {
  shape.bf16 ? sums<Bits>(shape, pass) : sums<float>(shape, pass);
}

void run(const NormShape& shape, const BackwardPass& pass) {
  if (pass.dz != nullptr) {
    shape.bf16 ? backward<Bits, true>(shape, pass) : backward<float, true>(shape, pass);
  } else {
    shape.bf16 ? backward<Bits, false>(shape, pass) : backward<float, false>(shape, pass);
  }
}

}  // namespace models::cpu
