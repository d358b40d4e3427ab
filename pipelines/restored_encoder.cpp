#include "pipelines/restored_encoder.h"

#include "core/error.h"
#include "core/hash.h"
#include "pipelines/choice.h"
#include "pipelines/network.h"
#include "pipelines/restored_task.h"
#include "runtime/transfer.h"
#include "train/checkpoint.h"
#include "train/networks.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

// The encoder with the settings that the record's config gave it.
std::shared_ptr<models::Encoder> encoder_of(const RunRecord& record) {
  const auto settings = settings_below({"encoder"}, core::settings_from_yaml(record.config, "resolved.yaml"));
  EncoderChoice choice = EncoderChoice::from(settings);
  core::configure(choice.slots(), settings);
  return choice.make(input_of(record));
}

std::string hash_of(const train::NamedTensors& tensors) {
  core::Sha256 hash;
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor plain = tensor.detach().cpu().contiguous();
    hash.update(name + "\n");
    hash.update(std::span(static_cast<const std::byte*>(plain.data_ptr()), plain.nbytes()));
  }
  return hash.hex();
}

}  // namespace

RestoredEncoder restore_encoder(const fs::path& file_or_folder, const c10::Device& device) {
  const fs::path path = checkpoint_at(file_or_folder);
  const runtime::Archive weights = train::checkpoint_weights(path, /*average=*/true);
  return core::with_context("restore the encoder of " + path.filename().string(), [&] {
    RestoredEncoder restored;
    restored.record = record_from(weights.facts);
    restored.encoder = encoder_of(restored.record);
    train::Networks networks;
    networks.add("encoder", restored.encoder);
    const auto report = runtime::transfer(weights, networks.all(), {{{"encoder.", "encoder."}}, 1.0});
    if (!report.skipped.empty() || !report.resized.empty())
      throw core::Error("it does not hold all weights of its encoder: " +
                            (report.skipped.empty() ? report.resized : report.skipped).front(),
                        "it is of another version of gadolin");
    networks.to(device);
    networks.set_training(false);
    restored.weights_hash = hash_of(networks.all());
    return restored;
  });
}

}  // namespace pipelines
