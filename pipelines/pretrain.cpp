// gadolin pretrain: an encoder from a prepared store, without labels.
#include <fmt/format.h>

#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "core/files.h"
#include "core/folder_lock.h"
#include "core/log.h"
#include "pipelines/command.h"
#include "pipelines/limit_options.h"
#include "pipelines/memory_advice.h"
#include "pipelines/pretrain_run.h"
#include "pipelines/pretrain_trial.h"
#include "pipelines/ranks.h"
#include "pipelines/run_record.h"
#include "train/agreement.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/trainer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

std::int64_t elements(const train::NamedTensors& tensors) {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : tensors) sum += tensor.numel();
  return sum;
}

std::string names_of(const std::vector<std::int64_t>& cases, const store::Reader& reader) {
  std::string names;
  for (const std::int64_t index : cases) names += "case " + reader.summary(index).id + "\n";
  return names;
}

void tell_plan(const PretrainRequest& request, const PretrainRecipe& recipe, PretrainRun& run, runtime::Comm& comm) {
  run.method->use(comm);
  if (run.method->wants_pass()) run.method->before_epoch(*run.loader->pass(), {});
  at::Tensor loss = run.method->step(0, run.loader->next().to(run.device), {}).loss.detach();
  comm.all_reduce_sum(loss);
  loss = loss / comm.size();
  if (comm.rank() > 0) return;
  fmt::print("pretrain {} on {}: {} cases, patch {} x {} x {}, batch {}, {} steps on {}\n", recipe.method_name(),
             recipe.encoder_name(), run.options.cases.size(), run.input.patch[0], run.input.patch[1],
             run.input.patch[2], run.batch_size, recipe.trainer.steps, run.device.str());
  if (!run.initial.empty()) fmt::print("from {}: {}", request.init.string(), run.initial);
  fmt::print("{:.2f} million weights; the loss of the first batch is {:.4g}\n",
             static_cast<double>(elements(run.method->weights())) / 1e6, loss.item<double>());
  fmt::print("nothing was written; without --dry-run it goes to {}\n", request.out);
}

// "loss 1.2 -> 0.4", as far as metrics.csv knows.
std::string losses_text(const fs::path& folder) {
  const auto metrics = train::read_metrics(folder / "metrics.csv");
  const auto found = metrics.find("loss");
  if (found == metrics.end() || found->second.empty()) return "no loss logged";
  return fmt::format("loss {:.4g} -> {:.4g}", found->second.front().second, found->second.back().second);
}

core::Exit exit_of(const PretrainRun& run, const train::FitResult& result) {
  if (result.interrupted) return core::Exit::kInterrupted;
  return run.samples->left_out().empty() ? core::Exit::kDone : core::Exit::kSomeFailed;
}

core::Exit tell_end(const PretrainRequest& request, const PretrainRecipe& recipe, const PretrainRun& run,
                    const train::FitResult& result, int ranks, const std::string& why_enough) {
  const std::string speed = result.updates > 0 && result.seconds > 0
                                ? fmt::format(", {:.2f} steps/s", static_cast<double>(result.updates) / result.seconds)
                                : std::string(", all done before");
  fmt::print("pretrain {}: {} of {} steps on {} cases, {}{} on {} with {} thread{}{}\n", recipe.method_name(),
             result.step, recipe.trainer.steps, run.options.cases.size(), losses_text(request.out), speed,
             run.device.str(), run.threads, run.threads == 1 ? "" : "s",
             ranks > 1 ? fmt::format(" in each of {} ranks", ranks) : "");
  if (!result.time_told.empty()) fmt::print("time: {}\n", result.time_told);
  if (result.enough) fmt::print("ended before its {} steps: {}\n", recipe.trainer.steps, why_enough);
  fmt::print("checkpoint: {}\n", result.checkpoint.string());
  if (result.interrupted) {
    fmt::print("interrupted; the same command goes on from there\n");
    return exit_of(run, result);
  }
  for (const std::string& id : run.samples->left_out()) fmt::print("case {} could not be read and was left out\n", id);
  fmt::print("next: gadolin finetune {} --task segmentation --init {} --out FINETUNED\n", request.store, request.out);
  return exit_of(run, result);
}

// What rank 0 writes before the first step of a new run.
void begin_folder(const PretrainRequest& request, const RunRecord& record, const PretrainRecipe& recipe,
                  const PretrainRun& run, int ranks) {
  const fs::path folder = request.out;
  if (!train::checkpoints(folder).empty()) return;
  write_record(folder, record,
               {{"device", run.device.str()},
                {"threads", std::to_string(run.threads)},
                {"ranks", std::to_string(ranks)},
                {"init", request.initial ? request.init.string() : initial_fact(nullptr)},
                {"init_sha256", request.initial ? request.initial->hash : ""}});
  if (!run.initial.empty()) core::publish_file(folder / "initial.txt", std::string_view(run.initial));
  write_view_pictures(folder / "views", *run.dataset, recipe.watch.pictures, run.input.spacing_mm);
}

