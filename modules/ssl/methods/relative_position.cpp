// Relative position: of two tiles of a view, the middle one and another, the network says where the other lies. Doersch
// et al., "Unsupervised visual representation learning by context prediction", ICCV 2015; in 3D Taleb et al., "3D
// self-supervised methods for medical imaging", NeurIPS 2020.
#include <ATen/ATen.h>

#include <numeric>

#include "augment/recipes.h"
#include "ssl/answered.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/sample_draws.h"
#include "ssl/tiling.h"

namespace ssl {
namespace {

constexpr std::int64_t kBoxesAcross = 3, kMiddle = 13, kNeighbours = 26;

struct RelativePositionOptions {
  double gap = 0.1;
  std::int64_t neighbours = 4;
  std::int64_t hidden_size = 256;
  augment::Warp warp;
  augment::Mirror mirror{.chance = 0};

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("gap", &RelativePositionOptions::gap,
              "part of a cell's side that its tile leaves free, within which it lies anywhere", Range{0, 0.9}),
        field("neighbours", &RelativePositionOptions::neighbours, "of the 26 around the middle, asked for in a sample",
              Range{1, kNeighbours}),
        field("hidden_size", &RelativePositionOptions::hidden_size, "width of the classifier's hidden layer",
              Range{2, 65536}),
        field("warp", &RelativePositionOptions::warp, "where and how the view is taken"),
        field("mirror", &RelativePositionOptions::mirror,
              "axes turned around: left and right are then one answer less"),
    };
  }
};

class RelativePosition final : public OneEncoder {
 public:
  RelativePosition(const RelativePositionOptions& options, const Setup& setup)
      : OneEncoder("relative_position", setup),
        options_(options),
        tiling_(*encoder_, input_, kBoxesAcross, options.gap),
        classifier_(std::make_shared<Head>(
            HeadShape{2 * encoder_->embedding_size(), options.hidden_size, kNeighbours, 2, Between::kReLU})) {
    add("classifier", classifier_);
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  // Each sample gives its middle tile and the chosen others, one after the other.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor& images = batch.views.at(0).images;
    std::vector<at::Tensor> tiles;
    std::vector<std::int64_t> where;
    std::vector<core::Rng> draws = draws_for(batch);
    for (std::size_t i = 0; i < draws.size(); ++i) {
      const at::Tensor picture = images[static_cast<std::int64_t>(i)];
      const std::vector<models::Extent> begins = tiling_.draw(draws[i]);
      tiles.push_back(tiling_.cut(picture, begins[kMiddle]));
      for (const std::int64_t neighbour : chosen(draws[i])) {
        where.push_back(neighbour);
        const std::int64_t cell = neighbour < kMiddle ? neighbour : neighbour + 1;
        tiles.push_back(tiling_.cut(picture, begins[static_cast<std::size_t>(cell)]));
      }
    }
    const at::Tensor embedded = encoder_->embedding(at::stack(tiles)).unflatten(0, {-1, 1 + options_.neighbours});
    const at::Tensor others = embedded.slice(1, 1);
    const at::Tensor pairs = at::cat({embedded.slice(1, 0, 1).expand_as(others), others}, 2).flatten(0, 1);
    const Answered result =
        answered(classifier_->forward(pairs, comm()), at::tensor(where, at::kLong).to(images.device()));
    return {result.loss, {{"right", result.right}}};
  }

 private:
  // Different ones of 0 .. 25.
  std::vector<std::int64_t> chosen(core::Rng& rng) const {
    std::vector<std::int64_t> all(kNeighbours);
    std::iota(all.begin(), all.end(), 0);
    for (std::size_t i = 0; i < static_cast<std::size_t>(options_.neighbours); ++i)
      std::swap(all[i], all[i + rng.below(all.size() - i)]);
    all.resize(static_cast<std::size_t>(options_.neighbours));
    return all;
  }

  RelativePositionOptions options_;
  Tiling tiling_;
  std::shared_ptr<Head> classifier_;
};

}  // namespace

extern const MethodEntry relative_position_entry;
const MethodEntry relative_position_entry{
    .name = "relative_position",
    .help = "of the middle tile of a view and another, the network says where the other lies",
    .family = "pretext",
    .year = 2015,
    .needs = "1 view",
    .encoders = "any",
    .cost = 0.3,
    .choose = "anatomy in a fixed pose whose parts look unlike each other; cheap, patches of 96 or more",
    .loss = "cross-entropy over the 26 cells around the middle",
    .formula = "-log p(cell | middle, tile)",
    .reference =
        "Doersch et al., Unsupervised visual representation learning by context prediction, ICCV 2015, arXiv "
        "1505.05192; in 3D Taleb et al., NeurIPS 2020, arXiv 2006.03829",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<RelativePositionOptions, RelativePosition>::defaults};

}  // namespace ssl
