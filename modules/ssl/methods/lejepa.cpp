// LeJEPA: all views of a sample give the same embedding, and embeddings of the batch are spread as a normal
// distribution is; no teacher, no stopped gradient. Balestriero and LeCun, 2025.
#include <ATen/ATen.h>

#include "core/error.h"
#include "losses/gaussian.h"
#include "ssl/head.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct LejepaOptions {
  std::int64_t hidden_size = 256, projection_size = 32, directions = 256, knots = 17;
  double gaussian = 0.05, t_max = 3;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden_size", &LejepaOptions::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &LejepaOptions::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("directions", &LejepaOptions::directions, "along which the spread is looked at, new ones each step",
              Range{1, 65536}),
        field("knots", &LejepaOptions::knots, "frequencies of that test", Range{2, 1000}),
        field("t_max", &LejepaOptions::t_max, "the largest of them", Range{0.1, 100}),
        field("gaussian", &LejepaOptions::gaussian, "its share of the loss; the views' distance has the rest",
              Range{0, 1}),
        field("views", &LejepaOptions::views, "how views are made"),
    };
  }
};

class Lejepa final : public OneEncoder {
 public:
  Lejepa(const LejepaOptions& options, const Setup& setup)
      : OneEncoder("lejepa", setup),
        options_(options),
        small_(small_patch_of(options.views, setup)),
        projector_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size, 3})) {
    if (options.views.crops.large + options.views.crops.small < 2)
      throw core::usage_error("lejepa has one view: there is no other to agree with", "raise method.views.crops");
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override { return recipes_of(options_.views, input_, small_); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment& moment) override {
    need_samples(batch, comm(), 2, "lejepa", "one sample has no spread");
    const at::Tensor rows = projected(batch);  // [V, N, C]
    const at::Tensor centre = rows.narrow(0, 0, options_.views.crops.large).mean(0);
    const at::Tensor apart = (rows - centre).square().mean();
    const at::Tensor directions =
        losses::directions_of(options_.projection_size, options_.directions, static_cast<std::uint64_t>(moment.step))
            .to(rows.device());
    at::Tensor off;
    for (const at::Tensor& view : rows.unbind(0)) {
      const at::Tensor one = losses::sigreg(view, directions, options_.knots, options_.t_max, comm());
      off = off.defined() ? off + one : one;
    }
    off = off / rows.size(0);
    return {options_.gaussian * off + (1 - options_.gaussian) * apart,
            {{"gaussian", off.detach()}, {"invariance", apart.detach()}}};
  }

 private:
  at::Tensor projected(const data::Batch& batch) {
    const at::Tensor rows = projector_->forward(embeddings_of(*encoder_, batch.views), comm()).to(at::kFloat);
    return rows.view({static_cast<std::int64_t>(batch.views.size()), batch.size(), options_.projection_size});
  }

  LejepaOptions options_;
  models::Extent small_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry lejepa_entry;
const MethodEntry lejepa_entry{
    .name = "lejepa",
    .help = "views of a sample give one embedding, and embeddings of a batch are spread as a normal distribution",
    .family = "non-contrastive",
    .year = 2025,
    .needs = "2 large views and 4 small ones",
    .encoders = "any",
    .cost = 2.5,
    .choose = "one weight to tune, no teacher and no schedule; its loss says how good the embedding is",
    .loss = "distance of all views from the mean of the large ones, and a test of normality along random directions",
    .formula =
        "(1 - w) mean |z - mean of large z|^2 + w mean over a of N int |mean exp(i t a z) - exp(-t^2/2)|^2 "
        "exp(-t^2/2) dt",
    .reference = "Balestriero and LeCun, LeJEPA, 2025, arXiv 2511.08544",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<LejepaOptions, Lejepa>::defaults};

}  // namespace ssl
