// CPC: a view is cut into overlapping cubes of a grid; from the planes of cubes seen so far is predicted what the
// encoder makes of the cubes of planes ahead, told from all other cubes of the batch. van den Oord et al.,
// "Representation learning with contrastive predictive coding", 2018; in 3D Taleb et al., "3D self-supervised methods
// for medical imaging", NeurIPS 2020.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <string>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/contrastive.h"
#include "losses/precision.h"
#include "ssl/cube_grid.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/tiling.h"

namespace ssl {
namespace {

struct CpcOptions {
  std::int64_t side = 3, skip = 0, latent_size = 128, context_size = 128;
  double overlap = 0.5, temperature = 0.1;
  augment::Warp warp;
  augment::Mirror mirror{.chance = 0};

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("side", &CpcOptions::side, "cubes along each axis", Range{2, 16}),
        field("overlap", &CpcOptions::overlap, "part of a cube's side that it shares with the next", Range{0, 0.9}),
        field("skip", &CpcOptions::skip,
              "planes between the last one seen and the first one predicted: 1 where overlapping ones are too easy",
              Range{0, 14}),
        field("latent_size", &CpcOptions::latent_size, "numbers that are predicted of a cube", Range{2, 65536}),
        field("context_size", &CpcOptions::context_size, "width of the network that looks back", Range{2, 65536}),
        field("temperature", &CpcOptions::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("warp", &CpcOptions::warp, "where and how the view is taken"),
        field("mirror", &CpcOptions::mirror, "axes turned around"),
    };
  }
};

// For each distance a linear layer from what was seen to what comes.
struct Predictors : torch::nn::Module {
  Predictors(std::int64_t in, std::int64_t out, std::int64_t first, std::int64_t last) {
    for (std::int64_t distance = first; distance <= last; ++distance)
      ahead.push_back(
          register_module("ahead" + std::to_string(distance), std::make_shared<torch::nn::LinearImpl>(in, out)));
  }
  std::vector<std::shared_ptr<torch::nn::LinearImpl>> ahead;
};

class Cpc final : public OneEncoder {
 public:
  Cpc(const CpcOptions& options, const Setup& setup)
      : OneEncoder("cpc", setup),
        options_(options),
        grid_(*encoder_, input_, options.side, options.overlap),
        latent_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), 0, options.latent_size, 1, Between::kNormReLU, true})),
        context_(std::make_shared<LooksBack>(options.latent_size, options.context_size, options.side)),
        predictors_(std::make_shared<Predictors>(options.context_size, options.latent_size, options.skip + 1,
                                                 options.side - 1)) {
    if (predictors_->ahead.empty())
      throw core::usage_error("cpc has " + std::to_string(options.side) + " planes of cubes and skips " +
                                  std::to_string(options.skip) + ": there is nothing ahead to predict",
                              "give a method.skip below method.side - 1");
    add("latent", latent_);
    add("context", context_);
    add("predictors", predictors_);
  }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  train::Coupling coupling() const override { return train::Coupling::kEmbeddings; }

  std::vector<at::Tensor> embed(std::size_t, const data::Batch& part, const train::Moment&) override {
    const at::Tensor cubes = each_standardised(grid_.cut(part.views.at(0).images));
    return {encoder_->embedding(cubes).unflatten(0, {part.size(), -1})};
  }

  train::StepResult loss_of(std::size_t, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                            const train::Moment&) override {
    const at::Tensor latents = losses::at_least_float(latent_->forward(embedded[0].flatten(0, 1), comm()));
    const at::Tensor all = comm().all_gather(latents);
    const std::int64_t side = options_.side, cubes = latents.size(0);
    const at::Tensor number = at::arange(cubes, latents.options().dtype(at::kLong).requires_grad(false))
                                  .view({batch.size(), side, side, side}) +
                              cubes * comm().rank();
    const at::Tensor by_place = latents.view({batch.size(), side, side, side, -1});
    const at::Tensor seen = looked_back(by_place);
    at::Tensor loss, agreement;
    for (std::size_t i = 0; i < predictors_->ahead.size(); ++i) {
      const std::int64_t distance = options_.skip + 1 + static_cast<std::int64_t>(i);
      const at::Tensor said = predicted(*predictors_->ahead[i], seen.narrow(1, 0, side - distance));
      const at::Tensor target = by_place.slice(1, distance).flatten(0, 3);
      const at::Tensor others = at::ones({said.size(0), all.size(0)}, number.options().dtype(at::kBool))
                                    .scatter(1, number.slice(1, distance).flatten().unsqueeze(1), false);
      const at::Tensor one = losses::info_nce_with_queue(said, target, all, options_.temperature, others);
      const at::Tensor alike = at::cosine_similarity(said.detach(), target.detach()).mean();
      loss = loss.defined() ? loss + one : one;
      agreement = agreement.defined() ? agreement + alike : alike;
    }
    const auto distances = static_cast<double>(predictors_->ahead.size());
    return {loss / distances, {{"agreement", agreement / distances}}};
  }

 private:
  // [N, d, h, w, latent] -> [N, d, h, w, context]. The grid is smaller than autocast is worth.
  at::Tensor looked_back(const at::Tensor& latents) {
    const losses::WithoutAutocast exact;
    return context_->forward(latents.permute({0, 4, 1, 2, 3})).permute({0, 2, 3, 4, 1});
  }
  at::Tensor predicted(torch::nn::LinearImpl& ahead, const at::Tensor& seen) {
    const losses::WithoutAutocast exact;
    return ahead.forward(seen.flatten(0, 3));
  }

  CpcOptions options_;
  CubeGrid grid_;
  std::shared_ptr<Head> latent_;  // a cube's embedding to what is predicted of it, normalised over all cubes
  std::shared_ptr<LooksBack> context_;
  std::shared_ptr<Predictors> predictors_;
};

}  // namespace

extern const MethodEntry cpc_entry;
const MethodEntry cpc_entry{
    .name = "cpc",
    .help = "from the planes of cubes seen so far is predicted which cube of the batch comes at each place ahead",
    .family = "predictive",
    .year = 2018,
    .needs = "1 view",
    .encoders = "any",
    .cost = 3.4,
    .choose = "anatomy in a fixed pose that goes on along depth; patches of 96 or more, small batches do",
    .loss = "softmax cross-entropy of a cube's latent with its prediction among those of all cubes, by cosine",
    .formula = "-mean over k log exp(cos(W_k c_t, z_(t+k)) / T) / sum over all cubes of exp(cos(W_k c_t, z) / T)",
    .reference =
        "van den Oord et al., Representation learning with contrastive predictive coding, 2018, arXiv 1807.03748; in "
        "3D Taleb et al., NeurIPS 2020, arXiv 2006.03829",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<CpcOptions, Cpc>::defaults};

}  // namespace ssl
