// Denoising autoencoder: noise, lost resolution and erased blocks are undone. Vincent et al., "Extracting and composing
// robust features with denoising autoencoders", ICML 2008; the mixture of local erasure and low-level damage after
// Valanarasu et al., "Disruptive autoencoders", arXiv 2307.16896.
#include "augment/ops/keep.h"
#include "augment/recipes.h"
#include "ssl/restoration.h"

namespace ssl {
namespace {

struct DenoisingOptions {
  DenoisingOptions() {
    noise = {1, 1};
    low_resolution.chance = 0.5;
    erased.hidden = 0.3;
    erased.block = {8, 8, 8};
    erased.erase = true;
  }
  augment::Warp warp;
  augment::Mirror mirror;
  augment::Noise noise;
  augment::LowResolution low_resolution;
  augment::BlockMask erased;

  static constexpr auto fields() {
    using core::field;
    return std::tuple{
        field("warp", &DenoisingOptions::warp, "where and how the view is taken"),
        field("mirror", &DenoisingOptions::mirror, "axes turned around"),
        field("noise", &DenoisingOptions::noise, "damage: noise"),
        field("low_resolution", &DenoisingOptions::low_resolution, "damage: detail lost"),
        field("erased", &DenoisingOptions::erased, "damage: blocks set to 0; hidden 0 for none"),
    };
  }
};

class Denoising final : public Restoration {
 public:
  Denoising(const DenoisingOptions& options, const Setup& setup) : Restoration("denoising", setup), options_(options) {}

  std::vector<augment::Recipe> views() const override {
    return {{patch(),
             {augment::make(options_.warp), augment::make(options_.mirror), augment::make(augment::Keep{}),
              augment::make(options_.low_resolution), augment::make(options_.noise), augment::make(options_.erased)}}};
  }

 private:
  DenoisingOptions options_;
};

}  // namespace

extern const MethodEntry denoising_entry;
const MethodEntry denoising_entry{
    .name = "denoising",
    .help = "noise, lost resolution and erased blocks are undone",
    .family = "autoencoder",
    .year = 2008,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.5,
    .choose = "low-level features for restoration or dense tasks; cheap, works with a batch of one",
    .loss = "mean square to the undamaged view, inside the case",
    .formula = "mean (decoder(encoder(damaged)) - x)^2",
    .reference =
        "Vincent et al., Extracting and composing robust features with denoising autoencoders, ICML 2008; "
        "Valanarasu et al., Disruptive autoencoders, arXiv 2307.16896",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<DenoisingOptions, Denoising>::defaults};

}  // namespace ssl
