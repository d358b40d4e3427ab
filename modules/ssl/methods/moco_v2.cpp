// MoCo v2: a view's projection is told from those in a queue of earlier samples by the teacher's projection of the
// other view. He et al., "Momentum contrast for unsupervised visual representation learning", CVPR 2020; Chen et al.,
// "Improved baselines with momentum contrastive learning", 2020.
//
// The paper's encoder has batch normalisation, whose statistics of one device's samples give away which samples a key
// was computed with; hence its shuffling. Here encoders normalise each sample by itself and the projector over the
// samples of all ranks, queries and keys alike: there is no part of the batch to be recognised, and nothing is
// shuffled. The keys of the batch at hand count as if they were in the queue already: so the first steps have something
// to tell from.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <algorithm>

#include "losses/contrastive.h"
#include "losses/precision.h"
#include "ssl/head.h"
#include "ssl/views.h"
#include "ssl/with_teacher.h"

namespace ssl {
namespace {

struct MocoV2Options {
  std::int64_t queue = 1024, hidden_size = 256, projection_size = 128;
  double temperature = 0.2, momentum = 0.99;
  bool own_case = false;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("queue", &MocoV2Options::queue, "earlier keys to be told from, of all ranks, the newest; 0: none",
              Range{0, 1e7}),
        field("hidden_size", &MocoV2Options::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &MocoV2Options::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("temperature", &MocoV2Options::temperature, "of the softmax over similarities", Range{0.01, 10}),
        field("momentum", &MocoV2Options::momentum,
              "of the teacher at the begin of the run; rises to 1. 0.999 for runs of 100,000 steps and more",
              Range{0, 1}),
        field("own_case", &MocoV2Options::own_case,
              "earlier crops of the same case are told from as well, as in the paper; else they are left out: an "
              "archive of fewer cases than the queue is long meets each case again and again"),
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
        queue_(at::zeros({0, options.projection_size}).to(setup.device)),
        queue_case_(at::zeros({0}, at::kLong).to(setup.device)) {
    add_followed("projector", projector_, teacher_projector_);
  }

  std::vector<augment::Recipe> views() const override { return augment::two_view_crop(patch(), options_.views); }

  train::Coupling coupling() const override { return train::Coupling::kEmbeddings; }

  // The student's of the first view, the teacher's of the second.
  std::vector<at::Tensor> embed(std::size_t, const data::Batch& part, const train::Moment&) override {
    const at::Tensor seen = encoder_->embedding(part.views.at(0).images);
    const at::NoGradGuard no_gradient;
    return {seen, teacher_encoder_->embedding(part.views.at(1).images)};
  }

  train::StepResult loss_of(std::size_t, const std::vector<at::Tensor>& embedded, const data::Batch& batch,
                            const train::Moment&) override {
    need_samples(batch, comm(), 2, "moco_v2", "its projector is normalised over the batch");
    const at::Tensor queries = projected(*projector_, embedded[0]);
    const at::Tensor keys = keys_of(embedded[1]);
    found_ = comm().all_gather(keys);
    found_case_ = comm().all_gather(batch.case_index);
    const at::Tensor counted = told_from(batch);
    const at::Tensor loss =
        losses::info_nce_with_queue(queries, keys, at::cat({found_, queue_}), options_.temperature, counted);
    const at::Tensor chance = (counted.sum(1) + 1).to(at::kFloat).log().mean();
    return {loss,
            {{"agreement", at::cosine_similarity(queries.detach(), keys).mean()},
             {"over_chance", loss.detach() / chance.clamp_min(1e-6)}}};
  }

  void after_update(const train::Moment& moment) override {
    WithTeacher::after_update(moment);
    const std::int64_t length = std::min(found_.size(0) + queue_.size(0), options_.queue);
    queue_ = at::cat({found_, queue_}).narrow(0, 0, length).clone();
    queue_case_ = at::cat({found_case_, queue_case_}).narrow(0, 0, length).clone();
  }
  void save(runtime::Archive& archive) const override {
    archive.tensors["queue"] = queue_;
    archive.tensors["queue_case"] = queue_case_;
  }
  void load(const runtime::Archive& archive) override {
    queue_ = archive.tensors.at("queue").to(queue_.device());
    queue_case_ = archive.tensors.at("queue_case").to(queue_.device());
  }

 private:
  std::shared_ptr<Head> make_projector(const MocoV2Options& options) const {
    return std::make_shared<Head>(HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size});
  }
  at::Tensor keys_of(const at::Tensor& embedded) {
    const at::NoGradGuard no_gradient;
    return projected(*teacher_projector_, embedded.detach());
  }
  // What samples share is large beside what they differ in, and the normalisation takes it away: bfloat16 would leave
  // little.
  at::Tensor projected(Head& projector, const at::Tensor& embedded) {
    const losses::WithoutAutocast exact;
    return projector.forward(losses::at_least_float(embedded), comm());
  }
  // [N, keys of the batch of all ranks, then the queue's]: which of them a query is told from.
  at::Tensor told_from(const data::Batch& batch) const {
    const at::Tensor cases = at::cat({found_case_, queue_case_});
    at::Tensor counted = cases.unsqueeze(0) != batch.case_index.unsqueeze(1);
    if (!options_.own_case) return counted;
    counted.fill_(true);
    counted.diagonal(batch.size() * comm().rank()).fill_(false);
    return counted;
  }

  MocoV2Options options_;
  std::shared_ptr<Head> projector_, teacher_projector_;
  at::Tensor queue_, queue_case_;  // [so far, C] and the case of each, [so far] int64; the newest first, by rank
  at::Tensor found_, found_case_;  // of the step at hand, of all ranks
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
    .choose = "contrast with batches too small for simclr: others come from a queue; the cheapest of its family",
    .loss = "softmax cross-entropy of the teacher's projection of the other view among those of a queue, by cosine",
    .formula = "-log exp(cos(q, k) / T) / (exp(cos(q, k) / T) + sum over queue of exp(cos(q, old) / T))",
    .reference =
        "Chen et al., Improved baselines with momentum contrastive learning, 2020, arXiv 2003.04297, 1911.05722",
    .probe = "linear",
    .improves = "over_chance",
    .settings = SettingsOf<MocoV2Options, MocoV2>::defaults};

}  // namespace ssl
