// MoCo v2: a view's projection is told from a queue of earlier ones by the teacher's projection of the other view.
// He et al., "Momentum contrast", CVPR 2020; Chen et al., "Improved baselines with momentum contrastive learning",
// 2020. The paper's encoder is normalised over the batch, ours are not: the projector is instead.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "losses/contrastive.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct MocoV2Options {
  std::int64_t hidden_size = 256, projection_size = 128, queue = 64;
  double temperature = 0.2, momentum = 0.99;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("hidden_size", &MocoV2Options::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &MocoV2Options::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("queue", &MocoV2Options::queue,
              "earlier projections that are told apart from; fewer than cases, or a case meets itself", Range{1, 1e7}),
        field("temperature", &MocoV2Options::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("momentum", &MocoV2Options::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.999 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("views", &MocoV2Options::views, "how the two views are made"),
    };
  }
};

class MocoV2 final : public WithTeacher {
 public:
  MocoV2(const MocoV2Options& options, const Setup& setup)
      : WithTeacher("moco_v2", setup, options.momentum),
        options_(options),
        projector_(make_projector(options)),
        teacher_projector_(make_projector(options)),
        queue_(unit_rows(at::randn({options.queue, options.projection_size})).to(setup.device)) {
    add_followed("projector", projector_, teacher_projector_);
  }

  std::vector<augment::Recipe> views() const override {
    return augment::two_view_crop({input_.patch[0], input_.patch[1], input_.patch[2]}, options_.views);
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const std::int64_t global = batch.size() * comm().size();
    if (global > options_.queue)
      throw core::usage_error(
          "moco_v2 has a queue of " + std::to_string(options_.queue) + " for a batch of " + std::to_string(global),
          "give method.queue many batches' room, or a smaller data.batch_size");
    const at::Tensor queries = projector_->forward(encoder_->embedding(batch.views.at(0).images), comm());
    const at::Tensor keys = keys_of(batch.views.at(1));
    const at::Tensor loss = losses::info_nce_with_queue(queries, keys, queue_, options_.temperature);
    keys_ = comm().all_gather(keys);
    return {loss,
            {{"agreement", at::cosine_similarity(queries.detach().to(at::kFloat), keys).mean()},
             {"among_batch", losses::info_nce(queries.detach(), keys, options_.temperature, comm())}}};
  }

  // The oldest leave the queue, the keys of all ranks enter.
  void after_update(const train::Moment& moment) override {
    WithTeacher::after_update(moment);
    const at::NoGradGuard no_gradient;
    queue_ = at::cat({keys_, queue_}).narrow(0, 0, options_.queue).clone();
  }
  void save(runtime::Archive& archive) const override { archive.tensors["queue"] = queue_; }
  void load(const runtime::Archive& archive) override { queue_ = archive.tensors.at("queue").to(queue_.device()); }

 private:
  std::shared_ptr<Head> make_projector(const MocoV2Options& options) const {
    return std::make_shared<Head>(
        HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size, 2, Between::kReLU});
  }
  at::Tensor keys_of(const data::View& view) {
    const at::NoGradGuard no_gradient;
    return unit_rows(teacher_projector_->forward(teacher_encoder_->embedding(view.images), comm()));
  }

  MocoV2Options options_;
  std::shared_ptr<Head> projector_, teacher_projector_;
  at::Tensor queue_;  // [K, C], the newest first
  at::Tensor keys_;   // of the step at hand, of all ranks
};

}  // namespace

extern const MethodEntry moco_v2_entry;
const MethodEntry moco_v2_entry{
    .name = "moco_v2",
    .help = "a view is told from a long queue of earlier samples by a slowly moving teacher's look at the other view",
    .family = "contrastive",
    .year = 2020,
    .needs = "2 views",
    .encoders = "any",
    .cost = 1.4,
    .choose = "contrast with batches too small for simclr: the negatives come from a queue; the cheapest of its family",
    .loss = "softmax cross-entropy of the teacher's projection of the other view among those of a queue, by cosine",
    .formula = "-log exp(cos(q, k) / T) / (exp(cos(q, k) / T) + sum over queue of exp(cos(q, old) / T))",
    .reference =
        "Chen et al., Improved baselines with momentum contrastive learning, 2020, arXiv 2003.04297, 1911.05722",
    .probe = "linear",
    .improves = "among_batch",
    .settings = SettingsOf<MocoV2Options, MocoV2>::defaults};

}  // namespace ssl
