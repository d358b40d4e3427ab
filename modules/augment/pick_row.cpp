#include "augment/pick_row.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "augment/pick_row.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>
#include <limits>

#include "core/error.h"

HWY_BEFORE_NAMESPACE();
namespace augment {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using Values = hn::Vec<Floats>;

// Coordinate along one axis of the voxels from w on.
HWY_INLINE Values coordinate(const RowLine& line, std::size_t axis, std::size_t w) {
  const Floats d;
  const auto number = hn::Add(hn::Iota(d, 0), hn::Set(d, static_cast<float>(w)));
  auto at = hn::Add(hn::Set(d, line.base[axis]), hn::Mul(hn::Set(d, line.step[axis]), number));
  if (line.bend == nullptr) return at;
  for (std::size_t c = 0; c < 3; ++c) {
    const auto bend = hn::LoadU(d, (*line.bend)[c].data() + w);
    at = hn::Add(at, hn::Mul(hn::Set(d, line.map[axis][c]), bend));
  }
  return at;
}

void find(const RowSource& source, const RowLine& line, RowPlaces& places) {
  const Floats d;
  const Ints whole;
  for (std::size_t w = 0; w < places.width; w += hn::Lanes(d)) {
    auto corner = hn::Zero(whole);
    auto inside = hn::Set(whole, 1);
    for (std::size_t a = 0; a < 3; ++a) {
      const auto at = coordinate(line, a, w);
      const auto of_case =
          hn::And(hn::Ge(at, hn::Set(d, source.case_low[a])), hn::Lt(at, hn::Set(d, source.case_high[a])));
      inside = hn::IfThenElseZero(hn::RebindMask(whole, of_case), inside);
      // What is no number lies at the first voxel.
      const auto first = hn::Set(d, source.first[a]);
      const auto kept = hn::Min(hn::IfThenElse(hn::Ge(at, first), at, first), hn::Set(d, source.last[a]));
      const auto lower = hn::Min(hn::ConvertTo(whole, kept), hn::Set(whole, source.last_corner[a]));
      hn::StoreU(hn::Sub(kept, hn::ConvertTo(d, lower)), d, places.part[a].data() + w);
      const auto row = hn::Sub(lower, hn::Set(whole, source.begin[a]));
      corner = hn::Add(corner, hn::Mul(row, hn::Set(whole, source.stride[a])));
    }
    hn::StoreU(corner, whole, places.corner.data() + w);
    hn::StoreU(hn::DemoteTo(Bytes(), inside), Bytes(), places.inside.data() + w);
  }
}

// Exact at both ends, so whole coordinates give the voxel itself.
HWY_INLINE Values between(Values a, Values b, Values part, Values rest) {
  return hn::Add(hn::Mul(a, rest), hn::Mul(b, part));
}

// A voxel and its right neighbour.
struct Pair {
  Values first, second;
};
HWY_INLINE Pair fetch(const float* in, hn::Vec<Ints> at, std::int32_t to_second) {
  const Floats d;
  return {hn::GatherIndex(d, in, at), hn::GatherIndex(d, in + to_second, at)};
}
HWY_INLINE Pair fetch(const std::int16_t* in, hn::Vec<Ints> at, std::int32_t) {
  const Floats d;
  const auto both = hn::GatherOffset(Ints(), reinterpret_cast<const std::int32_t*>(in), hn::ShiftLeft<1>(at));
  return {hn::ConvertTo(d, hn::ShiftRight<16>(hn::ShiftLeft<16>(both))), hn::ConvertTo(d, hn::ShiftRight<16>(both))};
}

template <class T>
HWY_INLINE Values values(const RowSource& source, const RowPlaces& places, const T* in, const RowScale& scale,
                         std::size_t w) {
  const Floats d;
  const auto corner = hn::LoadU(Ints(), places.corner.data() + w);
  const auto one = hn::Set(d, 1);
  const std::int32_t up[3] = {source.upper[0], source.upper[1], source.upper[2]};
  const auto pw = hn::LoadU(d, places.part[2].data() + w), rw = hn::Sub(one, pw);
  const auto along_width = [&](std::int32_t offset) HWY_ATTR {
    const Pair pair = fetch(in + offset, corner, up[2]);
    return between(pair.first, pair.second, pw, rw);
  };
  const auto ph = hn::LoadU(d, places.part[1].data() + w), rh = hn::Sub(one, ph);
  const auto lower = between(along_width(0), along_width(up[1]), ph, rh);
  const auto upper = between(along_width(up[0]), along_width(up[0] + up[1]), ph, rh);
  const auto pd = hn::LoadU(d, places.part[0].data() + w);
  const auto number = between(lower, upper, pd, hn::Sub(one, pd));
  return hn::Add(hn::Mul(number, hn::Set(d, scale.scale)), hn::Set(d, scale.offset));
}

template <class T>
HWY_INLINE void interpolate(const RowSource& source, const RowPlaces& places, const T* in, const RowScale& scale,
                            float* out) {
  const Floats d;
  const std::size_t lanes = hn::Lanes(d);
  std::size_t w = 0;
  for (; w + lanes <= places.width; w += lanes) hn::StoreU(values(source, places, in, scale, w), d, out + w);
  if (w == places.width) return;
  HWY_ALIGN float rest[kRowPadding];
  hn::Store(values(source, places, in, scale, w), d, rest);
  std::copy_n(rest, places.width - w, out + w);
}

void interpolate_float(const RowSource& source, const RowPlaces& places, const float* in, const RowScale& scale,
                       float* out) {
  interpolate(source, places, in, scale, out);
}
void interpolate_int16(const RowSource& source, const RowPlaces& places, const std::int16_t* in, const RowScale& scale,
                       float* out) {
  interpolate(source, places, in, scale, out);
}

}  // namespace HWY_NAMESPACE
}  // namespace augment
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace augment {
namespace {

HWY_EXPORT(find);
HWY_EXPORT(interpolate_float);
HWY_EXPORT(interpolate_int16);

}  // namespace

RowPlaces::RowPlaces(std::size_t row_width)
    : width(row_width), corner(row_width + kRowPadding), inside(row_width + kRowPadding) {
  part.fill(std::vector<float>(row_width + kRowPadding));
}

RowSource box_of(const volume::VoxelBox& box, const volume::Shape& of_case) {
  if (box.shape.voxels() > std::numeric_limits<std::int32_t>::max())
    throw core::Error("a view reaches over more than 2^31 voxels of its case", "take a smaller patch or scale");
  RowSource made{};
  const std::int64_t stride[3] = {box.shape.height * box.shape.width, box.shape.width, 1};
  for (std::size_t a = 0; a < 3; ++a) {
    const std::int64_t begin = box.begin[a], size = box.shape[static_cast<int>(a)];
    made.first[a] = static_cast<float>(begin);
    made.last[a] = static_cast<float>(begin + size - 1);
    made.case_low[a] = -0.5f;
    made.case_high[a] = static_cast<float>(of_case[static_cast<int>(a)]) - 0.5f;
    made.begin[a] = static_cast<std::int32_t>(begin);
    made.last_corner[a] = static_cast<std::int32_t>(begin + std::max<std::int64_t>(size - 2, 0));
    made.stride[a] = static_cast<std::int32_t>(stride[a]);
    made.upper[a] = size > 1 ? made.stride[a] : 0;
  }
  return made;
}

void find_row(const RowSource& source, const RowLine& line, RowPlaces& places) {
  HWY_DYNAMIC_DISPATCH(find)(source, line, places);
}

void interpolate_row(const RowSource& source, const RowPlaces& places, const float* in, const RowScale& scale,
                     float* out) {
  HWY_DYNAMIC_DISPATCH(interpolate_float)(source, places, in, scale, out);
}

void interpolate_row(const RowSource& source, const RowPlaces& places, const std::int16_t* in, const RowScale& scale,
                     float* out) {
  HWY_DYNAMIC_DISPATCH(interpolate_int16)(source, places, in, scale, out);
}

}  // namespace augment
#endif
