// Sparse autoencoder: each place of the coarsest features becomes a code of which few groups of numbers are used, and
// the code, a sum of learnt pictures, becomes the voxels of the place again. Le et al., "Building high-level features
// using large scale unsupervised learning", ICML 2012; the codes' scale is fixed by pictures of length 1, as in
// Olshausen and Field, Nature 381, 1996.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include <cmath>
#include <string>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/masked.h"
#include "losses/precision.h"
#include "losses/sparse.h"
#include "ssl/counted.h"
#include "ssl/hidden_blocks.h"
#include "ssl/on_voxels.h"

namespace ssl {
namespace {

struct SparseAutoencoderOptions {
  std::int64_t code_size = 512;
  std::int64_t pool = 4;
  double sparsity = 0.1;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("code_size", &SparseAutoencoderOptions::code_size, "numbers of the code of a place", Range{1, 65536}),
        field("pool", &SparseAutoencoderOptions::pool,
              "numbers that are used or left together; code_size is a multiple", Range{1, 65536}),
        field("sparsity", &SparseAutoencoderOptions::sparsity, "weight of the codes' cost", Range{0, 1000}),
        field("warp", &SparseAutoencoderOptions::warp, "where and how the view is taken"),
        field("mirror", &SparseAutoencoderOptions::mirror, "axes turned around"),
    };
  }
};

// Codes [N, T, K] -> voxels [N, T, V]: a sum of K pictures of length 1, and a mean.
struct Pictures : torch::nn::Module {
  Pictures(std::int64_t codes, std::int64_t voxels) {
    weight = register_parameter("weight", at::randn({codes, voxels}));
    bias = register_parameter("bias", at::zeros({voxels}));
  }
  at::Tensor forward(const at::Tensor& codes) const {
    const at::Tensor unit = weight / weight.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
    return codes.matmul(unit.to(codes.scalar_type())) + bias;
  }
  at::Tensor weight, bias;
};

class SparseAutoencoder final : public OnVoxels {
 public:
  SparseAutoencoder(const SparseAutoencoderOptions& options, const Setup& setup)
      : OnVoxels("sparse_autoencoder", setup),
        options_(options),
        stride_(setup.encoder->stride().back()),
        voxels_(input_.channels * stride_[0] * stride_[1] * stride_[2]) {
    if (options.code_size % options.pool != 0)
      throw core::usage_error("a code of " + std::to_string(options.code_size) + " numbers is not made of groups of " +
                                  std::to_string(options.pool),
                              "method.code_size must be a multiple of method.pool");
    to_code_ = std::make_shared<torch::nn::LinearImpl>(encoder_->channels().back(), options.code_size);
    pictures_ = std::make_shared<Pictures>(options.code_size, voxels_);
    add("to_code", to_code_);
    add("pictures", pictures_);
  }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  // Both terms are of one voxel. A picture of length 1 has voxels of 1 / sqrt(V): codes are counted in that unit, so
  // that the weight means the same for any stride.
  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor features = encoder_->features(view.images).back();
    const models::Extent grid{features.size(2), features.size(3), features.size(4)};
    const at::Tensor code = to_code_->forward(features.flatten(2).transpose(1, 2));
    const at::Tensor made = cut_to(picture_of(pictures_->forward(code), input_.channels, grid, stride_), input_.patch);
    const at::Tensor inside = view.valid.unsqueeze(1);
    const at::Tensor apart =
        losses::masked_mean_square(made, view.images, inside, {}, false) * weight_of(inside, comm());
    const at::Tensor cost = losses::pooled_sparsity(code.flatten(0, 1), options_.pool) / std::sqrt(voxels_) /
                            static_cast<double>(options_.code_size / options_.pool);
    return {apart + options_.sparsity * cost, {{"reconstruction", apart.detach()}, {"cost", cost.detach()}}};
  }

 private:
  SparseAutoencoderOptions options_;
  models::Extent stride_;
  std::int64_t voxels_;  // of a place, all channels
  std::shared_ptr<torch::nn::LinearImpl> to_code_;
  std::shared_ptr<Pictures> pictures_;
};

}  // namespace

extern const MethodEntry sparse_autoencoder_entry;
const MethodEntry sparse_autoencoder_entry{
    .name = "sparse_autoencoder",
    .help = "each place becomes a code of which few groups are used, and voxels again",
    .family = "autoencoder",
    .year = 2012,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1,
    .choose = "features that a person can look at one by one; a baseline rather than a winner",
    .loss = "mean square to the view, inside the case, and the L2 norm of each group of a code's numbers",
    .formula = "mean (sum_k h_k p_k - x)^2 + s sum over groups of sqrt(e + sum h^2), |p_k| = 1",
    .reference =
        "Le et al., Building high-level features using large scale unsupervised learning, ICML 2012, arXiv "
        "1112.6209",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<SparseAutoencoderOptions, SparseAutoencoder>::defaults};

}  // namespace ssl
