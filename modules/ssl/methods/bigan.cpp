// Bidirectional GAN: an encoder turns pictures into codes, a generator turns codes into pictures, and a critic tells
// pairs of (picture, its code) from pairs of (made picture, the code it was made of). Who wants to fool it must make
// the encoder undo the generator. Donahue et al., "Adversarial feature learning", ICLR 2017; Dumoulin et al.,
// "Adversarially learned inference", ICLR 2017.
//
// What keeps the game going: encoder and generator learn from the critic's loss with the answers exchanged, which does
// not saturate while the critic is ahead (Donahue et al., 3.4); the critic is kept from growing steep where the
// pictures lie (R1: Mescheder et al., ICML 2018); and a code shall be found again in the picture made of it, since many
// encoders fool a critic of few pictures (Li et al., "ALICE", NeurIPS 2017; code_weight 0 leaves the two papers' game,
// in which codes grew without bound in trials on four small pictures).
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include "augment/recipes.h"
#include "losses/adversarial.h"
#include "losses/precision.h"
#include "ssl/critic.h"
#include "ssl/generator.h"
#include "ssl/on_voxels.h"
#include "ssl/sample_draws.h"

namespace ssl {
namespace {

struct BiganOptions {
  std::int64_t code_size = 128;
  double code_weight = 1, steepness_weight = 0.1;
  double critic_rate = 1;
  std::int64_t generator_base = 16, critic_base = 16;
  augment::Warp warp;
  augment::Mirror mirror;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("code_size", &BiganOptions::code_size, "numbers of a code", Range{1, 65536}),
        field("code_weight", &BiganOptions::code_weight,
              "of finding the code of a made picture again; 0: by fooling the critic alone", Range{0, 1000}),
        field("steepness_weight", &BiganOptions::steepness_weight,
              "half of it times the square of how much the critic's score can change when each voxel does by 1 in root "
              "mean square; 0: the critic may grow as steep as it likes",
              Range{0, 1000}),
        field("critic_rate", &BiganOptions::critic_rate, "the critic's learning rate, part of trainer's",
              Range{0, 100}),
        field("generator_base", &BiganOptions::generator_base,
              "channels of the generator at full resolution; it is thrown away", Range{1, 256}),
        field("critic_base", &BiganOptions::critic_base, "channels of the critic's first convolution", Range{1, 256}),
        field("warp", &BiganOptions::warp, "where and how the view is taken"),
        field("mirror", &BiganOptions::mirror, "axes turned around"),
    };
  }
};

// Pictures and their codes, row by row.
struct Pairs {
  at::Tensor pictures, codes;
};

class Bigan final : public OnVoxels {
 public:
  Bigan(const BiganOptions& options, const Setup& setup)
      : OnVoxels("maker", setup),
        options_(options),
        to_code_(std::make_shared<torch::nn::LinearImpl>(flat_features_size(*encoder_, input_), options.code_size)),
        generator_(std::make_shared<Generator>(options.code_size, input_, options.generator_base)),
        critic_(std::make_shared<Critic>(input_, options.critic_base, options.code_size)) {
    add("to_code", to_code_);
    add("generator", generator_);
    add("critic", critic_, /*trained=*/false);  // by the maker's phase
  }

  std::vector<train::Phase> phases() override {
    std::vector<train::Phase> both = OnVoxels::phases();
    both.push_back({"critic", {}, options_.critic_rate});
    for (const auto& item : critic_->named_parameters())
      both.back().parameters.emplace_back("critic." + item.key(), item.value());
    return both;
  }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  std::vector<augment::Recipe> views() const override {
    return {augment::placed(patch(), options_.warp, options_.mirror)};
  }

  // Both phases make their pairs anew of the batch: the critic those of the makers as they are after their update.
  train::StepResult step(std::size_t phase, const data::Batch& batch, const train::Moment&) override {
    return phase == 0 ? maker_step(batch) : critic_step(batch);
  }

  train::NamedTensors pictures(const data::Batch& batch) override {
    const at::NoGradGuard no_gradient;
    const Pairs seen = encoded(batch);
    return {{"made again of its code", generated(batch, seen.codes).pictures.to(at::kFloat)},
            {"made of a code drawn", generated(batch, drawn(batch)).pictures.to(at::kFloat)}};
  }

