// Variational autoencoder: a view becomes a distribution of short codes, a code drawn from it becomes the view again.
// Kingma and Welling, "Auto-encoding variational Bayes", ICLR 2014.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "augment/recipes.h"
#include "losses/masked.h"
#include "losses/variational.h"
#include "ssl/counted.h"
#include "ssl/generator.h"
#include "ssl/on_voxels.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct VaeOptions {
  std::int64_t code_size = 256;
  double beta = 1;
  std::int64_t generator_base = 16;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("code_size", &VaeOptions::code_size, "numbers of a code", Range{1, 65536}),
        field("beta", &VaeOptions::beta,
              "weight of the divergence; 1: the bound of the likelihood, with noise of "
              "variance 1/2 in each voxel",
              Range{0, 1000}),
        field("generator_base", &VaeOptions::generator_base,
              "channels of the generator at full resolution; it is thrown away", Range{1, 256}),
        field("warp", &VaeOptions::warp, "where and how the view is taken"),
        field("mirror", &VaeOptions::mirror, "axes turned around"),
    };
  }
};

class Vae final : public OnVoxels {
 public:
  Vae(const VaeOptions& options, const Setup& setup)
      : OnVoxels("vae", setup),
        options_(options),
        voxels_(static_cast<double>(input_.channels * input_.patch[0] * input_.patch[1] * input_.patch[2])),
        to_code_(std::make_shared<torch::nn::LinearImpl>(flat_features_size(*encoder_, input_), 2 * options.code_size)),
        generator_(std::make_shared<Generator>(options.code_size, input_, options.generator_base)) {
    add("to_code", to_code_);
    add("generator", generator_);
  }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  // Both terms are of one voxel, so that `beta` and the learning rate mean the same for any patch.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor noise = standard_normal(batch, options_.code_size).to(view.images.device());
    const std::vector<at::Tensor> code =
        to_code_->forward(flat_features(*encoder_, view.images)).to(at::kFloat).chunk(2, 1);
    const at::Tensor mean = code[0], log_variance = code[1].clamp(-20, 20);
    const at::Tensor inside = view.valid.unsqueeze(1);
    const at::Tensor made = generator_->forward(mean + (0.5 * log_variance).exp() * noise);
    const at::Tensor apart =
        losses::masked_mean_square(made, view.images, inside, {}, false) * weight_of(inside, comm());
    const at::Tensor divergence = losses::kl_to_standard_normal(mean, log_variance);
    return {apart + options_.beta / voxels_ * divergence,
            {{"reconstruction", apart.detach()}, {"divergence", divergence.detach()}}};
  }

 private:
  VaeOptions options_;
  double voxels_;
  std::shared_ptr<torch::nn::LinearImpl> to_code_;
  std::shared_ptr<Generator> generator_;
};

}  // namespace

extern const MethodEntry vae_entry;
const MethodEntry vae_entry{
    .name = "vae",
    .help = "a view becomes a distribution of short codes, a code drawn from it becomes the view again",
    .family = "autoencoder",
    .year = 2014,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.5,
    .choose = "a smooth space of whole small pictures is wanted, or how unlikely a picture is; detail is lost",
    .loss =
        "mean square to the view, inside the case, and the codes' divergence from the standard normal, by the voxel",
    .formula = "mean (G(z) - x)^2 + beta KL(N(m, v) | N(0, 1)) / voxels, z = m + sqrt(v) e",
    .reference = "Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014, arXiv 1312.6114",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<VaeOptions, Vae>::defaults};

}  // namespace ssl
