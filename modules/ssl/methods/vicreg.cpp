// VICReg: two views give the same projection (invariance), every column of it varies (variance), no two columns vary
// together (covariance). Bardes et al., ICLR 2022.
#include <ATen/ATen.h>

#include "losses/agreement.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct VicregOptions {
  std::int64_t projection_size = 256;
  double invariance = 25, variance = 25, covariance = 1;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("projection_size", &VicregOptions::projection_size,
              "width of the projector, and what it gives; the wider the better, far beyond the embedding",
              Range{2, 65536}),
        field("invariance", &VicregOptions::invariance, "weight of the views' distance", Range{0, 1000}),
        field("variance", &VicregOptions::variance, "weight of columns that hardly vary", Range{0, 1000}),
        field("covariance", &VicregOptions::covariance, "weight of columns that vary together", Range{0, 1000}),
        field("views", &VicregOptions::views, "how the two views are made"),
    };
  }
};

class Vicreg final : public OneEncoder {
 public:
  Vicreg(const VicregOptions& options, const Setup& setup)
      : OneEncoder("vicreg", setup),
        options_(options),
        projector_(std::make_shared<Head>(
            HeadShape{setup.encoder->embedding_size(), options.projection_size, options.projection_size, 3})) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "vicreg", "one sample has no variance");
    const std::vector<at::Tensor> z = projector_->forward(embeddings_of(*encoder_, batch.views), comm()).chunk(2);
    const losses::VicregTerms terms = losses::vicreg(z[0], z[1], comm());
    return {terms.sum(options_.invariance, options_.variance, options_.covariance),
            {{"invariance", terms.invariance.detach()},
             {"variance", terms.variance.detach()},
             {"covariance", terms.covariance.detach()}}};
  }

 private:
  VicregOptions options_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry vicreg_entry;
const MethodEntry vicreg_entry{
    .name = "vicreg",
    .help = "two views give the same numbers, every number varies over samples and by itself",
    .family = "non-contrastive",
    .year = 2022,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2,
    .choose = "no negatives and no teacher, and its three numbers say what goes wrong when something does",
    .loss = "distance of the views, plus what is missing of variance 1, plus covariance of other columns",
    .formula = "25 |z1 - z2|^2 + 25 mean max(0, 1 - sd) + sum_(i != j) cov_ij^2 / C",
    .reference = "Bardes et al., VICReg, ICLR 2022, arXiv 2105.04906",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<VicregOptions, Vicreg>::defaults};

}  // namespace ssl