 private:
  at::Tensor code_of(const at::Tensor& pictures) {
    return losses::at_least_float(to_code_->forward(flat_features(*encoder_, pictures)));
  }
  Pairs encoded(const data::Batch& batch) {
    const at::Tensor& images = batch.views.at(0).images;
    return {images, code_of(images)};
  }
  // Outside of the case a view is 0; so is the picture made beside it, or the critic would look at that.
  Pairs generated(const data::Batch& batch, const at::Tensor& codes) const {
    const at::Tensor made = losses::at_least_float(generator_->forward(codes));
    return {made * batch.views.at(0).valid.unsqueeze(1).to(made.scalar_type()), codes};
  }
  at::Tensor drawn(const data::Batch& batch) const {
    const at::Tensor& images = batch.views.at(0).images;
    return standard_normal(batch, options_.code_size).to(images.device(), images.scalar_type());
  }
  at::Tensor score(const Pairs& pairs) const { return critic_->forward(pairs.pictures, pairs.codes); }

  train::StepResult maker_step(const data::Batch& batch) {
    const at::Tensor codes = drawn(batch);
    const Pairs seen = encoded(batch), made = generated(batch, codes);
    const at::Tensor fooled = losses::told_apart(score(made), score(seen));
    const at::Tensor lost = [&] {
      const at::AutoGradMode learns(at::GradMode::is_enabled() && options_.code_weight > 0);
      return (code_of(made.pictures) - codes).square().mean();
    }();
    return {options_.code_weight > 0 ? fooled + options_.code_weight * lost : fooled,
            {{"fooled", fooled.detach()}, {"code_lost", lost.detach()}}};
  }

  // In float32: the steepness has second derivatives.
  train::StepResult critic_step(const data::Batch& batch) {
    const auto [seen, made] = [&] {
      const at::NoGradGuard no_gradient;
      return std::pair{encoded(batch), generated(batch, drawn(batch))};
    }();
    const losses::WithoutAutocast exact;
    const at::AutoGradMode with_gradient(true);
    const std::vector<at::Tensor> inputs{seen.pictures.detach().requires_grad_(), seen.codes.detach().requires_grad_()};
    const at::Tensor of_seen = critic_->forward(inputs[0], inputs[1]), of_made = score(made);
    const at::Tensor right = ((of_seen > 0).to(at::kFloat).mean() + (of_made <= 0).to(at::kFloat).mean()) / 2;
    at::Tensor loss = losses::told_apart(of_seen, of_made);
    std::map<std::string, at::Tensor> watch{{"critic_right", right}};
    if (options_.steepness_weight > 0) {
      const at::Tensor steep = losses::steepness(of_seen, inputs);
      watch["steepness"] = steep.detach();
      loss = loss + options_.steepness_weight / 2 * steep;
    }
    return {loss, watch};
  }

  BiganOptions options_;
  std::shared_ptr<torch::nn::LinearImpl> to_code_;
  std::shared_ptr<Generator> generator_;
  std::shared_ptr<Critic> critic_;
};

}  // namespace

extern const MethodEntry bigan_entry;
const MethodEntry bigan_entry{
    .name = "bigan",
    .help = "pairs of picture and code by the encoder shall look like pairs of code and picture by a generator",
    .family = "autoencoder",
    .year = 2017,
    .needs = "1 view",
    .encoders = "any",
    .cost = 3.5,
    .choose =
        "codes of whole small pictures that keep what they mean and not each voxel, and pictures made of drawn codes; "
        "two optimisers, more to tune",
    .loss = "the critic's belief that made pairs are real and real ones made, and how much of a code is lost",
    .formula = "-log s(D(G(z), z)) - log(1 - s(D(x, E(x)))) + w mean (E(G(z)) - z)^2; D: the two exchanged + steepness",
    .reference =
        "Donahue et al., Adversarial feature learning, ICLR 2017, arXiv 1605.09782; Dumoulin et al., Adversarially "
        "learned inference, ICLR 2017, arXiv 1606.00704",
    .probe = "linear",
    .improves = "code_lost",
    .settings = SettingsOf<BiganOptions, Bigan>::defaults};

}  // namespace ssl
