// DeepCluster: before each epoch the embeddings of all cases are grouped; the epoch then teaches a new classifier, and
// through it the encoder, to tell a view's group. Caron et al., "Deep clustering for unsupervised learning of visual
// features", ECCV 2018: embeddings are whitened before, a group that loses all its members takes over another's, and
// the loss counts as if groups were drawn first: else one group of nearly all cases would be the best answer.
// What the optimiser remembers of the old classifier fades within the first steps of an epoch.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <torch/nn/modules/linear.h>

#include <algorithm>
#include <string>

#include "augment/recipes.h"
#include "core/error.h"
#include "losses/clustering.h"
#include "ssl/head.h"
#include "ssl/method.h"
#include "ssl/spherical_clusters.h"
#include "ssl/whitening.h"

namespace ssl {
namespace {

constexpr double kSpread = 0.01;                // of a new classifier's weights
constexpr std::uint64_t kClassifierKey = 7919;  // apart from what begins the groups
// Of as many whitened numbers as there are cases all lie equally far apart.
constexpr std::int64_t kCasesPerComponent = 8;

struct DeepclusterOptions {
  std::int64_t clusters = 16, rounds = 20, components = 256;
  augment::Contrastive views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("clusters", &DeepclusterOptions::clusters,
              "groups; several times as many as the kinds there might be, many times fewer than cases", Range{2, 1e6}),
        field("rounds", &DeepclusterOptions::rounds, "of k-means before each epoch", Range{1, 1000}),
        field("components", &DeepclusterOptions::components,
              "numbers of an embedding that are grouped, those in which cases differ most; never more than an eighth "
              "of the cases",
              Range{1, 65536}),
        field("views", &DeepclusterOptions::views, "how the view is made, in training and when groups are made"),
    };
  }
};

class Deepcluster final : public OneEncoder {
 public:
  Deepcluster(const DeepclusterOptions& options, const Setup& setup)
      : OneEncoder("deepcluster", setup),
        options_(options),
        device_(setup.device),
        classifier_(std::make_shared<torch::nn::LinearImpl>(encoder_->embedding_size(), options.clusters)),
        group_of_case_(at::zeros({setup.cases}, at::TensorOptions().dtype(at::kLong).device(device_))),
        weight_(at::ones({options.clusters}).to(device_)) {
    add("classifier", classifier_);
  }

  std::vector<augment::Recipe> views() const override { return {augment::contrastive(patch(), options_.views)}; }

  train::Coupling coupling() const override { return train::Coupling::kMean; }

  // Every rank is given all cases and comes to the same groups.
  bool wants_pass() const override { return true; }
  void before_epoch(data::BatchSource& pass, const train::Moment& moment) override {
    const std::int64_t there = pass.epoch_size();
    if (options_.clusters > there)
      throw core::usage_error(
          "deepcluster has " + std::to_string(options_.clusters) + " clusters for " + std::to_string(there) + " cases",
          "give method.clusters many times fewer than there are cases");
    const at::NoGradGuard no_gradient;
    std::vector<at::Tensor> rows, cases;
    while (static_cast<std::int64_t>(pass.position()) < there) {
      const data::Batch batch = pass.next().to(device_);
      rows.push_back(encoder_->embedding(batch.views.at(0).images));
      cases.push_back(batch.case_index);
    }
    const auto key = static_cast<std::uint64_t>(moment.epoch);
    const std::int64_t components =
        std::min(options_.components, std::max<std::int64_t>(there / kCasesPerComponent, 1));
    const at::Tensor directions = unit_rows(whitened(at::cat(rows), components));
    const SphericalClusters found = spherical_clusters(directions, options_.clusters, options_.rounds, key);
    group_of_case_.index_copy_(0, at::cat(cases), found.of_row.to(device_));
    weight_ = losses::balancing_weight(found.of_row.bincount({}, options_.clusters)).to(device_);
    begin_classifier(key);
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor scores = classifier_->forward(encoder_->embedding(batch.views.at(0).images));
    const at::Tensor group = group_of_case_.index_select(0, batch.case_index);
    const at::Tensor right = (scores.detach().argmax(1) == group).to(at::kFloat).mean();
    return {losses::cluster_cross_entropy(scores, group, 1, 0, weight_), {{"same_group", right}}};
  }

  void save(runtime::Archive& archive) const override {
    archive.tensors["group_of_case"] = group_of_case_;
    archive.tensors["weight"] = weight_;
  }
  void load(const runtime::Archive& archive) override {
    group_of_case_ = archive.tensors.at("group_of_case").to(device_);
    weight_ = archive.tensors.at("weight").to(device_);
  }

 private:
  // The numbers of the groups mean nothing from one epoch to the next.
  void begin_classifier(std::uint64_t key) {
    at::Generator generator = at::detail::createCPUGenerator(kClassifierKey + key);
    classifier_->weight.copy_(kSpread * at::randn(classifier_->weight.sizes(), generator));
    classifier_->bias.zero_();
  }

  DeepclusterOptions options_;
  c10::Device device_;
  std::shared_ptr<torch::nn::LinearImpl> classifier_;
  at::Tensor group_of_case_;  // [cases of the store] int64
  at::Tensor weight_;         // [clusters] of a sample in the loss, by its group
};

}  // namespace

extern const MethodEntry deepcluster_entry;
const MethodEntry deepcluster_entry{
    .name = "deepcluster",
    .help = "before each epoch all cases are grouped by their embeddings; a new classifier then learns the groups",
    .family = "clustering",
    .year = 2018,
    .needs = "1 view, case number, a pass before each epoch",
    .encoders = "any",
    .cost = 1.3,
    .choose = "archives of thousands of cases of many kinds; samples do not meet: small batches do, one view is enough",
    .loss = "softmax cross-entropy with the group of the case, every group of the same weight",
    .formula = "-cases / (groups x members of the group) log softmax_k(W e + b) at the case's group",
    .reference =
        "Caron et al., Deep clustering for unsupervised learning of visual features, ECCV 2018, arXiv 1807.05520",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<DeepclusterOptions, Deepcluster>::defaults};

}  // namespace ssl
