// SimCLR: two views of a sample shall be closer to each other than to any other view of the global batch.
// Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "losses/contrastive.h"
#include "losses/precision.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct SimclrOptions {
  double temperature = 0.5;
  std::int64_t projection_size = 128;
  std::int64_t hidden_size = 256;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("temperature", &SimclrOptions::temperature,
              "of the softmax over similarities; lower weighs the nearest negatives more", Range{0.01, 10}),
        field("projection_size", &SimclrOptions::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("hidden_size", &SimclrOptions::hidden_size, "width of the projector's hidden layer", Range{2, 65536}),
        field("views", &SimclrOptions::views, "how the two views are made"),
    };
  }
};

class Simclr final : public OneEncoder {
 public:
  Simclr(const SimclrOptions& options, const Setup& setup)
      : OneEncoder("simclr", setup),
        options_(options),
        projector_(std::make_shared<Head>(
            HeadShape{setup.encoder->embedding_size(), options.hidden_size, options.projection_size})) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::Coupling coupling() const override { return train::Coupling::kEmbeddings; }

  // Both views go through the encoder in one batch, and through the projector, whose statistics are of both.
  std::vector<at::Tensor> embed(std::size_t, const data::Batch& part, const train::Moment&) override {
    return embeddings_of(*encoder_, part.views).chunk(2);
  }

  train::StepResult loss_of(std::size_t, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                            const train::Moment&) override {
    need_samples(batch, comm(), 2, "simclr", "there is nothing to tell a sample from");
    const at::Tensor projected = projector_->forward(at::cat(embedded), comm());
    const std::vector<at::Tensor> halves = losses::at_least_float(projected).chunk(2);
    const at::Tensor loss = losses::nt_xent(halves[0], halves[1], options_.temperature, comm());
    const at::Tensor agreement = at::cosine_similarity(halves[0].detach(), halves[1].detach()).mean();
    return {loss, {{"agreement", agreement}}};
  }

 private:
  SimclrOptions options_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry simclr_entry;
const MethodEntry simclr_entry{
    .name = "simclr",
    .help = "two views of a sample attract, all other samples of the batch repel",
    .family = "contrastive",
    .year = 2020,
    .needs = "2 views",
    .encoders = "any",
    .cost = 2,
    .choose = "a first try at embeddings for whole pictures; wants batches of dozens, over all ranks together",
    .loss = "softmax cross-entropy of the partner among all views of the batch, by cosine",
    .formula = "-log exp(cos(z, z') / T) / sum over others of exp(cos(z, other) / T)",
    .reference = "Chen et al., A simple framework for contrastive learning, ICML 2020, arXiv 2002.05709",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<SimclrOptions, Simclr>::defaults};

}  // namespace ssl
