#include "augment/curve_rows.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "augment/curve_rows.cpp"
#include <hwy/foreach_target.h>
// After it, as Highway asks.
#include <hwy/highway.h>

#include <algorithm>

#include "core/error.h"

HWY_BEFORE_NAMESPACE();
namespace augment {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using Floats = hn::ScalableTag<float>;

void follow(float* voxels, std::size_t size, float low, float high, const float* added, std::size_t count) {
  const Floats d;
  const hn::RebindToSigned<Floats> whole;
  const std::size_t lanes = hn::Lanes(d);
  const auto least = hn::Set(d, low), most = hn::Set(d, high), zero = hn::Zero(d);
  const auto cells = hn::Set(d, static_cast<float>(count - 1)), per_value = hn::Div(cells, hn::Sub(most, least));
  const auto last_cell = hn::Set(whole, static_cast<std::int32_t>(count - 2));
  const auto changed = [&](auto voxel) HWY_ATTR {
    const auto at = hn::Min(hn::Max(hn::Mul(hn::Sub(voxel, least), per_value), zero), cells);
    const auto cell = hn::Min(hn::ConvertTo(whole, at), last_cell);
    const auto part = hn::Sub(at, hn::ConvertTo(d, cell));
    const auto from = hn::GatherIndex(d, added, cell), to = hn::GatherIndex(d, added + 1, cell);
    const auto more = hn::Add(from, hn::Mul(part, hn::Sub(to, from)));
    return hn::Min(hn::Max(hn::Add(voxel, more), least), most);
  };
  std::size_t i = 0;
  for (; i + lanes <= size; i += lanes) hn::StoreU(changed(hn::LoadU(d, voxels + i)), d, voxels + i);
  HWY_ALIGN float rest[hn::MaxLanes(d)] = {};
  std::copy_n(voxels + i, size - i, rest);
  hn::Store(changed(hn::Load(d, rest)), d, rest);
  std::copy_n(rest, size - i, voxels + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace augment
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace augment {
namespace {

HWY_EXPORT(follow);

}  // namespace

void follow_curve(std::span<float> voxels, float low, float high, std::span<const float> added) {
  GADOLIN_CHECK(low < high && added.size() >= 2);
  HWY_DYNAMIC_DISPATCH(follow)(voxels.data(), voxels.size(), low, high, added.data(), added.size());
}

}  // namespace augment
#endif
