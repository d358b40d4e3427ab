#include "pipelines/restored_task.h"

#include <ATen/ATen.h>

#include "core/error.h"
#include "pipelines/choice.h"
#include "runtime/transfer.h"
#include "train/checkpoint.h"

namespace pipelines {

TaskChoice TaskChoice::from(std::span<const core::Setting> settings, const std::string& fallback) {
  TaskChoice choice;
  choice.entry_ = &finetune::task_named(chosen_name(settings, "task", fallback));
  choice.settings_ = choice.entry_->settings();
  return choice;
}

std::vector<core::Slot> TaskChoice::slots() {
  std::string names;
  for (const finetune::TaskEntry* entry : finetune::tasks())
    names += (names.empty() ? "" : ", ") + std::string(entry->name);
  return choice_slots("task", std::string(entry_->name), "what is learned from labels: " + names, settings_->slots());
}

models::Input input_of(const RunRecord& record) {
  return {static_cast<std::int64_t>(record.channels.size()), record.patch, record.spacing_mm};
}

std::vector<std::string> output_names(const RunRecord& record) {
  if (!record.classes.empty()) return record.classes;
  std::vector<std::string> names{"background"};
  for (const auto& [label, name] : record.label_names) {
    if (label < 1) continue;
    while (static_cast<int>(names.size()) < label) names.push_back("label " + std::to_string(names.size()));
    names.push_back(name);
  }
  return names;
}

std::filesystem::path checkpoint_at(const std::filesystem::path& file_or_folder) {
  if (!std::filesystem::is_directory(file_or_folder)) {
    if (std::filesystem::exists(file_or_folder)) return file_or_folder;
    throw core::usage_error("there is no checkpoint " + file_or_folder.string(),
                            "give a file checkpoint-N.gadolin or the folder of a run");
  }
  const auto newest = train::newest_checkpoint(file_or_folder);
  if (newest) return newest->first;
  throw core::usage_error("there is no checkpoint in " + file_or_folder.string(),
                          "give the folder that gadolin pretrain or finetune wrote");
}

RestoredTask restore_task(const std::filesystem::path& file_or_folder, const c10::Device& device) {
  const std::filesystem::path path = checkpoint_at(file_or_folder);
  const runtime::Archive weights = train::checkpoint_weights(path, true);
  return core::with_context("restore " + path.filename().string(), [&] {
    RestoredTask restored;
    restored.record = record_from(weights.facts);
    if (restored.record.kind != "finetune")
      throw core::Error("it comes from gadolin " + restored.record.kind + ", which teaches no task",
                        "fine-tune it first: gadolin finetune STORE --init " + path.string());
    const auto settings = settings_below({"encoder", "task"},
                                         core::settings_from_yaml(restored.record.config, "the checkpoint's settings"));
    EncoderChoice encoder = EncoderChoice::from(settings);
    TaskChoice task = TaskChoice::from(settings);
    restored.entry = &task.entry();
    std::vector<core::Slot> slots = encoder.slots();
    for (core::Slot& slot : task.slots()) slots.push_back(std::move(slot));
    core::configure(slots, settings);
    finetune::Setup setup;
    setup.input = input_of(restored.record);
    setup.encoder = encoder.make(setup.input);
    setup.device = device;
    setup.outputs = output_names(restored.record);
    setup.target = restored.record.target;
    restored.task = task.make(setup);
    runtime::transfer(weights, restored.task->weights(), {{}, 1.0});
    restored.task->set_training(false);
    return restored;
  });
}

at::Tensor predict_case(finetune::Task& task, const at::Tensor& image, evaluate::SlidingOptions options) {
  options.device = task.device();
  bool dense = true;
  const auto predict = [&](const at::Tensor& windows) {
    const at::Tensor probabilities = task.predict(windows);
    dense = probabilities.dim() == windows.dim();
    if (dense) return probabilities;
    return probabilities.view({windows.size(0), -1, 1, 1, 1})
        .expand({windows.size(0), task.outputs(), windows.size(2), windows.size(3), windows.size(4)});
  };
  const at::Tensor whole = evaluate::sliding_window(image, task.input().patch, task.outputs(), predict, options);
  return dense ? whole : whole.mean({1, 2, 3});
}

}  // namespace pipelines
