#pragma once
// A task and its encoder as settings, made anew for training or restored from a checkpoint for prediction.

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/config.h"
#include "evaluate/sliding_window.h"
#include "finetune/task.h"
#include "pipelines/network.h"
#include "pipelines/run_record.h"

namespace pipelines {

// "task.name" and, below "task.", whatever that task has.
class TaskChoice {
 public:
  // Throws usage Error for an unknown name, naming the nearest.
  static TaskChoice from(std::span<const core::Setting> settings, const std::string& fallback = "segmentation");

  const finetune::TaskEntry& entry() const { return *entry_; }
  std::vector<core::Slot> slots();  // bound to this choice; moving it is fine
  std::unique_ptr<finetune::Task> make(const finetune::Setup& setup) const { return settings_->make(setup); }

 private:
  const finetune::TaskEntry* entry_ = nullptr;
  std::unique_ptr<finetune::TaskSettings> settings_;
};

// What the record says of the network's data, for finetune::Setup and models::Input.
models::Input input_of(const RunRecord& record);
// Names of the outputs: labels from the background to the highest, or classes.
std::vector<std::string> output_names(const RunRecord& record);

// The checkpoint file itself, or the newest one of a run folder. Throws usage Error when there is none.
std::filesystem::path checkpoint_at(const std::filesystem::path& file_or_folder);

struct RestoredTask {
  RunRecord record;
  const finetune::TaskEntry* entry = nullptr;
  std::unique_ptr<finetune::Task> task;  // in scoring mode, on the device
};
// The weights are the averaged ones where the run kept an average. Throws Error: damaged file, a checkpoint that is not
// of a fine-tuning, weights that are not all there.
RestoredTask restore_task(const std::filesystem::path& file_or_folder, const c10::Device& device);

// Probabilities of a whole prepared case [C, D, H, W], on the CPU: [K, D, H, W] of a segmentation; [K] of a
// classification, the mean over windows of the patch's size (one window when the case is not larger).
at::Tensor predict_case(finetune::Task& task, const at::Tensor& image, evaluate::SlidingOptions options = {});

}  // namespace pipelines
