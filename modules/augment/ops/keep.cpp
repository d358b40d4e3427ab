#include "augment/ops/keep.h"

#include <algorithm>

#include "core/error.h"

namespace augment {
namespace {

class KeepOp final : public Op {
 public:
  explicit KeepOp(const Keep& settings) : settings_(settings) {}
  std::string_view name() const override { return "keep"; }
  bool keeps() const override { return true; }

  Drawn draw(const core::DrawKey& key, const volume::Frame&, const volume::Shape&) const override {
    core::Rng rng(key);
    return rng.chance(settings_.chance) ? drawn({1}) : drawn();
  }
  Drawn identity(const volume::Frame&, const volume::Shape&) const override { return drawn({1}); }

  void change(const Drawn& drawn, const Patch& patch) const override {
    drawn.require(1);
    GADOLIN_CHECK(patch.kept.data != nullptr);
    std::copy_n(patch.image.data, patch.image.channels * patch.image.shape.voxels(), patch.kept.data);
  }

 private:
  Keep settings_;
};

}  // namespace

OpPointer make(const Keep& settings) { return std::make_shared<const KeepOp>(settings); }
const OpEntry keep_entry = entry_of<KeepOp, Keep>("keep", "what the ops behind it change shall be restored");

}  // namespace augment
