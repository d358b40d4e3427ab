// SimMIM: hidden blocks are replaced by one learnt code, the whole picture is encoded, and one linear layer says what
// was there. Xie et al., "SimMIM: a simple framework for masked image modeling", CVPR 2022.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/masked.h"
#include "models/swin.h"
#include "models/visible.h"
#include "models/vit.h"
#include "ssl/counted.h"
#include "ssl/hidden_blocks.h"
#include "ssl/on_voxels.h"

namespace ssl {
namespace {

struct SimmimOptions {
  double hidden = 0.6;
  std::vector<std::int64_t> block;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden", &SimmimOptions::hidden, "share of the blocks that are hidden", Range{0, 1}),
        field("block", &SimmimOptions::block,
              "side of a block in voxels, {d, h, w} or one number for all; empty: what suits the encoder (a token; 16, "
              "or 8 along a patch below 96)",
              Range{1, 1024}),
        field("warp", &SimmimOptions::warp, "where and how the view is taken"),
        field("mirror", &SimmimOptions::mirror, "axes turned around"),
    };
  }
};

// What stands in the place of something hidden: a code for each channel.
struct Unseen : torch::nn::Module {
  explicit Unseen(std::int64_t channels) { code = register_parameter("code", at::randn({channels}) * 0.02); }
  // values [N, C, ...], hidden broadcasts to it.
  at::Tensor put(const at::Tensor& values, const at::Tensor& hidden, at::IntArrayRef shape) const {
    return at::where(hidden > 0, code.view(shape).to(values.scalar_type()), values);
  }
  at::Tensor code;
};

class Simmim final : public OnVoxels {
 public:
  Simmim(const SimmimOptions& options, const Setup& setup)
      : OnVoxels("simmim", setup),
        options_(options),
        block_(chosen_block(options.block, *setup.encoder, setup.input)),
        vit_(std::dynamic_pointer_cast<models::Vit>(setup.encoder)),
        swin_(std::dynamic_pointer_cast<models::Swin>(setup.encoder)),
        stride_(setup.encoder->stride().back()) {
    // What is embedded as one is hidden as one.
    const bool embeds = vit_ || swin_;
    check_blocks(input_, block_, options.hidden, embeds ? encoder_->stride().front() : models::Extent{1, 1, 1});
    unseen_ = std::make_shared<Unseen>(embeds ? encoder_->channels().front() : input_.channels);
    head_ = std::make_shared<torch::nn::LinearImpl>(encoder_->channels().back(),
                                                    input_.channels * stride_[0] * stride_[1] * stride_[2]);
    add("unseen", unseen_);
    add("head", head_);
  }

  std::vector<augment::Recipe> views() const override {
    return {hiding(patch(), block_, options_.hidden, options_.warp, options_.mirror)};
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override { return hidden_inside(batch.views.at(0)).sum(); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor counted = hidden_inside(view), hidden = view.hidden.unsqueeze(1);
    return {losses::masked_mean_absolute(picture_from(coarsest(view.images, hidden)), view.images, counted), {}};
  }

 private:
  at::Tensor coarsest(const at::Tensor& images, const at::Tensor& hidden) {
    constexpr std::array<std::int64_t, 5> kOfChannels{1, -1, 1, 1, 1};
    if (vit_) return vit_features(images, hidden);
    if (!swin_) return encoder_->features(unseen_->put(images, hidden, kOfChannels)).back();
    const at::Tensor of_patch = models::visible_at(hidden, swin_->stride().front());
    return swin_->scales_of(unseen_->put(swin_->patches(images), of_patch, kOfChannels)).back();
  }

  at::Tensor vit_features(const at::Tensor& images, const at::Tensor& hidden) {
    const models::Extent grid = vit_->grid(images);
    const at::Tensor tokens =
        unseen_->put(vit_->patches(images), hidden_tokens(hidden, stride_).unsqueeze(2), {1, 1, -1}) +
        vit_->positions(grid);
    return vit_->encode(tokens, {grid, {}})
        .transpose(1, 2)
        .reshape({images.size(0), vit_->width(), grid[0], grid[1], grid[2]});
  }

  // One linear layer from the coarsest features to the voxels of each.
  at::Tensor picture_from(const at::Tensor& features) {
    const models::Extent grid{features.size(2), features.size(3), features.size(4)};
    return cut_to(picture_of(head_->forward(features.flatten(2).transpose(1, 2)), input_.channels, grid, stride_),
                  input_.patch);
  }

  SimmimOptions options_;
  models::Extent block_;
  std::shared_ptr<models::Vit> vit_;
  std::shared_ptr<models::Swin> swin_;
  models::Extent stride_;  // of the coarsest features
  std::shared_ptr<Unseen> unseen_;
  std::shared_ptr<torch::nn::LinearImpl> head_;
};

}  // namespace

extern const MethodEntry simmim_entry;
const MethodEntry simmim_entry{
    .name = "simmim",
    .help = "hidden blocks are replaced by a learnt code, one linear layer says what was there",
    .family = "masked",
    .year = 2022,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1,
    .choose = "masked modelling without a decoder: all that is learnt lies in the encoder, in its coarsest features",
    .loss = "mean absolute difference over hidden voxels inside the case",
    .formula = "sum over hidden of |said - x| / hidden voxels",
    .reference = "Xie et al., SimMIM: a simple framework for masked image modeling, CVPR 2022, arXiv 2111.09886",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<SimmimOptions, Simmim>::defaults};

}  // namespace ssl
