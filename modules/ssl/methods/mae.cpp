// Masked autoencoder: most blocks of a picture are hidden, the network fills them in. He et al., "Masked autoencoders
// are scalable vision learners", CVPR 2022; for convolutional encoders the hidden voxels are 0, as in Wald et al.,
// "Revisiting MAE pre-training for 3D medical image segmentation", CVPR 2025.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "losses/masked.h"
#include "ssl/counted.h"
#include "ssl/hidden_blocks.h"
#include "ssl/masked_network.h"
#include "ssl/method.h"

namespace ssl {
namespace {

struct MaeOptions {
  double hidden = 0.75;
  std::vector<std::int64_t> block;
  bool normalise = false;
  std::int64_t decoder_width = 128, decoder_depth = 2, decoder_heads = 4;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden", &MaeOptions::hidden, "share of the blocks that are hidden", Range{0, 1}),
        field("block", &MaeOptions::block,
              "side of a block in voxels, {d, h, w} or one number for all; empty: what suits the encoder (a token; 16, "
              "or 8 along a patch below 96)",
              Range{1, 1024}),
        field(
            "normalise", &MaeOptions::normalise,
            "compare with the picture brought to mean 0 and variance 1 in each block; makes much of the noise of air"),
        field("decoder_width", &MaeOptions::decoder_width, "of the decoder over tokens (vit only)", Range{1, 8192}),
        field("decoder_depth", &MaeOptions::decoder_depth, "its blocks", Range{1, 64}),
        field("decoder_heads", &MaeOptions::decoder_heads, "its heads", Range{1, 128}),
        field("warp", &MaeOptions::warp, "where and how the view is taken"),
        field("mirror", &MaeOptions::mirror, "axes turned around"),
    };
  }
};

class Mae final : public OneEncoder {
 public:
  Mae(const MaeOptions& options, const Setup& setup)
      : OneEncoder("mae", setup), options_(options), block_(chosen_block(options.block, *setup.encoder, setup.input)) {
    network_ = make_masked_network(
        encoder_, input_,
        {options.hidden, block_, options.decoder_width, options.decoder_depth, options.decoder_heads});
    for (const auto& [name, part] : network_->parts()) add(std::string(name), part);
  }

  std::vector<augment::Recipe> views() const override {
    return {hiding(patch(), block_, options_.hidden, options_.warp, options_.mirror)};
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override { return hidden_inside(batch.views.at(0)).sum(); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor filled = network_->fill(view.images, view.hidden.unsqueeze(1));
    return {losses::masked_mean_square(filled, view.images, hidden_inside(view), block_, options_.normalise), {}};
  }

  train::NamedTensors pictures(const data::Batch& batch) override {
    return {{"filled in", with_hidden_filled_in(*network_, batch.views.at(0), block_, options_.normalise)}};
  }

 private:
  MaeOptions options_;
  models::Extent block_;
  std::unique_ptr<MaskedNetwork> network_;
};

}  // namespace

extern const MethodEntry mae_entry;
const MethodEntry mae_entry{
    .name = "mae",
    .help = "hidden blocks of a picture are filled in",
    .family = "masked",
    .year = 2022,
    .needs = "1 view",
    .encoders = "any",
    .cost = 1.5,
    .choose = "the encoder will be fine-tuned for segmentation; small batches do",
    .loss = "mean square of what was filled in, over hidden voxels inside the case",
    .formula = "sum over hidden of (filled - x)^2 / hidden voxels",
    .reference =
        "He et al., Masked autoencoders are scalable vision learners, CVPR 2022, arXiv 2111.06377; of U-Nets: "
        "Wald et al., CVPR 2025, arXiv 2410.23132",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<MaeOptions, Mae>::defaults};

}  // namespace ssl
