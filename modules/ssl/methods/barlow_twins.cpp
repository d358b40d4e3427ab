// Barlow Twins: the projections of two views are correlated column by column, and with no other column. Zbontar et al.,
// "Barlow Twins: self-supervised learning via redundancy reduction", ICML 2021.
#include <ATen/ATen.h>

#include "losses/agreement.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct BarlowTwinsOptions {
  std::int64_t projection_size = 256;
  double off_diagonal = 0.0051;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("projection_size", &BarlowTwinsOptions::projection_size,
              "width of the projector, and what it gives; the wider the better, far beyond the embedding",
              Range{2, 65536}),
        field("off_diagonal", &BarlowTwinsOptions::off_diagonal, "weight of what other columns have in common",
              Range{0, 10}),
        field("views", &BarlowTwinsOptions::views, "how the two views are made"),
    };
  }
};

class BarlowTwins final : public OneEncoder {
 public:
  BarlowTwins(const BarlowTwinsOptions& options, const Setup& setup)
      : OneEncoder("barlow_twins", setup),
        options_(options),
        projector_(std::make_shared<Head>(
            HeadShape{setup.encoder->embedding_size(), options.projection_size, options.projection_size, 3})) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "barlow_twins", "one sample has no correlation");
    const std::vector<at::Tensor> z = projector_->forward(embeddings_of(*encoder_, batch.views), comm()).chunk(2);
    return {losses::barlow_twins(z[0], z[1], options_.off_diagonal, comm()),
            {{"agreement", -losses::negative_cosine(z[0].detach(), z[1].detach())}}};
  }

 private:
  BarlowTwinsOptions options_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry barlow_twins_entry;
const MethodEntry barlow_twins_entry{
    .name = "barlow_twins",
    .help = "two views give the same numbers, and no number says what another says",
    .family = "non-contrastive",
    .year = 2021,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2,
    .choose = "no negatives and no teacher, with a wide projector; cannot collapse to one answer",
    .loss = "distance of the cross-correlation of both views from the identity",
    .formula = "sum_i (1 - C_ii)^2 + w sum_(i != j) C_ij^2",
    .reference = "Zbontar et al., Barlow Twins, ICML 2021, arXiv 2103.03230",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<BarlowTwinsOptions, BarlowTwins>::defaults};

}  // namespace ssl
