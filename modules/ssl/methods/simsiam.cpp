// SimSiam: from one view of a sample the other's projection is predicted, whose gradient is stopped; no negatives, no
// teacher. Chen and He, "Exploring simple Siamese representation learning", CVPR 2021.
#include <ATen/ATen.h>

#include "losses/agreement.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct SimsiamOptions {
  std::int64_t projection_size = 256, predictor_size = 64;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("projection_size", &SimsiamOptions::projection_size, "width of the projector, and what it gives",
              Range{2, 65536}),
        field("predictor_size", &SimsiamOptions::predictor_size, "width of the predictor; a quarter of the projection",
              Range{2, 65536}),
        field("views", &SimsiamOptions::views, "how the two views are made"),
    };
  }
};

class Simsiam final : public OneEncoder {
 public:
  Simsiam(const SimsiamOptions& options, const Setup& setup)
      : OneEncoder("simsiam", setup),
        options_(options),
        projector_(std::make_shared<Head>(HeadShape{setup.encoder->embedding_size(), options.projection_size,
                                                    options.projection_size, 3, Between::kNormReLU, true})),
        predictor_(std::make_shared<Head>(
            HeadShape{options.projection_size, options.predictor_size, options.projection_size})) {
    add("projector", projector_);
    add("predictor", predictor_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "simsiam", "its projector is normalised over the batch");
    const at::Tensor projected = projector_->forward(embeddings_of(*encoder_, batch.views), comm());
    const std::vector<at::Tensor> predicted = predictor_->forward(projected, comm()).chunk(2);
    const std::vector<at::Tensor> target = projected.detach().chunk(2);
    const at::Tensor agreement =
        -(losses::negative_cosine(predicted[0], target[1]) + losses::negative_cosine(predicted[1], target[0])) / 2;
    return {1 - agreement, {{"agreement", agreement.detach()}}};
  }

 private:
  SimsiamOptions options_;
  std::shared_ptr<Head> projector_, predictor_;
};

}  // namespace

extern const MethodEntry simsiam_entry;
const MethodEntry simsiam_entry{
    .name = "simsiam",
    .help = "one view's projection is predicted from the other's, without negatives and without a teacher",
    .family = "non-contrastive",
    .year = 2021,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2,
    .choose =
        "small batches and little memory; the simplest of its family, and the first to collapse: watch "
        "embedding_spread",
    .loss = "1 - cosine of the prediction and the other view's projection, both ways",
    .formula = "1 - (cos(p1, stop(z2)) + cos(p2, stop(z1))) / 2",
    .reference = "Chen and He, Exploring simple Siamese representation learning, CVPR 2021, arXiv 2011.10566",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<SimsiamOptions, Simsiam>::defaults};

}  // namespace ssl
