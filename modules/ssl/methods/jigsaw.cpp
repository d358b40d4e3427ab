// Jigsaw: the 27 tiles of a view are shown in one of many orders, the network says in which. Noroozi and Favaro,
// "Unsupervised learning of visual representations by solving jigsaw puzzles", ECCV 2016; in 3D Taleb et al., "3D
// self-supervised methods for medical imaging", NeurIPS 2020.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "ssl/answered.h"
#include "ssl/method.h"
#include "ssl/order_head.h"
#include "ssl/permutations.h"
#include "ssl/sample_draws.h"
#include "ssl/tiling.h"

namespace ssl {
namespace {

constexpr std::int64_t kTilesAcross = 3;

struct JigsawOptions {
  double gap = 0.1;
  std::int64_t orders = 100;
  std::int64_t tile_size = 64;
  std::int64_t hidden_size = 512;
  augment::Warp warp;
  augment::Mirror mirror{.chance = 0};

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("gap", &JigsawOptions::gap,
              "part of a cell's side that its tile leaves free, within which it lies anywhere", Range{0, 0.9}),
        field("orders", &JigsawOptions::orders, "in which the tiles may be shown; any two agree in one tile at most",
              Range{2, 702}),
        field("tile_size", &JigsawOptions::tile_size, "numbers that are left of a tile before all are looked at",
              Range{1, 65536}),
        field("hidden_size", &JigsawOptions::hidden_size, "width of the classifier's hidden layer", Range{2, 65536}),
        field("warp", &JigsawOptions::warp, "where and how the view is taken"),
        field("mirror", &JigsawOptions::mirror, "axes turned around"),
    };
  }
};

class Jigsaw final : public OneEncoder {
 public:
  Jigsaw(const JigsawOptions& options, const Setup& setup)
      : OneEncoder("jigsaw", setup),
        options_(options),
        tiling_(*encoder_, input_, kTilesAcross, options.gap),
        orders_(far_permutations(kTilesAcross, options.orders)),
        head_(std::make_shared<OrderHead>(tiling_.cells(), encoder_->embedding_size(), options.tile_size,
                                          options.hidden_size, options.orders)) {
    add("head", head_);
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor& images = batch.views.at(0).images;
    std::vector<at::Tensor> tiles;
    std::vector<std::int64_t> which;
    std::vector<core::Rng> draws = draws_for(batch);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const std::vector<models::Extent> begins = tiling_.draw(draws[i]);
      which.push_back(static_cast<std::int64_t>(draws[i].below(orders_.size())));
      for (const std::int64_t cell : orders_[static_cast<std::size_t>(which.back())])
        tiles.push_back(tiling_.cut(images[static_cast<std::int64_t>(i)], begins[static_cast<std::size_t>(cell)]));
    }
    const Answered result = answered(head_->forward(encoder_->embedding(at::stack(tiles)), comm()),
                                     at::tensor(which, at::kLong).to(images.device()));
    return {result.loss, {{"right", result.right}}};
  }

 private:
  JigsawOptions options_;
  Tiling tiling_;
  std::vector<std::vector<std::int64_t>> orders_;
  std::shared_ptr<OrderHead> head_;
};

}  // namespace

extern const MethodEntry jigsaw_entry;
const MethodEntry jigsaw_entry{
    .name = "jigsaw",
    .help = "27 tiles of a view are shown in one of many orders, the network says in which",
    .family = "pretext",
    .year = 2016,
    .needs = "1 view",
    .encoders = "any",
    .cost = 0.8,
    .choose = "anatomy in a fixed pose whose parts look unlike each other; patches of 96 or more",
    .loss = "cross-entropy over the orders",
    .formula = "-log p(order | tiles as shown)",
    .reference =
        "Noroozi and Favaro, Unsupervised learning by solving jigsaw puzzles, ECCV 2016, arXiv 1603.09246; in "
        "3D Taleb et al., NeurIPS 2020, arXiv 2006.03829",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<JigsawOptions, Jigsaw>::defaults};

}  // namespace ssl
