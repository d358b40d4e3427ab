// SparK: a convolutional encoder sees the visible blocks as a sparse network does, the decoder fills the others in.
// Tian et al., "Designing BERT for convolutional networks: sparse and hierarchical masked modeling", ICLR 2023; in 3D
// Wald et al., "Revisiting MAE pre-training for 3D medical image segmentation", CVPR 2025.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/masked.h"
#include "models/decoder.h"
#include "models/visible.h"
#include "ssl/counted.h"
#include "ssl/hidden_blocks.h"
#include "ssl/method.h"

namespace ssl {
namespace {

struct SparkOptions {
  double hidden = 0.6;
  std::vector<std::int64_t> block;
  bool normalise = true;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden", &SparkOptions::hidden, "share of the blocks that are hidden", Range{0, 1}),
        field(
            "block", &SparkOptions::block,
            "side of a block in voxels, {d, h, w} or one number for all, a multiple of the encoder's coarsest stride; "
            "empty: that stride",
            Range{1, 1024}),
        field("normalise", &SparkOptions::normalise,
              "compare with the picture brought to mean 0 and variance 1 in each block"),
        field("warp", &SparkOptions::warp, "where and how the view is taken"),
        field("mirror", &SparkOptions::mirror, "axes turned around"),
    };
  }
};

std::shared_ptr<models::ConvEncoder> convolutional(const Setup& setup) {
  auto encoder = std::dynamic_pointer_cast<models::ConvEncoder>(setup.encoder);
  if (!encoder)
    throw core::usage_error("spark hides blocks from convolutions, and this encoder has none",
                            "take resenc or resnet (form: small); for vit and primus there is mae");
  return encoder;
}

// What the decoder gets in the place of hidden features: a learnt code for each channel of each scale.
struct UnseenCodes : torch::nn::Module {
  explicit UnseenCodes(const std::vector<std::int64_t>& channels) {
    for (std::size_t s = 0; s < channels.size(); ++s)
      codes.push_back(register_parameter("code" + std::to_string(s), at::randn({channels[s]}) * 0.02));
  }
  std::vector<at::Tensor> codes;
};

class Spark final : public OneEncoder {
 public:
  Spark(const SparkOptions& options, const Setup& setup)
      : OneEncoder("spark", setup),
        options_(options),
        convolutional_(convolutional(setup)),
        strides_(convolutional_->stride()),
        block_(options.block.empty() ? strides_.back() : chosen_block(options.block, *setup.encoder, setup.input)),
        decoder_(models::make_decoder(*convolutional_, input_, input_.channels, false)),
        unseen_(std::make_shared<UnseenCodes>(convolutional_->channels())) {
    check_blocks(input_, block_, options.hidden, strides_.back());
    add("decoder", decoder_);
    add("unseen", unseen_);
  }

  std::vector<augment::Recipe> views() const override {
    return {hiding(patch(), block_, options_.hidden, options_.warp, options_.mirror)};
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override { return hidden_inside(batch.views.at(0)).sum(); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const data::View& view = batch.views.at(0);
    const at::Tensor counted = hidden_inside(view), hidden = view.hidden.unsqueeze(1), visible = 1 - hidden;
    std::vector<at::Tensor> features = models::visible_features(*convolutional_, view.images, visible);
    for (std::size_t s = 0; s < features.size(); ++s)
      features[s] = at::where(models::visible_at(visible, strides_[s]) > 0, features[s],
                              unseen_->codes[s].view({1, -1, 1, 1, 1}).to(features[s].scalar_type()));
    const at::Tensor filled = decoder_->maps(features, view.images).front();
    return {losses::masked_mean_square(filled, view.images, counted, block_, options_.normalise), {}};
  }

 private:
  SparkOptions options_;
  std::shared_ptr<models::ConvEncoder> convolutional_;
  std::vector<models::Extent> strides_;
  models::Extent block_;
  std::shared_ptr<models::Decoder> decoder_;
  std::shared_ptr<UnseenCodes> unseen_;
};

}  // namespace

extern const MethodEntry spark_entry;
const MethodEntry spark_entry{
    .name = "spark",
    .help = "a convolutional encoder sees visible blocks alone, as a sparse network does; the others are filled in",
    .family = "masked",
    .year = 2023,
    .needs = "1 view",
    .encoders = "resenc, resnet",
    .cost = 2,
    .choose =
        "a U-Net will be fine-tuned for segmentation: first of 11 data sets in S3D's comparison; small batches do",
    .loss = "mean square of what was filled in, over hidden voxels inside the case, normalised in blocks",
    .formula = "sum over hidden of (filled - norm(x))^2 / hidden voxels",
    .reference =
        "Tian et al., Designing BERT for convolutional networks, ICLR 2023, arXiv 2301.03580; in 3D Wald et al., "
        "CVPR 2025, arXiv 2410.23132",
    .probe = "finetune",
    .improves = "loss",
    .settings = SettingsOf<SparkOptions, Spark>::defaults};

}  // namespace ssl
