// Rubik's cube: the 8 tiles of a view are shown in one of many orders, some of them turned by 180 degrees; the network
// says in which order and which are turned. Zhuang et al., "Self-supervised feature learning for 3D medical images by
// playing a Rubik's cube", MICCAI 2019.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "losses/precision.h"
#include "ssl/answered.h"
#include "ssl/cube_rotation.h"
#include "ssl/method.h"
#include "ssl/order_head.h"
#include "ssl/permutations.h"
#include "ssl/sample_draws.h"
#include "ssl/tiling.h"

namespace ssl {
namespace {

constexpr std::int64_t kCubesAcross = 2, kTurns = 2;  // half turns about axis d, about axis h

struct RubikOptions {
  double gap = 0.1;
  std::int64_t orders = 56;
  double order_weight = 0.5, turn_weight = 0.5;
  std::int64_t tile_size = 64;
  std::int64_t hidden_size = 256;
  augment::Warp warp;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("gap", &RubikOptions::gap,
              "part of a cell's side that its tile leaves free, within which it lies anywhere", Range{0, 0.9}),
        field("orders", &RubikOptions::orders, "in which the tiles may be shown; any two agree in one tile at most",
              Range{2, 56}),
        field("order_weight", &RubikOptions::order_weight, "of the question for the order", Range{0, 1000}),
        field("turn_weight", &RubikOptions::turn_weight, "of the question which tiles are turned", Range{0, 1000}),
        field("tile_size", &RubikOptions::tile_size, "numbers that are left of a tile before all are looked at",
              Range{1, 65536}),
        field("hidden_size", &RubikOptions::hidden_size, "width of the classifiers' hidden layer", Range{2, 65536}),
        field("warp", &RubikOptions::warp, "where and how the view is taken"),
    };
  }
};

class Rubik final : public OneEncoder {
 public:
  Rubik(const RubikOptions& options, const Setup& setup)
      : OneEncoder("rubik", setup),
        options_(options),
        tiling_(*encoder_, input_, kCubesAcross, options.gap),
        orders_(far_permutations(kCubesAcross, options.orders)),
        order_head_(std::make_shared<OrderHead>(tiling_.cells(), encoder_->embedding_size(), options.tile_size,
                                                options.hidden_size, options.orders)),
        turn_head_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, kTurns, 2, Between::kReLU})) {
    add("order_head", order_head_);
    add("turn_head", turn_head_);
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  // Not mirrored: half turns would then be harder to tell from a mirror image than from the picture.
  std::vector<augment::Recipe> views() const override { return {{patch(), {augment::make(options_.warp)}}}; }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor& images = batch.views.at(0).images;
    std::vector<at::Tensor> tiles;
    std::vector<std::int64_t> which;
    std::vector<float> is_turned;
    std::vector<core::Rng> draws = draws_for(batch);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const std::vector<models::Extent> begins = tiling_.draw(draws[i]);
      which.push_back(static_cast<std::int64_t>(draws[i].below(orders_.size())));
      for (const std::int64_t cell : orders_[static_cast<std::size_t>(which.back())]) {
        at::Tensor tile = tiling_.cut(images[static_cast<std::int64_t>(i)], begins[static_cast<std::size_t>(cell)]);
        for (std::int64_t axis = 0; axis < kTurns; ++axis) {
          is_turned.push_back(draws[i].chance(0.5) ? 1.0f : 0.0f);
          if (is_turned.back() > 0) tile = turned(tile, quarter_turns(axis, 2));
        }
        tiles.push_back(tile);
      }
    }
    const at::Tensor embedded = encoder_->embedding(at::stack(tiles));
    const Answered order =
        answered(order_head_->forward(embedded, comm()), at::tensor(which, at::kLong).to(images.device()));
    const at::Tensor turn = turn_head_->forward(embedded, comm());
    const at::Tensor truth = at::tensor(is_turned).view({-1, kTurns}).to(images.device());
    const losses::WithoutAutocast exact;
    const at::Tensor turn_loss = at::binary_cross_entropy_with_logits(losses::at_least_float(turn), truth);
    return {options_.order_weight * order.loss + options_.turn_weight * turn_loss,
            {{"order_right", order.right}, {"turn_right", ((turn.detach() > 0) == (truth > 0)).to(at::kFloat).mean()}}};
  }

 private:
  RubikOptions options_;
  Tiling tiling_;
  std::vector<std::vector<std::int64_t>> orders_;
  std::shared_ptr<OrderHead> order_head_;
  std::shared_ptr<Head> turn_head_;
};

}  // namespace

extern const MethodEntry rubik_entry;
const MethodEntry rubik_entry{
    .name = "rubik",
    .help = "8 tiles of a view in one of many orders, some turned: the network says in which order and which",
    .family = "pretext",
    .year = 2019,
    .needs = "1 view",
    .encoders = "any",
    .cost = 0.8,
    .choose = "as jigsaw where patches are smaller: its tiles are half of the patch along each axis",
    .loss = "cross-entropy over the orders, and of each tile's two half turns",
    .formula = "a -log p(order | tiles) + b mean of -log p(turn | tile)",
    .reference =
        "Zhuang et al., Self-supervised feature learning for 3D medical images by playing a Rubik's cube, "
        "MICCAI 2019, arXiv 1910.02241",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<RubikOptions, Rubik>::defaults};

}  // namespace ssl
