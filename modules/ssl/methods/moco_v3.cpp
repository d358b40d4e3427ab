// MoCo v3: from one view is predicted which of the batch's teacher projections of other views is its own, both ways; no
// queue. Chen et al., "An empirical study of training self-supervised vision transformers", ICCV 2021.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "losses/contrastive.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct MocoV3Options {
  std::int64_t hidden_size = 256, projection_size = 128;
  double temperature = 0.2, momentum = 0.99;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden_size", &MocoV3Options::hidden_size, "width of projector and predictor", Range{2, 65536}),
        field("projection_size", &MocoV3Options::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("temperature", &MocoV3Options::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("momentum", &MocoV3Options::momentum, "of the teacher at the begin of the run; rises to 1", Range{0, 1}),
        field("views", &MocoV3Options::views, "how the two views are made"),
    };
  }
};

class MocoV3 final : public WithTeacher {
 public:
  MocoV3(const MocoV3Options& options, const Setup& setup)
      : WithTeacher("moco_v3", setup, options.momentum),
        options_(options),
        projector_(make_projector(options)),
        teacher_projector_(make_projector(options)),
        predictor_(std::make_shared<Head>(HeadShape{options.projection_size, options.hidden_size,
                                                    options.projection_size, 2, Between::kNormReLU, true})) {
    add_followed("projector", projector_, teacher_projector_);
    add("predictor", predictor_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "moco_v3", "there is nothing to tell a sample from");
    const at::Tensor projected = projector_->forward(embeddings_of(*encoder_, batch.views), comm());
    const std::vector<at::Tensor> q = predictor_->forward(projected, comm()).chunk(2);
    const std::vector<at::Tensor> k = keys(batch).chunk(2);
    const double t = options_.temperature;
    const at::Tensor loss = 2 * t * (losses::info_nce(q[0], k[1], t, comm()) + losses::info_nce(q[1], k[0], t, comm()));
    return {loss, {{"agreement", at::cosine_similarity(q[0].detach(), k[1]).mean()}}};
  }

 private:
  std::shared_ptr<Head> make_projector(const MocoV3Options& options) const {
    return std::make_shared<Head>(HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size, 3,
                                            Between::kNormReLU, true});
  }
  at::Tensor keys(const data::Batch& batch) {
    const at::NoGradGuard no_gradient;
    return teacher_projector_->forward(embeddings_of(*teacher_encoder_, batch.views), comm());
  }

  MocoV3Options options_;
  std::shared_ptr<Head> projector_, teacher_projector_, predictor_;
};

}  // namespace

extern const MethodEntry moco_v3_entry;
const MethodEntry moco_v3_entry{
    .name = "moco_v3",
    .help = "from one view is predicted which teacher's projection of the batch is its sample's, both ways",
    .family = "contrastive",
    .year = 2021,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2.7,
    .choose = "contrast for a ViT, with batches of dozens over all ranks together",
    .loss = "softmax cross-entropy of the teacher's projection of the other view among those of the batch, both ways",
    .formula = "-2 T (log softmax_k(cos(q1, k2) / T) + log softmax_k(cos(q2, k1) / T))",
    .reference =
        "Chen et al., An empirical study of training self-supervised vision transformers, ICCV 2021, arXiv "
        "2104.02057",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<MocoV3Options, MocoV3>::defaults};

}  // namespace ssl
