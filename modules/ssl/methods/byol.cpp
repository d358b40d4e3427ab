// BYOL: a teacher's projection of one view is predicted from the other; the teacher follows the student. Grill et al.,
// "Bootstrap your own latent", NeurIPS 2020.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "losses/agreement.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct ByolOptions {
  std::int64_t hidden_size = 256, projection_size = 128;
  double momentum = 0.99;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden_size", &ByolOptions::hidden_size, "width of projector and predictor", Range{2, 65536}),
        field("projection_size", &ByolOptions::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("momentum", &ByolOptions::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.996 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("views", &ByolOptions::views, "how the two views are made"),
    };
  }
};

class Byol final : public WithTeacher {
 public:
  Byol(const ByolOptions& options, const Setup& setup)
      : WithTeacher("byol", setup, options.momentum),
        options_(options),
        projector_(make_projector(options)),
        teacher_projector_(make_projector(options)),
        predictor_(
            std::make_shared<Head>(HeadShape{options.projection_size, options.hidden_size, options.projection_size})) {
    add_followed("projector", projector_, teacher_projector_);
    add("predictor", predictor_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "byol", "its projector is normalised over the batch");
    const at::Tensor projected = projector_->forward(embeddings_of(*encoder_, batch.views), comm());
    const std::vector<at::Tensor> predicted = predictor_->forward(projected, comm()).chunk(2);
    const std::vector<at::Tensor> target = targets(batch).chunk(2);
    const at::Tensor agreement =
        -(losses::negative_cosine(predicted[0], target[1]) + losses::negative_cosine(predicted[1], target[0])) / 2;
    return {2 - 2 * agreement, {{"agreement", agreement.detach()}}};
  }

 private:
  std::shared_ptr<Head> make_projector(const ByolOptions& options) const {
    return std::make_shared<Head>(HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size});
  }
  at::Tensor targets(const data::Batch& batch) {
    const at::NoGradGuard no_gradient;
    return teacher_projector_->forward(embeddings_of(*teacher_encoder_, batch.views), comm());
  }

  ByolOptions options_;
  std::shared_ptr<Head> projector_, teacher_projector_, predictor_;
};

}  // namespace

extern const MethodEntry byol_entry;
const MethodEntry byol_entry{
    .name = "byol",
    .help = "a slowly moving teacher's projection of one view is predicted from the other",
    .family = "non-contrastive",
    .year = 2020,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2.7,
    .choose = "no negatives, so neighbouring patients are not pushed apart; batches of a dozen do",
    .loss = "2 - 2 cosine of the prediction and the teacher's projection of the other view, both ways",
    .formula = "2 - cos(p1, t2) - cos(p2, t1)",
    .reference = "Grill et al., Bootstrap your own latent, NeurIPS 2020, arXiv 2006.07733",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<ByolOptions, Byol>::defaults};

}  // namespace ssl