core::Exit pretrain_as_rank(const PretrainRequest& request, PretrainRecipe& recipe, runtime::Comm& comm) {
  if (request.fit_bytes > 0) recipe.data.batch_size = batch_that_fits(request, recipe, comm);
  if (request.forecast) return tell_forecast(request, recipe, comm);
  PretrainRun run = set_up(request, recipe, comm);
  const fs::path folder = request.out;
  const std::unique_ptr<PretrainWatch> watch = watch_of(request, recipe.watch, recipe, run, comm);
  if (request.dry_run) {
    tell_plan(request, recipe, run, comm);
    return core::Exit::kDone;
  }
  const RunRecord record = record_of(recipe, run);
  std::optional<core::FolderLock> lock;  // rank 0 writes for all
  if (comm.rank() == 0) lock.emplace(folder);
  if (comm.rank() == 0) begin_folder(request, record, recipe, run, comm.size());
  comm.barrier();  // stores are opened and checked at the pace of each machine
  train::refuse_unlike_ranks(names_of(run.options.cases, *run.store.reader), comm, run.device);
  if (!run.initial.empty() && comm.rank() == 0)
    core::log_info(
        fmt::format("begins with {}: {}", request.init.string(), run.initial.substr(0, run.initial.find('\n'))));
  const std::vector<train::Watcher*> watchers = watch->watchers();
  std::map<std::string, std::string> facts = facts_of(record);
  facts["init"] = initial_fact(request.initial.get());
  const train::FitResult result =
      train::fit(*run.method, *run.loader, recipe.trainer,
                 {.folder = folder, .facts = std::move(facts), .limits = request.limits, .defaults = recipe.defaults()},
                 run.device, comm, watchers);
  if (comm.rank() == 0) return tell_end(request, recipe, run, result, comm.size(), watch->told());
  return exit_of(run, result);
}

core::Exit pretrain(PretrainRequest request, const SettingsOptions& options, const LimitOptions& limits) {
  request.limits = limits.limits();
  request.initial = read_initial(request.init);
  const std::vector<core::Setting> settings = with_encoder_of(request.initial.get(), options.settings());
  PretrainRecipe recipe(settings);
  core::configure(recipe.slots(), settings);
  const auto comm = meet_ranks(request.rank_timeout_s, device_of_rank(request.device));
  return as_rank(*comm, [&] {
    return with_memory_advice([&] { return pretrain_as_rank(request, recipe, *comm); },
                              [&] { return memory_needed(request, recipe, *comm); });
  });
}

BoundSettings pretrain_settings(std::span<const core::Setting> given) {
  const auto recipe = std::make_shared<PretrainRecipe>(std::vector<core::Setting>(given.begin(), given.end()));
  std::vector<std::string> methods;
  for (const ssl::MethodEntry* entry : ssl::methods()) methods.emplace_back(entry->name);
  return {recipe, recipe->slots(), {{"method", methods}, {"encoder", encoder_names()}}};
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<PretrainRequest>();
  auto options = std::make_shared<SettingsOptions>(app);
  auto limits = std::make_shared<LimitOptions>(app);
  app.add_option("store", request->store, "prepared store (gadolin prepare makes one)")->required()->type_name("STORE");
  app.add_option("--out", request->out, "folder of the run; a run that is there goes on")->required()->type_name("RUN");
  add_initial(app, request->init, request->init_threshold);
  app.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request->threads, "torch's threads; 0: as many as torch likes")
      ->check(CLI::Range(0, 4096));
  add_rank_timeout(app, request->rank_timeout_s);
  app.add_option("--split", request->split, "CSV with columns case, patient, set: use one set only")->type_name("FILE");
  app.add_option("--set-name", request->set_name, "which set of --split")->capture_default_str();
  app.add_flag("--dry-run", request->dry_run, "make everything, compute one loss, write nothing");
  CLI::Option* const forecast = app.add_flag("--forecast", request->forecast,
                                             "tell what memory and time it would take, by 22 steps that leave nothing");
  app.add_option("--json", request->json, "the forecast as one JSON object; -: to standard output, and nothing else")
      ->needs(forecast)
      ->type_name("FILE");
  app.add_option(
         "--fit-memory", request->fit_bytes,
         "memory of a rank (20GB, 800MiB): data.batch_size becomes the largest that takes no more; a run that is "
         "there keeps its own")
      ->transform(CLI::AsSizeValue(true))
      ->type_name("SIZE");
  return [request, options, limits] { return pretrain(*request, *options, *limits); };
}

}  // namespace

extern const Command pretrain_command;
const Command pretrain_command{
    "pretrain", "train an encoder on a prepared store, without labels",
    "  gadolin pretrain PREPARED --out RUN --set method.name=mae --set trainer.steps=2000\n"
    "  gadolin pretrain PREPARED --out RUN --config configs/ssl/tiny/simclr.yaml --split split.csv\n"
    "  gadolin pretrain PREPARED --out RUN --init SUPERVISED --set method.name=byol\n"
    "  gadolin config show pretrain --set method.name=simclr --set encoder.name=vit\n"
    "  torchrun --no-python --nproc-per-node 4 gadolin pretrain PREPARED --out RUN\n"
    "Under torchrun, srun or mpirun the ranks share each batch: data.batch_size stays the same, whatever their "
    "number;\n"
    "rank 0 writes, and RUN lies where all ranks see it.\n"
    "  gadolin pretrain PREPARED --out RUN --max-time 23h30m\n"
    "Interrupted (exit code 5) or killed, the same command goes on where the last checkpoint is.",
    attach, pretrain_settings};

}  // namespace pipelines
