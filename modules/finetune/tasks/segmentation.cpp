// Segmentation: every voxel gets a label, from the encoder's features through a decoder. Soft Dice and cross-entropy at
// several resolutions, after Isensee et al., "nnU-Net", Nature Methods 18, 2021.
#include <ATen/ATen.h>

#include "augment/recipes.h"
#include "core/error.h"
#include "finetune/task.h"
#include "losses/overlap.h"
#include "models/decoder.h"

namespace finetune {
namespace {

struct SegmentationOptions {
  // Scans come in a known orientation, and what is left, right, front or back is often just what a label says: mirrored
  // patches cost more than they give (hippocampus, 4 labels: 0.005 Dice).
  SegmentationOptions() { views.mirror.chance = 0; }

  bool deep_supervision = true;
  double foreground = 0.33;
  augment::Supervised views;

  static constexpr auto fields() {
    using core::field;
    using O = SegmentationOptions;
    return std::tuple{
        field("deep_supervision", &O::deep_supervision, "the coarser maps of the decoder are taught too"),
        field("foreground", &O::foreground,
              "chance to centre a patch on a labelled voxel, each class of the case alike; replaces "
              "views.warp.place.foreground",
              core::Range{0, 1}),
        field("views", &O::views, "how patches are taken and changed"),
    };
  }
};

class Segmentation final : public Task {
 public:
  Segmentation(const SegmentationOptions& options, const Setup& setup) : Task(setup), options_(options) {
    decoder_ = models::make_decoder(*setup.encoder, setup.input, outputs(), options.deep_supervision);
    add("decoder", decoder_);
  }

  std::vector<augment::Recipe> views() const override {
    const models::Extent& patch = setup_.input.patch;
    return {augment::supervised({patch[0], patch[1], patch[2]}, options_.foreground, options_.views)};
  }

  // Dice is a mean over samples, each cross-entropy one over counted voxels.
  train::Coupling coupling() const override { return train::Coupling::kMean; }
  at::Tensor weight(std::size_t, const data::Batch& batch) override {
    const at::Tensor& labels = labels_of(batch);
    return losses::deep_supervision_counts(labels, decoder_->extents({labels.size(1), labels.size(2), labels.size(3)}));
  }

  train::StepResult step(std::size_t, const data::Batch& batch, const train::Moment&) override {
    const at::Tensor& labels = labels_of(batch);
    const std::vector<at::Tensor> maps = maps_of(batch.views.at(0).images);
    const at::Tensor loss = losses::deep_supervision(maps, labels);
    at::NoGradGuard no_gradient;
    const at::Tensor known = labels.ge(0);
    const at::Tensor right = maps.front().argmax(1).eq(labels).logical_and(known);
    return {loss, {{"accuracy", right.sum().to(at::kFloat) / known.sum().clamp_min(1)}}};
  }

 protected:
  at::Tensor logits(const at::Tensor& images) override { return maps_of(images).front(); }

 private:
  static const at::Tensor& labels_of(const data::Batch& batch) {
    const at::Tensor& labels = batch.views.at(0).labels;
    if (!labels.defined()) throw core::Error("none of the cases of a batch has a label map");
    return labels;
  }
  std::vector<at::Tensor> maps_of(const at::Tensor& images) {
    const auto features = encoded([&](models::Encoder& encoder) { return encoder.features(images); });
    return decoder_->maps(features, images);
  }

  SegmentationOptions options_;
  std::shared_ptr<models::Decoder> decoder_;
};

class SegmentationSettings final : public TaskSettings {
 public:
  std::vector<core::Slot> slots() override { return core::slots_of(options_); }
  std::unique_ptr<Task> make(const Setup& setup) const override {
    return std::make_unique<Segmentation>(options_, setup);
  }

 private:
  SegmentationOptions options_;
};

}  // namespace

extern const TaskEntry segmentation_entry;
const TaskEntry segmentation_entry{
    "segmentation", "a label for every voxel: decoder on the encoder's features, soft Dice and cross-entropy", true,
    [] { return std::unique_ptr<TaskSettings>(std::make_unique<SegmentationSettings>()); }};

}  // namespace finetune
