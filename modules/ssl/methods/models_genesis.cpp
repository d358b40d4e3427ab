// Models Genesis: grey values bent, voxels shuffled in small windows, boxes painted in or out, and all of it undone.
// Zhou et al., "Models Genesis", Medical Image Analysis 67, 2021.
#include "augment/one_of.h"
#include "augment/ops/curve.h"
#include "augment/ops/inpaint.h"
#include "augment/ops/keep.h"
#include "augment/ops/local_shuffle.h"
#include "augment/ops/outpaint.h"
#include "augment/recipes.h"
#include "ssl/restoration.h"

namespace ssl {
namespace {

struct ModelsGenesisOptions {
  ModelsGenesisOptions() {
    mirror.chance = 0.4;
    curve.chance = 0.9;
    shuffle.chance = 0.5;
    inpaint.chance = outpaint.chance = 1;
  }
  augment::Warp warp;
  augment::Mirror mirror;
  augment::LocalShuffle shuffle;
  augment::Curve curve;
  double paint_chance = 0.9, outpaint_share = 0.8;
  augment::Inpaint inpaint;
  augment::Outpaint outpaint;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("warp", &ModelsGenesisOptions::warp, "where and how the view is taken"),
        field("mirror", &ModelsGenesisOptions::mirror, "axes turned around, the view to restore too"),
        field("shuffle", &ModelsGenesisOptions::shuffle, "voxels change places within small windows"),
        field("curve", &ModelsGenesisOptions::curve, "grey values bent"),
        field("paint_chance", &ModelsGenesisOptions::paint_chance, "chance to paint in or out", Range{0, 1}),
        field("outpaint_share", &ModelsGenesisOptions::outpaint_share, "then, chance to paint out", Range{0, 1}),
        field("inpaint", &ModelsGenesisOptions::inpaint, "boxes become noise"),
        field("outpaint", &ModelsGenesisOptions::outpaint, "all but some boxes become noise"),
    };
  }
};

class ModelsGenesis final : public Restoration {
 public:
  ModelsGenesis(const ModelsGenesisOptions& options, const Setup& setup)
      : Restoration("models_genesis", setup), options_(options) {}

  std::vector<augment::Recipe> views() const override {
    const augment::OpPointer paint =
        augment::one_of({{options_.paint_chance * options_.outpaint_share, augment::make(options_.outpaint)},
                         {options_.paint_chance * (1 - options_.outpaint_share), augment::make(options_.inpaint)}});
    return {{patch(),
             {augment::make(options_.warp), augment::make(options_.mirror), augment::make(augment::Keep{}),
              augment::make(options_.shuffle), augment::make(options_.curve), paint}}};
  }

 private:
  ModelsGenesisOptions options_;
};

}  // namespace

extern const MethodEntry models_genesis_entry;
const MethodEntry models_genesis_entry{
    .name = "models_genesis",
    .help = "grey values bent, voxels shuffled, boxes painted in or out: all is undone",
    .family = "pretext",
    .year = 2021,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.5,
    .choose = "segmentation of organs and lesions whose look and texture matter; works with a batch of one",
    .loss = "mean square to the undamaged view, inside the case",
    .formula = "mean (decoder(encoder(damaged)) - x)^2",
    .reference = "Zhou et al., Models Genesis, Medical Image Analysis 67, 2021, arXiv 2004.07882",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<ModelsGenesisOptions, ModelsGenesis>::defaults};

}  // namespace ssl
