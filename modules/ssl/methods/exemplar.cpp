// Exemplar: two views of a case lie nearer to each other than to views of other cases, by a margin. Taleb et al., "3D
// self-supervised methods for medical imaging", NeurIPS 2020.
#include <ATen/ATen.h>

#include "losses/contrastive.h"
#include "ssl/head.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct ExemplarOptions {
  std::int64_t hidden_size = 256, projection_size = 128;
  double margin = 1;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden_size", &ExemplarOptions::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &ExemplarOptions::projection_size, "length of the projected embedding",
              Range{2, 65536}),
        field("margin", &ExemplarOptions::margin,
              "by which the square of the distance of others is to be larger; of length 1 it is 4 at most",
              Range{0.01, 4}),
        field("views", &ExemplarOptions::views, "how the two views are made"),
    };
  }
};

class Exemplar final : public OneEncoder {
 public:
  Exemplar(const ExemplarOptions& options, const Setup& setup)
      : OneEncoder("exemplar", setup),
        options_(options),
        projector_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size})) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "exemplar", "there is no other case to keep away from");
    const std::vector<at::Tensor> z = projector_->forward(embeddings_of(*encoder_, batch.views), comm()).chunk(2);
    const at::Tensor loss = losses::triplet(z[0], z[1], options_.margin, comm());
    return {loss,
            {{"agreement", at::cosine_similarity(z[0].detach().to(at::kFloat), z[1].detach().to(at::kFloat)).mean()}}};
  }

 private:
  ExemplarOptions options_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry exemplar_entry;
const MethodEntry exemplar_entry{
    .name = "exemplar",
    .help = "two views of a case lie nearer to each other than to views of other cases, by a margin",
    .family = "contrastive",
    .year = 2020,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2,
    .choose = "a plain yardstick beside simclr: others that are far enough away are left alone",
    .loss = "by how much squared distances to other cases fall short of that to the own view plus a margin",
    .formula = "mean over others of max(0, |a - p|^2 - |a - n|^2 + margin)",
    .reference = "Taleb et al., 3D self-supervised methods for medical imaging, NeurIPS 2020, arXiv 2006.03829",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<ExemplarOptions, Exemplar>::defaults};

}  // namespace ssl
