// SwAV: each view's prototype is predicted from the other views, where prototypes share the batch evenly. Caron et al.,
// "Unsupervised learning of visual features by contrasting cluster assignments", NeurIPS 2020.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "losses/clustering.h"
#include "ssl/head.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct SwavOptions {
  std::int64_t prototypes = 32, queue = 128, hidden_size = 256, projection_size = 128, sinkhorn_steps = 3;
  double temperature = 0.1, epsilon = 0.05;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("prototypes", &SwavOptions::prototypes,
              "more than the classes there might be; batch and queue together "
              "must hold as many samples",
              Range{2, 1e6}),
        field("queue", &SwavOptions::queue,
              "earlier samples that take part when prototypes are shared out, once there are so many; 0: none",
              Range{0, 1e6}),
        field("hidden_size", &SwavOptions::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &SwavOptions::projection_size, "length of the projected embedding", Range{2, 65536}),
        field("sinkhorn_steps", &SwavOptions::sinkhorn_steps, "rounds of sharing out", Range{1, 100}),
        field("temperature", &SwavOptions::temperature, "of the prediction", Range{0.01, 10}),
        field("epsilon", &SwavOptions::epsilon, "how soft the shares are", Range{0.001, 10}),
        field("views", &SwavOptions::views, "how views are made"),
    };
  }
};

class Swav final : public OneEncoder {
 public:
  Swav(const SwavOptions& options, const Setup& setup)
      : OneEncoder("swav", setup),
        options_(options),
        small_(small_patch_of(options.views, setup)),
        projector_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size})),
        prototypes_(std::make_shared<Prototypes>(options.projection_size, options.prototypes)),
        queue_(at::zeros({options.views.crops.large, 0, options.projection_size}).to(setup.device)) {
    if (options.views.crops.large + options.views.crops.small < 2)
      throw core::usage_error("swav has one view: there is no other to predict from", "raise method.views.crops");
    add("projector", projector_);
    add("prototypes", prototypes_);
  }

  std::vector<augment::Recipe> views() const override { return recipes_of(options_.views, input_, small_); }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "swav", "its projector is normalised over the batch");
    refuse_too_many_prototypes(batch.size() * comm().size());
    const at::Tensor rows = unit_rows(projector_->forward(embeddings_of(*encoder_, batch.views), comm()));
    const std::vector<at::Tensor> scores = prototypes_->forward(rows).split(batch.size());
    std::vector<at::Tensor> codes;
    for (std::int64_t view = 0; view < options_.views.crops.large; ++view)
      codes.push_back(code_of(scores[static_cast<std::size_t>(view)], queue_[view]));
    found_ = gathered(rows.detach(), batch.size());
    const at::Tensor agreement = (codes[0].argmax(1) == scores.back().detach().argmax(1)).to(at::kFloat).mean();
    return {losses::swapped_prediction(scores, codes, options_.temperature), {{"same_prototype", agreement}}};
  }

  void after_update(const train::Moment&) override {
    const at::Tensor all = at::cat({found_, queue_}, 1);
    queue_ = all.narrow(1, 0, std::min(all.size(1), options_.queue)).clone();
  }
  void save(runtime::Archive& archive) const override { archive.tensors["queue"] = queue_; }
  void load(const runtime::Archive& archive) override { queue_ = archive.tensors.at("queue").to(queue_.device()); }

 private:
  void refuse_too_many_prototypes(std::int64_t samples) const {
    if (options_.prototypes <= samples + options_.queue) return;
    throw core::usage_error(std::to_string(options_.prototypes) + " prototypes cannot be shared out among " +
                                std::to_string(samples) + " samples of a batch and " + std::to_string(options_.queue) +
                                " of the queue",
                            "fewer method.prototypes, or a longer method.queue");
  }
  // Each rank brings its part of the queue, which is the same on all; as in the paper it takes part once it is full.
  at::Tensor code_of(const at::Tensor& scores, const at::Tensor& queue) {
    const at::NoGradGuard no_gradient;
    const std::int64_t there = queue.size(0) < options_.queue ? 0 : queue.size(0);
    const std::int64_t begin = there * comm().rank() / comm().size();
    const std::int64_t end = there * (comm().rank() + 1) / comm().size();
    const at::Tensor earlier = prototypes_->forward(queue.slice(0, begin, end));
    return losses::sinkhorn(at::cat({scores, earlier}), options_.epsilon, options_.sinkhorn_steps, comm())
        .narrow(0, 0, scores.size(0));
  }
  // Rows of the large views of all ranks, [large, N, C].
  at::Tensor gathered(const at::Tensor& rows, std::int64_t samples) {
    const at::Tensor own = rows.narrow(0, 0, options_.views.crops.large * samples)
                               .view({options_.views.crops.large, samples, rows.size(1)});
    return comm().all_gather(own.transpose(0, 1).contiguous()).transpose(0, 1);
  }

  SwavOptions options_;
  models::Extent small_;
  std::shared_ptr<Head> projector_;
  std::shared_ptr<Prototypes> prototypes_;
  at::Tensor queue_;  // [large views, samples so far, C], the newest first
  at::Tensor found_;  // of the step at hand, of all ranks
};

}  // namespace

extern const MethodEntry swav_entry;
const MethodEntry swav_entry{
    .name = "swav",
    .help = "to which prototype a view belongs is predicted from the sample's other views",
    .family = "clustering",
    .year = 2020,
    .needs = "2 large views and 4 small ones",
    .encoders = "any",
    .cost = 2.5,
    .choose = "the archive falls into groups (organs, sequences, findings); multi-crop gives much for little time",
    .loss = "cross-entropy of a view's scores with the shared-out prototype of another view",
    .formula = "-sum_k q_k(view) log softmax_k(cos(z', c_k) / T), q by Sinkhorn",
    .reference =
        "Caron et al., Unsupervised learning of visual features by contrasting cluster assignments, NeurIPS "
        "2020, arXiv 2006.09882",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<SwavOptions, Swav>::defaults};

}  // namespace ssl
