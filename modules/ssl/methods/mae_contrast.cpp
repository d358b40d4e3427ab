// Masked modelling and contrast in one pass: two overlapping views are masked, each is filled in, and what the encoder
// saw of them shall be alike, and unlike what it saw of other samples. The three terms and their weights are those that
// came first (Primus) and second (ResEnc) in the SSL3D challenge of MICCAI 2025: "Consistent view alignment improves
// foundation models for 3D medical image segmentation", 2025.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "losses/agreement.h"
#include "losses/contrastive.h"
#include "losses/masked.h"
#include "losses/precision.h"
#include "ssl/counted.h"
#include "ssl/head.h"
#include "ssl/hidden_blocks.h"
#include "ssl/masked_network.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct MaeContrastOptions {
  MaeContrastOptions() { warp.place.spread = 0.5; }
  double reconstruction_weight = 1, alignment_weight = 0.5, contrast_weight = 0.1;
  double temperature = 0.5;
  std::int64_t hidden_size = 256, projection_size = 128;
  double hidden = 0.75;
  std::vector<std::int64_t> block;
  bool normalise = false;
  std::int64_t decoder_width = 128, decoder_depth = 2, decoder_heads = 4;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using Own = MaeContrastOptions;
    return std::tuple{
        field("reconstruction_weight", &Own::reconstruction_weight, "of filling in what is hidden", Range{0, 1000}),
        field("alignment_weight", &Own::alignment_weight, "of the cosine between the views of a sample",
              Range{0, 1000}),
        field("contrast_weight", &Own::contrast_weight, "of telling the views of a sample from those of others",
              Range{0, 1000}),
        field("temperature", &Own::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("hidden_size", &Own::hidden_size, "width of the projector's hidden layer", Range{2, 65536}),
        field("projection_size", &Own::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("hidden", &Own::hidden, "share of the blocks of a view that are hidden", Range{0, 1}),
        field("block", &Own::block,
              "side of a block in voxels, {d, h, w} or one number for all; empty: what suits the encoder (a token; 16, "
              "or 8 along a patch below 96)",
              Range{1, 1024}),
        field("normalise", &Own::normalise,
              "compare with the picture brought to mean 0 and variance 1 in each block; makes much of the noise of "
              "air"),
        field("decoder_width", &Own::decoder_width, "of the decoder over tokens (vit only)", Range{1, 8192}),
        field("decoder_depth", &Own::decoder_depth, "its blocks", Range{1, 64}),
        field("decoder_heads", &Own::decoder_heads, "its heads", Range{1, 128}),
        field("warp", &Own::warp, "where and how the two views are taken; how far apart they lie is place.spread"),
        field("mirror", &Own::mirror, "axes turned around"),
    };
  }
};

class MaeContrast final : public OneEncoder {
 public:
  MaeContrast(const MaeContrastOptions& options, const Setup& setup)
      : OneEncoder("mae_contrast", setup),
        options_(options),
        block_(chosen_block(options.block, *setup.encoder, setup.input)),
        network_(make_masked_network(
            encoder_, input_,
            {options.hidden, block_, options.decoder_width, options.decoder_depth, options.decoder_heads})),
        projector_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size})) {
    for (const auto& [name, part] : network_->parts()) add(std::string(name), part);
    add("projector", projector_);
  }

  std::vector<augment::Recipe> views() const override {
    return std::vector<augment::Recipe>(2, hiding(patch(), block_, options_.hidden, options_.warp, options_.mirror));
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "mae_contrast", "there is nothing to tell a sample from");
    const data::View &first = batch.views.at(0), &second = batch.views.at(1);
    const at::Tensor images = at::cat({first.images, second.images});
    const at::Tensor counted = at::cat({hidden_inside(first), hidden_inside(second)});
    const Filled filled = network_->fill_and_embed(images, at::cat({first.hidden, second.hidden}).unsqueeze(1));
    const at::Tensor reconstruction =
        losses::masked_mean_square(filled.pictures, images, counted, block_, options_.normalise) *
        weight_of(counted, comm());
    const at::Tensor projected = losses::at_least_float(projector_->forward(filled.embedding, comm()));
    const std::vector<at::Tensor> z = projected.chunk(2);
    const at::Tensor alignment = 1 + losses::negative_cosine(z[0], z[1]);
    const at::Tensor contrast = losses::nt_xent(z[0], z[1], options_.temperature, comm());
    return {options_.reconstruction_weight * reconstruction + options_.alignment_weight * alignment +
                options_.contrast_weight * contrast,
            {{"reconstruction", reconstruction.detach()},
             {"alignment", alignment.detach()},
             {"contrast", contrast.detach()}}};
  }

  train::NamedTensors pictures(const data::Batch& batch) override {
    return {{"filled in", with_hidden_filled_in(*network_, batch.views.at(0), block_, options_.normalise)}};
  }

 private:
  MaeContrastOptions options_;
  models::Extent block_;
  std::unique_ptr<MaskedNetwork> network_;
  std::shared_ptr<Head> projector_;
};

}  // namespace

extern const MethodEntry mae_contrast_entry;
const MethodEntry mae_contrast_entry{
    .name = "mae_contrast",
    .help = "two masked views are filled in, and agree with each other rather than with other samples",
    .family = "hybrid",
    .year = 2025,
    .needs = "2 views",
    .encoders = "any",
    .cost = 3,
    .choose = "one run for segmentation and for whole pictures, without a pose; the SSL3D challenge's winner",
    .loss = "mean square of what was filled in, one minus the cosine between the views, NT-Xent between the views",
    .formula = "sum over hidden of (filled - x)^2 / hidden voxels + 0.5 (1 - cos(z, z')) + 0.1 nt_xent(z, z')",
    .reference =
        "Consistent view alignment improves foundation models for 3D medical image segmentation, 2025, arXiv "
        "2509.13846",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<MaeContrastOptions, MaeContrast>::defaults};

}  // namespace ssl
