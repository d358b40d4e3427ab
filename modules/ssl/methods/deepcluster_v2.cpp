// DeepCluster-v2: before each epoch the embeddings of all cases are grouped; the epoch then teaches every view its
// case's group. Caron et al., "Unsupervised learning of visual features by contrasting cluster assignments", NeurIPS
// 2020 (appendix), after Caron et al., "Deep clustering for unsupervised learning of visual features", ECCV 2018.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "core/error.h"
#include "losses/clustering.h"
#include "ssl/head.h"
#include "ssl/spherical_clusters.h"
#include "ssl/views.h"

namespace ssl {
namespace {

struct DeepclusterV2Options {
  std::vector<std::int64_t> clusters{8, 8, 8};
  std::int64_t rounds = 10, hidden_size = 256, projection_size = 128;
  double temperature = 0.1;
  Crops views;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    return std::tuple{
        field("clusters", &DeepclusterV2Options::clusters,
              "groups of each grouping; several groupings beside each other steady what is learnt; many times fewer "
              "than cases",
              Range{2, 1e6}),
        field("rounds", &DeepclusterV2Options::rounds, "of k-means before each epoch", Range{1, 1000}),
        field("hidden_size", &DeepclusterV2Options::hidden_size, "width of the projector", Range{2, 65536}),
        field("projection_size", &DeepclusterV2Options::projection_size, "length of the projected embedding",
              Range{2, 65536}),
        field("temperature", &DeepclusterV2Options::temperature, "of the softmax over groups", Range{0.01, 10}),
        field("views", &DeepclusterV2Options::views, "how views are made"),
    };
  }
};

class DeepclusterV2 final : public OneEncoder {
 public:
  DeepclusterV2(const DeepclusterV2Options& options, const Setup& setup)
      : OneEncoder("deepcluster_v2", setup),
        options_(options),
        device_(setup.device),
        small_(small_patch_of(options.views, setup)),
        projector_(std::make_shared<Head>(
            HeadShape{encoder_->embedding_size(), options.hidden_size, options.projection_size})),
        centroids_(std::make_shared<torch::nn::Module>()) {
    if (options.clusters.empty()) throw core::usage_error("deepcluster_v2 without groups", "clusters: [300, 300, 300]");
    for (std::size_t i = 0; i < options.clusters.size(); ++i)
      centroids_->register_buffer(std::to_string(i), at::zeros({options.clusters[i], options.projection_size}));
    group_of_case_ = at::zeros({static_cast<std::int64_t>(options.clusters.size()), setup.cases},
                               at::TensorOptions().dtype(at::kLong).device(device_));
    add("projector", projector_);
    add("centroids", centroids_, /*trained=*/false);
  }

  std::vector<augment::Recipe> views() const override { return recipes_of(options_.views, input_, small_); }

  // Every rank is given all cases and comes to the same groups.
  bool wants_pass() const override { return true; }
  void before_epoch(data::BatchSource& pass, const train::Moment& moment) override {
    const at::NoGradGuard no_gradient;
    std::vector<at::Tensor> rows, cases;
    while (static_cast<std::int64_t>(pass.position()) < pass.epoch_size()) {
      const data::Batch batch = pass.next().to(device_);
      rows.push_back(rows_of({batch.views.data(), 1}));
      cases.push_back(batch.case_index);
    }
    for (std::size_t i = 0; i < options_.clusters.size(); ++i) {
      const std::uint64_t key = static_cast<std::uint64_t>(moment.epoch) * options_.clusters.size() + i;
      const SphericalClusters found = spherical_clusters(at::cat(rows), options_.clusters[i], options_.rounds, key);
      centroids_->named_buffers()[std::to_string(i)].copy_(found.centroids);
      group_of_case_[static_cast<std::int64_t>(i)].index_copy_(0, at::cat(cases), found.of_row);
    }
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    need_samples(batch, comm(), 2, "deepcluster_v2", "its projector is normalised over the batch");
    const at::Tensor rows = rows_of(batch.views);
    const at::Tensor groups = group_of_case_.index_select(1, batch.case_index);
    at::Tensor loss, right;
    for (std::size_t i = 0; i < options_.clusters.size(); ++i) {
      const at::Tensor scores = rows.matmul(centroids_->named_buffers()[std::to_string(i)].t());
      const at::Tensor group =
          groups[static_cast<std::int64_t>(i)].repeat({static_cast<std::int64_t>(batch.views.size())});
      const at::Tensor one = losses::cluster_cross_entropy(scores, group, options_.temperature);
      loss = loss.defined() ? loss + one : one;
      right = (scores.detach().argmax(1) == group).to(at::kFloat).mean();
    }
    return {loss / static_cast<double>(options_.clusters.size()), {{"same_group", right}}};
  }

  void save(runtime::Archive& archive) const override { archive.tensors["group_of_case"] = group_of_case_; }
  void load(const runtime::Archive& archive) override {
    group_of_case_ = archive.tensors.at("group_of_case").to(device_);
  }

 private:
  at::Tensor rows_of(std::span<const data::View> views) {
    return unit_rows(projector_->forward(embeddings_of(*encoder_, views), comm()));
  }

  DeepclusterV2Options options_;
  c10::Device device_;
  models::Extent small_;
  std::shared_ptr<Head> projector_;
  std::shared_ptr<torch::nn::Module> centroids_;  // buffers "0", "1" ... [clusters, C]
  at::Tensor group_of_case_;                      // [groupings, cases of the store] int64
};

}  // namespace

extern const MethodEntry deepcluster_v2_entry;
const MethodEntry deepcluster_v2_entry{
    .name = "deepcluster_v2",
    .help = "before each epoch all cases are grouped by their embeddings; views then learn their case's group",
    .family = "clustering",
    .year = 2020,
    .needs = "2 large views and 4 small ones, case number, a pass before each epoch",
    .encoders = "any",
    .cost = 2.9,
    .choose = "groups that can be looked at while it trains; archives of thousands of cases",
    .loss = "softmax cross-entropy with the group of the case, mean over groupings",
    .formula = "-log softmax_k(cos(z, centroid_k) / T) at the case's group",
    .reference =
        "Caron et al., Unsupervised learning of visual features by contrasting cluster assignments, NeurIPS "
        "2020, arXiv 2006.09882, 1807.05520",
    .probe = "linear",
    .improves = "loss",
    .settings = SettingsOf<DeepclusterV2Options, DeepclusterV2>::defaults};

}  // namespace ssl
