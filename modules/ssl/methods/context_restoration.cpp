// Context restoration: small boxes of a view have changed places and are put back. Chen et al., "Self-supervised
// learning for medical image analysis using image context restoration", Medical Image Analysis 58, 2019.
#include "augment/ops/keep.h"
#include "augment/ops/swap.h"
#include "augment/recipes.h"
#include "ssl/restoration.h"

namespace ssl {
namespace {

struct ContextRestorationOptions {
  augment::Warp warp;
  augment::Mirror mirror;
  augment::Swap swap;

  static constexpr auto fields() {
    using core::field;
    return std::tuple{
        field("warp", &ContextRestorationOptions::warp, "where and how the view is taken"),
        field("mirror", &ContextRestorationOptions::mirror, "axes turned around"),
        field("swap", &ContextRestorationOptions::swap, "boxes that change places"),
    };
  }
};

class ContextRestoration final : public Restoration {
 public:
  ContextRestoration(const ContextRestorationOptions& options, const Setup& setup)
      : Restoration("context_restoration", setup), options_(options) {}

  std::vector<augment::Recipe> views() const override {
    return {{patch(),
             {augment::make(options_.warp), augment::make(options_.mirror), augment::make(augment::Keep{}),
              augment::make(options_.swap)}}};
  }

 private:
  ContextRestorationOptions options_;
};

}  // namespace

extern const MethodEntry context_restoration_entry;
const MethodEntry context_restoration_entry{
    .name = "context_restoration",
    .help = "boxes that have changed places are put back",
    .family = "pretext",
    .year = 2019,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.5,
    .choose = "the grey values are meaningful (CT) and must stay as they are; works with a batch of one",
    .loss = "mean square to the undamaged view, inside the case",
    .formula = "mean (decoder(encoder(swapped)) - x)^2",
    .reference =
        "Chen et al., Self-supervised learning using image context restoration, Medical Image Analysis 58, 2019",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<ContextRestorationOptions, ContextRestoration>::defaults};

}  // namespace ssl
