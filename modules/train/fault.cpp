#include "train/fault.h"

#include <ATen/ATen.h>

#include "core/table.h"
#include "runtime/archive.h"

namespace train {
namespace {

void put(runtime::Archive& archive, const std::string& name, const at::Tensor& tensor) {
  if (tensor.defined()) archive.tensors[name] = tensor;
}

void put_batch(runtime::Archive& archive, const data::Batch& batch) {
  for (std::size_t v = 0; v < batch.views.size(); ++v) {
    const data::View& view = batch.views[v];
    const std::string name = "view" + std::to_string(v) + ".";
    put(archive, name + "images", view.images);
    put(archive, name + "labels", view.labels);
    put(archive, name + "valid", view.valid);
    put(archive, name + "hidden", view.hidden);
    put(archive, name + "kept", view.kept);
    put(archive, name + "case_index", view.case_index);
  }
  put(archive, "sample", batch.sample);
  put(archive, "case_index", batch.case_index);
  put(archive, "has_labels", batch.has_labels);
  put(archive, "channels_present", batch.channels_present);
  for (const auto& [name, values] : batch.targets) put(archive, "target." + name, values);
}

std::string samples_text(const at::Tensor& samples) {
  if (!samples.defined()) return "";
  const at::Tensor numbers = samples.to(at::kCPU, at::kLong).contiguous();
  std::string text;
  for (std::int64_t i = 0; i < numbers.numel(); ++i)
    text += (i > 0 ? ", " : "") + std::to_string(numbers.const_data_ptr<std::int64_t>()[i]);
  return text;
}

// "none of 12", or "2 of 12: encoder.stem.weight (3 of 54 numbers), ...".
std::string not_finite(const std::vector<Phase>& phases) {
  std::size_t bad = 0, all = 0;
  std::string list;
  for (const Phase& phase : phases) {
    for (const Parameter& each : phase.parameters) {
      ++all;
      const at::Tensor& gradient = each.tensor.grad();
      if (!gradient.defined()) continue;
      const auto count = gradient.isfinite().logical_not().sum().item<std::int64_t>();
      if (count == 0) continue;
      list += (bad++ > 0 ? ", " : "") + each.name + " (" + std::to_string(count) + " of " +
              std::to_string(gradient.numel()) + " numbers)";
    }
  }
  return (bad > 0 ? std::to_string(bad) : "none") + " of " + std::to_string(all) + (bad > 0 ? ": " + list : "");
}

}  // namespace

std::filesystem::path write_fault(const std::filesystem::path& folder, const std::map<std::string, std::string>& facts,
                                  const Fault& fault, const data::Batch& batch, const std::vector<Phase>& phases,
                                  int rank, int ranks) {
  runtime::Archive archive;
  for (const auto& [name, value] : facts) archive.facts["run." + name] = value;
  archive.facts["format"] = kFaultFormat;
  archive.facts["step"] = std::to_string(fault.step);
  archive.facts["epoch"] = std::to_string(fault.epoch);
  archive.facts["skips"] = std::to_string(fault.skips);
  archive.facts["fault"] = fault.what;
  for (const auto& [name, value] : fault.seen) archive.facts["seen." + name] = core::shortest(value.item<double>());
  std::string cases;
  for (const std::string& id : batch.ids) cases += (cases.empty() ? "" : ", ") + id;
  archive.facts["cases"] = cases;
  archive.facts["samples"] = samples_text(batch.sample);
  archive.facts["gradients_not_finite"] = not_finite(phases);
  archive.facts["checkpoint_before"] = fault.before.empty() ? "none" : fault.before.filename().string();
  put_batch(archive, batch);
  const std::string name = ranks > 1 ? "batch-rank" + std::to_string(rank) : "batch";
  const std::filesystem::path path = folder / ("fault-" + std::to_string(fault.step)) / (name + ".safetensors");
  runtime::write_archive(path, archive);
  return path;
}

}  // namespace train
