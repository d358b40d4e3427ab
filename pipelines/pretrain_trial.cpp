#include "pipelines/pretrain_trial.h"

#include <ATen/ATen.h>
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "core/files.h"
#include "pipelines/inspect_subject.h"
#include "pipelines/pretrain_forecast.h"
#include "pipelines/ranks.h"
#include "pipelines/run_record.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kForecastSteps = 22, kSearchSteps = 4, kMostSamples = 65536;

// One rank's run with batches of another size, all else as the settings say.
MakeTrial trial_of(const PretrainRequest& request, PretrainRecipe& recipe) {
  return [&](std::int64_t batch_size) {
    struct Owner {
      std::unique_ptr<runtime::Comm> comm;
      PretrainRun run;
      std::unique_ptr<PretrainWatch> watch;
    };
    const std::int64_t before = std::exchange(recipe.data.batch_size, batch_size);
    auto alone = runtime::alone();
    PretrainRun run = set_up(request, recipe, *alone);
    const auto owner = std::make_shared<Owner>(Owner{std::move(alone), std::move(run), nullptr});
    recipe.data.batch_size = before;
    WatchSettings settings = recipe.watch;
    settings.pictures_every = 0;  // they would be written
    owner->watch = watch_of(request, settings, recipe, owner->run, *owner->comm);
    return Trial{owner, owner->run.method.get(), owner->run.loader.get(), owner->watch->watchers()};
  };
}

Forecast forecast_of(const PretrainRequest& request, PretrainRecipe& recipe, std::int64_t batch_size,
                     std::int64_t steps) {
  const auto alone = runtime::alone();
  return forecast_of(trial_of(request, recipe), batch_size, recipe.trainer, device_of_rank(request.device), *alone,
                     steps);
}

}  // namespace

std::int64_t batch_that_fits(const PretrainRequest& request, PretrainRecipe& recipe, runtime::Comm& comm) {
  at::Tensor batch = at::zeros({1}, at::kLong);
  if (comm.rank() == 0) {
    if (fs::exists(fs::path(request.out) / "run.json")) {
      for (const core::Setting& each : core::settings_from_yaml(read_record(request.out).config, "the run's settings"))
        if (each.key == "data.batch_size") batch[0] = std::stoll(each.values.at(0));
    } else {
      const std::int64_t share =
          fitting_batch(request.fit_bytes, recipe.trainer.accumulate, kMostSamples / comm.size(),
                        [&](std::int64_t size) { return forecast_of(request, recipe, size, kSearchSteps).most; });
      batch[0] = share * comm.size();
      fmt::print("a batch of {} fits into {}\n", share * comm.size(),
                 bytes_text(static_cast<double>(request.fit_bytes)));
    }
  }
  comm.barrier();  // the search takes its time
  at::Tensor told = batch.to(device_of_rank(request.device));
  comm.broadcast(told, 0);
  return told.item<std::int64_t>();
}

core::Exit tell_forecast(const PretrainRequest& request, PretrainRecipe& recipe, const runtime::Comm& comm) {
  if (comm.rank() > 0) return core::Exit::kDone;
  const PreparedStore store = open_prepared(request.store, recipe.data.reader());
  const std::int64_t batch = recipe.data.batch_size > 0 ? recipe.data.batch_size : store.plan.batch_size;
  const Forecast forecast = forecast_of(request, recipe, share_of_batch(batch, comm.size()), kForecastSteps);
  const std::int64_t steps = std::max<std::int64_t>(recipe.trainer.steps - steps_before(request.out), 0);
  const c10::Device device = device_of_rank(request.device);
  if (request.json != "-") {
    fmt::print("pretrain {} on {}, batch {}{}: {}", recipe.method_name(), recipe.encoder_name(), batch,
               comm.size() > 1 ? fmt::format(" over {} ranks, one of them", comm.size()) : std::string(),
               forecast_text(forecast, steps, device));
  }
  if (request.json == "-") fmt::print("{}", forecast_json(forecast, steps, device));
  if (!request.json.empty() && request.json != "-")
    core::publish_file(request.json, std::string_view(forecast_json(forecast, steps, device)));
  return core::Exit::kDone;
}

std::int64_t memory_needed(const PretrainRequest& request, PretrainRecipe& recipe, const runtime::Comm& comm) {
  const std::int64_t unit = recipe.trainer.accumulate;
  const PreparedStore store = open_prepared(request.store, recipe.data.reader());
  const std::int64_t batch = recipe.data.batch_size > 0 ? recipe.data.batch_size : store.plan.batch_size;
  const std::int64_t one = forecast_of(request, recipe, unit, kSearchSteps).most;
  const std::int64_t two = forecast_of(request, recipe, 2 * unit, kSearchSteps).most;
  return one + (two - one) * (batch / comm.size() / unit - 1);
}

}  // namespace pipelines
