// DINO: a student that sees any view answers as its teacher does, who sees a large one. Caron et al., "Emerging
// properties in self-supervised vision transformers", ICCV 2021.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "losses/distillation.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct DinoOptions {
  std::int64_t prototypes = 256, hidden_size = 256, bottleneck = 64, freeze_steps = 0;
  double student_temperature = 0.1, teacher_temperature = 0.04, centre_momentum = 0.9, momentum = 0.99;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("prototypes", &DinoOptions::prototypes, "of which an answer is made", Range{2, 1e6}),
        field("hidden_size", &DinoOptions::hidden_size, "width of the head", Range{2, 65536}),
        field("bottleneck", &DinoOptions::bottleneck, "what the head gives to the prototypes", Range{2, 65536}),
        field("freeze_steps", &DinoOptions::freeze_steps,
              "prototypes stay as they are for so many steps; an epoch helps when the loss does not fall",
              Range{0, 1e9}),
        field("student_temperature", &DinoOptions::student_temperature, "of the student's answer", Range{0.01, 10}),
        field("teacher_temperature", &DinoOptions::teacher_temperature, "of the teacher's: lower is sharper",
              Range{0.01, 10}),
        field("centre_momentum", &DinoOptions::centre_momentum, "of what is taken off the teacher's scores",
              Range{0, 1}),
        field("momentum", &DinoOptions::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.996 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("views", &DinoOptions::views, "how views are made"),
    };
  }
};

class Dino final : public WithTeacher {
 public:
  Dino(const DinoOptions& options, const Setup& setup)
      : WithTeacher("dino", setup, options.momentum),
        options_(options),
        small_(small_patch_of(options.views, setup)),
        head_(make_head(options)),
        teacher_head_(make_head(options)),
        prototypes_(std::make_shared<Prototypes>(options.bottleneck, options.prototypes)),
        teacher_prototypes_(std::make_shared<Prototypes>(options.bottleneck, options.prototypes)),
        centre_(at::zeros({options.prototypes}).to(setup.device)) {
    if (options.views.crops.large + options.views.crops.small < 2)
      throw core::usage_error("dino has one view: there is no other to answer for", "raise method.views.crops");
    add_followed("head", head_, teacher_head_);
    add_followed("prototypes", prototypes_, teacher_prototypes_);
  }

  std::vector<augment::Recipe> views() const override { return recipes_of(options_.views, input_, small_); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment& moment) override {
    const auto views = static_cast<std::int64_t>(batch.views.size());
    const at::Tensor rows = head_->forward(embeddings_of(*encoder_, batch.views), comm());
    const at::Tensor scores = prototypes_->forward(rows, moment.step >= options_.freeze_steps);
    const at::Tensor taught = teacher_scores(batch);
    const at::Tensor answers = losses::centred_answer(taught, centre_, options_.teacher_temperature);
    found_ = losses::mean_of_all(taught, comm());
    const auto by_view = [&](const at::Tensor& all, std::int64_t count) {
      return all.view({count, batch.size(), options_.prototypes});
    };
    const at::Tensor entropy = -(answers * answers.clamp_min(1e-12).log()).sum(1).mean();
    const at::Tensor loss = losses::self_distillation(by_view(answers, options_.views.crops.large),
                                                      by_view(scores, views), options_.student_temperature);
    return {loss, {{"teacher_entropy", entropy}, {"divergence", loss.detach() - entropy}}};
  }

  void after_update(const train::Moment& moment) override {
    WithTeacher::after_update(moment);
    centre_ = options_.centre_momentum * centre_ + (1 - options_.centre_momentum) * found_;
  }
  void save(runtime::Archive& archive) const override { archive.tensors["centre"] = centre_; }
  void load(const runtime::Archive& archive) override { centre_ = archive.tensors.at("centre").to(centre_.device()); }

 private:
  std::shared_ptr<Head> make_head(const DinoOptions& options) const {
    return std::make_shared<Head>(
        HeadShape{encoder_->embedding_size(), options.hidden_size, options.bottleneck, 3, Between::kGELU});
  }
  at::Tensor teacher_scores(const data::Batch& batch) {
    const at::NoGradGuard no_gradient;
    const std::span<const data::View> large(batch.views.data(), static_cast<std::size_t>(options_.views.crops.large));
    return teacher_prototypes_->forward(teacher_head_->forward(embeddings_of(*teacher_encoder_, large), comm()));
  }

  DinoOptions options_;
  models::Extent small_;
  std::shared_ptr<Head> head_, teacher_head_;
  std::shared_ptr<Prototypes> prototypes_, teacher_prototypes_;
  at::Tensor centre_;  // [prototypes]
  at::Tensor found_;   // of the step at hand, of all ranks
};

}  // namespace

extern const MethodEntry dino_entry;
const MethodEntry dino_entry{
    .name = "dino",
    .help = "any view of a sample is answered as a slowly moving teacher answers a large one",
    .family = "self-distillation",
    .year = 2021,
    .needs = "2 large views and 4 small ones",
    .encoders = "any",
    .cost = 3.2,
    .choose = "embeddings that are used as they are (retrieval, kNN, light probes), best with a ViT and many cases",
    .loss = "cross-entropy of the student's answer with the teacher's, centred and sharpened, to another view",
    .formula = "-sum_k softmax_k((t - c) / 0.04) log softmax_k(s / 0.1)",
    .reference =
        "Caron et al., Emerging properties in self-supervised vision transformers, ICCV 2021, arXiv 2104.14294",
    .probe = "kNN",
    .improves = "divergence",
    .settings = SettingsOf<DinoOptions, Dino>::defaults};

}  // namespace ssl
