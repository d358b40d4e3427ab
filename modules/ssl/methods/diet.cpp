// DIET: each case is a class of its own. Ibrahim et al., "Occam's razor for self-supervised learning: what is
// sufficient to learn good representations?", 2024, after Dosovitskiy et al., "Discriminative unsupervised feature
// learning with exemplar convolutional neural networks", 2014.
#include <ATen/ATen.h>
#include <torch/nn/modules/linear.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/clustering.h"
#include "ssl/method.h"

namespace ssl {
namespace {

struct DietOptions {
  double smoothing = 0.8;
  augment::Contrastive view;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("smoothing", &DietOptions::smoothing, "share of the target that goes to all cases alike", Range{0, 0.99}),
        field("view", &DietOptions::view, "how the view is made"),
    };
  }
};

class Diet final : public OneEncoder {
 public:
  Diet(const DietOptions& options, const Setup& setup)
      : OneEncoder("diet", setup), options_(options), cases_(setup.cases) {
    if (setup.cases < 2)
      throw core::usage_error("diet tells cases from each other, and the store has " + std::to_string(setup.cases),
                              "pretrain on a store of many cases");
    which_ = std::make_shared<torch::nn::LinearImpl>(
        torch::nn::LinearOptions(encoder_->embedding_size(), setup.cases).bias(false));
    add("which_case", which_);
  }

  std::vector<augment::Recipe> views() const override { return {augment::contrastive(patch(), options_.view)}; }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor scores = which_->forward(encoder_->embedding(batch.views.at(0).images)).to(at::kFloat);
    const at::Tensor loss = losses::cluster_cross_entropy(scores, batch.case_index, 1, options_.smoothing);
    const at::Tensor right = (scores.detach().argmax(1) == batch.case_index).to(at::kFloat).mean();
    return {loss,
            {{"excess", loss.detach() - losses::smoothed_entropy(cases_, options_.smoothing)}, {"recognised", right}}};
  }

 private:
  DietOptions options_;
  std::int64_t cases_;
  std::shared_ptr<torch::nn::LinearImpl> which_;
};

}  // namespace

extern const MethodEntry diet_entry;
const MethodEntry diet_entry{
    .name = "diet",
    .help = "each case of the store is a class of its own; a view tells of which it is",
    .family = "contrastive",
    .year = 2024,
    .needs = "1 view, case number",
    .encoders = "any",
    .cost = 1,
    .choose = "up to some ten thousand cases, batches of any size, no tuning: one view, one linear layer, one loss",
    .loss = "softmax cross-entropy over the cases of the store, smoothed",
    .formula = "-sum_k y_k log softmax_k(W e), y = (1 - s) [k is the case] + s / cases",
    .reference = "Ibrahim et al., Occam's razor for self-supervised learning, 2024, arXiv 2406.10743, 2302.10260",
    .probe = "linear",
    .improves = "excess",
    .settings = SettingsOf<DietOptions, Diet>::defaults};

}  // namespace ssl
