#include "augment/ops/crop.h"

#include <cmath>

#include "augment/pick.h"

namespace augment {
namespace {

class CropOp final : public Op {
 public:
  explicit CropOp(const Crop& settings) : settings_(settings) {}
  std::string_view name() const override { return "crop"; }
  bool picks() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame& frame, const volume::Shape& patch) const override {
    core::Rng rng(key);
    std::array<double, 3> extent{};
    for (int a = 0; a < 3; ++a) extent[a] = static_cast<double>(patch[a]);
    const auto begin = place(rng, key, frame, extent, {true, true, true}, settings_.place);
    return drawn({begin[0], begin[1], begin[2]});
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({0, 0, 0}); }

  volume::Transform transform(const Drawn& drawn, const volume::Shape&) const override {
    return placing(drawn).to_case;
  }
  volume::VoxelBox reach(const Drawn& drawn, const volume::Shape& patch, const volume::Shape& of_case) const override {
    return augment::reach(placing(drawn), patch, of_case);
  }
  void pick(const Drawn& drawn, const Source& source, const Patch& patch) const override {
    augment::pick(placing(drawn), source, patch);
  }

 private:
  static Placing placing(const Drawn& drawn) {
    drawn.require(3);
    Placing placing;
    for (int a = 0; a < 3; ++a) placing.to_case.rows[a][3] = std::floor(drawn.values[static_cast<std::size_t>(a)]);
    return placing;
  }

  Crop settings_;
};

}  // namespace

OpPointer make(const Crop& settings) { return std::make_shared<const CropOp>(settings); }
const OpEntry crop_entry = entry_of<CropOp, Crop>("crop", "a patch of the case, voxel for voxel");

}  // namespace augment
