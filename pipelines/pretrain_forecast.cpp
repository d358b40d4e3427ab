#include "pipelines/pretrain_forecast.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "core/error.h"
#include "core/process_memory.h"
#include "core/progress.h"
#include "pipelines/inspect_subject.h"

namespace pipelines {
namespace {

constexpr std::int64_t kBatchesAhead = 3;  // of the loader: those it prefetches and the one being made

std::int64_t known(const Forecast& forecast) {
  const train::Rehearsal& t = forecast.tensors;
  return forecast.program + t.weights + t.gradients + t.optimiser + t.average + t.batch + t.activations +
         t.checkpoint_copy + forecast.views;
}

std::vector<std::pair<std::string, std::int64_t>> parts_of(const Forecast& forecast, const c10::Device& device) {
  const train::Rehearsal& t = forecast.tensors;
  std::vector<std::pair<std::string, std::int64_t>> parts{{"weights", t.weights},     {"gradients", t.gradients},
                                                          {"optimiser", t.optimiser}, {"average", t.average},
                                                          {"batch", t.batch},         {"activations", t.activations}};
  if (device.is_cpu()) {
    for (const auto& [name, bytes] :
         {std::pair{"program", forecast.program}, std::pair{"views", forecast.views},
          std::pair{"checkpoint_copy", t.checkpoint_copy}, std::pair{"other", forecast.other}})
      parts.emplace_back(name, bytes);
  }
  return parts;
}

}  // namespace

Forecast forecast_of(const MakeTrial& make, std::int64_t batch_size, const train::TrainerSettings& settings,
                     c10::Device device, runtime::Comm& comm, std::int64_t steps) {
  ::malloc_trim(0);
  core::restart_most_resident();
  Forecast forecast;
  forecast.batch_size = batch_size;
  if (device.is_cpu()) forecast.program = core::resident_bytes();
  const Trial trial = make(batch_size);
  forecast.tensors = train::rehearse(*trial.learner, *trial.source, settings, device, comm, steps, trial.watchers);
  const train::Rehearsal& t = forecast.tensors;
  if (device.is_cpu()) {
    forecast.views = kBatchesAhead * t.batch;
    forecast.most = core::most_resident_bytes();
    forecast.other = forecast.most - known(forecast);
  } else {
    forecast.most = t.weights + t.gradients + t.optimiser + t.average + t.batch + t.activations;
  }
  return forecast;
}

std::int64_t fitting_batch(std::int64_t limit, std::int64_t unit, std::int64_t highest,
                           const std::function<std::int64_t(std::int64_t)>& most_of) {
  const std::int64_t least = most_of(unit);
  if (least > limit)
    throw core::usage_error(fmt::format("a batch of {} takes {}, which is more than {}", unit,
                                        bytes_text(static_cast<double>(least)), bytes_text(static_cast<double>(limit))),
                            "a smaller data.patch, trainer.recompute=stages or a smaller network take less");
  std::int64_t fits = 1, too_much = highest / unit + 1;  // in units
  std::int64_t at = 1, most = least, asked = 0;
  const std::int64_t second = 2;
  for (std::int64_t next = second; too_much - fits > 1 && asked < 8; ++asked) {
    next = std::clamp(next, fits + 1, too_much - 1);
    const std::int64_t took = most_of(next * unit);
    const std::int64_t each = std::max<std::int64_t>((took - least) / (next - 1), 1);
    (took <= limit ? fits : too_much) = next;
    at = next, most = took;
    next = at + (limit - most >= 0 ? (limit - most) / each : -((most - limit + each - 1) / each));
    if (next == fits) break;  // the next larger one is over it
  }
  return std::min(fits * unit, highest / unit * unit);
}

std::string forecast_text(const Forecast& forecast, std::int64_t steps, const c10::Device& device) {
  std::string text = fmt::format(
      "{} of {} at most; {:.3g} s a step, {} for {} steps\n", bytes_text(static_cast<double>(forecast.most)),
      device.is_cpu() ? "memory" : "memory of the GPU, less what CUDA takes for itself", forecast.tensors.step_s,
      core::duration_text(forecast.tensors.step_s * static_cast<double>(steps)), steps);
  for (const auto& [name, bytes] : parts_of(forecast, device))
    text += fmt::format("  {:<16} {:>12}\n", name, bytes_text(static_cast<double>(bytes)));
  if (!forecast.tensors.stages.empty()) text += "what stages keep for the gradient, by the shape of their result\n";
  for (const auto& [shape, bytes] : forecast.tensors.stages)
    text += fmt::format("  {:<28} {:>12}\n", shape, bytes_text(static_cast<double>(bytes)));
  return text;
}

std::string forecast_json(const Forecast& forecast, std::int64_t steps, const c10::Device& device) {
  boost::json::object parts;
  for (const auto& [name, bytes] : parts_of(forecast, device)) parts[name] = bytes;
  boost::json::array stages;
  for (const auto& [shape, bytes] : forecast.tensors.stages)
    stages.push_back(boost::json::object{{"result", shape}, {"bytes", bytes}});
  const boost::json::object all{{"device", device.str()},
                                {"batch_size", forecast.batch_size},
                                {"most_bytes", forecast.most},
                                {"parts_bytes", parts},
                                {"stages", stages},
                                {"step_s", forecast.tensors.step_s},
                                {"steps", steps},
                                {"rest_s", forecast.tensors.step_s * static_cast<double>(steps)}};
  return boost::json::serialize(all) + "\n";
}

}  // namespace pipelines
