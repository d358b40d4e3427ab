#include "pipelines/restored_method.h"

#include "core/error.h"
#include "pipelines/choice.h"
#include "pipelines/pretrain_run.h"
#include "pipelines/restored_task.h"
#include "runtime/transfer.h"
#include "train/checkpoint.h"

namespace pipelines {

RestoredMethod restore_method(const std::filesystem::path& file_or_folder, const c10::Device& device,
                              std::int64_t cases) {
  const std::filesystem::path path = checkpoint_at(file_or_folder);
  const train::Checkpoint checkpoint = train::read_checkpoint(path);
  return core::with_context("restore " + path.filename().string(), [&] {
    RestoredMethod restored;
    restored.record = record_from(checkpoint.facts);
    if (restored.record.kind != "pretrain")
      throw core::usage_error("it comes from gadolin " + restored.record.kind + ", which keeps the encoder alone",
                              "give the run that gadolin pretrain wrote");
    const auto settings =
        settings_below({"encoder", "method"}, core::settings_from_yaml(restored.record.config, "resolved.yaml"));
    PretrainRecipe recipe(settings);
    core::configure(recipe.slots(), settings);
    restored.name = recipe.method_name();
    restored.method = recipe.make(input_of(restored.record), device, cases);
    runtime::Archive weights;
    weights.tensors = checkpoint.weights;
    for (const auto& [name, tensor] : checkpoint.average) weights.tensors[name] = tensor;
    const auto report = runtime::transfer(weights, restored.method->weights(), {{}, 1.0});
    if (!report.skipped.empty() || !report.resized.empty())
      throw core::Error("it does not hold all weights of its method: " +
                            (report.skipped.empty() ? report.resized : report.skipped).front(),
                        "it is of another version of gadolin");
    // Where ranks kept something of their own, what is asked of here is the same in all of them.
    restored.method->load(checkpoint.learner.empty() ? runtime::Archive() : checkpoint.learner.front());
    restored.method->set_training(false);
    return restored;
  });
}

}  // namespace pipelines
