// SimCLR: two views of a sample shall be closer to each other than to any other view of the global batch.
// Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/contrastive.h"
#include "losses/precision.h"
#include "ssl/method.h"
#include "ssl/projector.h"

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
        projector_(std::make_shared<Projector>(setup.encoder->embedding_size(), options.hidden_size,
                                               options.projection_size)) {
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override {
    return augment::two_view_crop({input_.patch[0], input_.patch[1], input_.patch[2]}, options_.views);
  }

  // Both views go through the networks in one batch, so that the projector's statistics are of both.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    GADOLIN_CHECK(batch.views.size() >= 2);
    if (batch.size() * comm().size() < 2)
      throw core::usage_error("simclr compares samples with each other: a batch of one has nothing to compare",
                              "give data.batch_size of 2 or more; 8 or more is better");
    const at::Tensor images = at::cat({batch.views[0].images, batch.views[1].images});
    const at::Tensor projected = projector_->forward(encoder_->embedding(images), comm());
    const std::vector<at::Tensor> halves = losses::at_least_float(projected).chunk(2);
    const at::Tensor loss = losses::nt_xent(halves[0], halves[1], options_.temperature, comm());
    const at::Tensor agreement = at::cosine_similarity(halves[0].detach(), halves[1].detach()).mean();
    return {loss, {{"agreement", agreement}}};
  }

 private:
  SimclrOptions options_;
  std::shared_ptr<Projector> projector_;
};

class SimclrSettings final : public MethodSettings {
 public:
  std::vector<core::Slot> slots() override { return core::slots_of(options_); }
  std::unique_ptr<Method> make(const Setup& setup) const override { return std::make_unique<Simclr>(options_, setup); }

 private:
  SimclrOptions options_;
};

}  // namespace

extern const MethodEntry simclr_entry;
const MethodEntry simclr_entry{"simclr", "two views of a sample attract, all others repel (arXiv 2002.05709)", "loss",
                               [] { return std::unique_ptr<MethodSettings>(std::make_unique<SimclrSettings>()); }};

}  // namespace ssl
