// gadolin pretrain: an encoder from a prepared store, without labels.
#include <ATen/Context.h>
#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <memory>

#include "core/log.h"
#include "data/loader.h"
#include "data/store_dataset.h"
#include "pipelines/choice.h"
#include "pipelines/command.h"
#include "pipelines/data_settings.h"
#include "pipelines/network.h"
#include "pipelines/prepared_store.h"
#include "pipelines/pretrain_watch.h"
#include "pipelines/ranks.h"
#include "pipelines/run_record.h"
#include "pipelines/split.h"
#include "pipelines/view_maker.h"
#include "runtime/comm.h"
#include "runtime/device.h"
#include "ssl/method.h"
#include "train/checkpoint.h"
#include "train/metrics.h"
#include "train/trainer.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

struct PretrainRequest {
  std::string store, out, device = "auto", split, set_name = "train";
  int threads = 0;
  double rank_timeout_s = 60;
  bool dry_run = false;
};

// Every setting of a run. The names of method and encoder decide which others there are.
class PretrainRecipe {
 public:
  explicit PretrainRecipe(const std::vector<core::Setting>& settings)
      : encoder_(EncoderChoice::from(settings)), method_name_(chosen_name(settings, "method", "mae")) {
    method_ = ssl::method_named(method_name_).settings();
  }

  std::vector<core::Slot> slots() {
    std::string names;
    for (const ssl::MethodEntry* entry : ssl::methods())
      names += (names.empty() ? "" : ", ") + std::string(entry->name);
    std::vector<core::Slot> all =
        choice_slots("method", method_name_, "how it learns without labels: " + names, method_->slots());
    for (auto& more : {encoder_.slots(), core::slots_of(trainer, "trainer."), core::slots_of(data, "data."),
                       core::slots_of(watch, "watch.")})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  const std::string& method_name() const { return method_name_; }
  const std::string& encoder_name() const { return encoder_.name(); }
  // Draws first weights from torch's generator.
  std::unique_ptr<ssl::Method> make(const models::Input& input, const c10::Device& device, std::int64_t cases) const {
    const auto encoder = encoder_.make(input);
    encoder->check_extent(input.patch);
    return method_->make({encoder, input, device, [&] { return encoder_.make(input); }, cases});
  }

  train::TrainerSettings trainer;
  DataSettings data;
  WatchSettings watch;

 private:
  EncoderChoice encoder_;
  std::string method_name_;
  std::unique_ptr<ssl::MethodSettings> method_;
};

std::vector<std::int64_t> chosen_cases(const PretrainRequest& request, const store::Reader& reader) {
  if (!request.split.empty()) return cases_of(read_split(request.split), request.set_name, reader);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < reader.size(); ++i) all.push_back(i);
  return all;
}

RunRecord record_of(PretrainRecipe& recipe, const PreparedStore& store, const models::Input& input) {
  RunRecord record;
  record.kind = "pretrain";
  record.config = core::resolved_yaml(recipe.slots());
  record.plan = store.reader->plan_yaml();
  record.channels = store.channels();
  record.patch = input.patch;
  record.spacing_mm = input.spacing_mm;
  record.label_names = store.reader->label_names();
  record.data_hash = store.reader->data_hash();
  record.seed = recipe.trainer.seed;
  record.command = command_line();
  return record;
}

std::int64_t elements(const train::NamedTensors& tensors) {
  std::int64_t sum = 0;
  for (const auto& [name, tensor] : tensors) sum += tensor.numel();
  return sum;
}

// Updates that the newest checkpoint of the folder has behind it.
std::int64_t steps_before(const fs::path& folder) {
  const std::vector<fs::path> found = train::checkpoints(folder);
  return found.empty() ? 0 : train::checkpoint_step(found.front());
}

// All that a run needs, made and checked; nothing is written yet.
struct PretrainRun {
  PreparedStore store;
  data::StoreDatasetOptions options;  // of `samples`
  models::Input input;
  c10::Device device;
  int threads = 1;
  std::int64_t batch_size = 1;  // over all ranks
  std::unique_ptr<ssl::Method> method;
  std::shared_ptr<const data::StoreDataset> dataset;  // to look at single samples
  std::shared_ptr<const data::StoreDataset> samples;  // what is trained on
  std::unique_ptr<data::Loader> loader;
};

PretrainRun set_up(const PretrainRequest& request, const PretrainRecipe& recipe, const runtime::Comm& comm) {
  recipe.trainer.check();
  const c10::Device device = device_of_rank(request.device);
  PreparedStore store = open_prepared(request.store, recipe.data.reader());
  PretrainRun run{std::move(store), {}, {}, device, runtime::set_threads(request.threads), 1, {}, {}, {}, {}};
  run.input = {static_cast<std::int64_t>(run.store.plan.channels.size()), recipe.data.patch_or(run.store.plan.patch),
               run.store.spacing_mm()};
  run.batch_size = recipe.data.batch_size > 0 ? recipe.data.batch_size : run.store.plan.batch_size;
  at::manual_seed(static_cast<std::uint64_t>(recipe.trainer.seed));
  run.method = recipe.make(run.input, device, run.store.reader->size());
  data::StoreDatasetOptions options;
  options.seed = static_cast<std::uint64_t>(recipe.data.seed);
  options.cases = chosen_cases(request, *run.store.reader);
  options.channels = run.store.channels();
  options.read_labels = false;
  options.keep_locations = false;
  options.skip_damaged = recipe.data.skip_damaged();
  const auto views = view_maker(run.method->views(), run.method->of_partner());
  run.dataset = std::make_shared<const data::StoreDataset>(run.store.reader, views, options);
  data::LoaderOptions loading;
  loading.batch_maker = batch_maker_on(recipe.data.views_on, device, views);
  options.only_draw = loading.batch_maker != nullptr;
  run.samples =
      options.only_draw ? std::make_shared<const data::StoreDataset>(run.store.reader, views, options) : run.dataset;
  run.options = std::move(options);
  loading.batch_size = share_of_batch(run.batch_size, comm.size());
  loading.rank = comm.rank();
  loading.ranks = comm.size();
  loading.workers = static_cast<int>(recipe.data.workers);
  run.loader = std::make_unique<data::Loader>(run.samples, loading);
  return run;
}

void tell_plan(const PretrainRequest& request, const PretrainRecipe& recipe, PretrainRun& run, runtime::Comm& comm) {
  run.method->use(comm);
  if (run.method->wants_pass()) run.method->before_epoch(*run.loader->pass(), {});
  const at::Tensor loss = run.method->step(0, run.loader->next().to(run.device), {}).loss;
  if (comm.rank() > 0) return;
  fmt::print("pretrain {} on {}: {} cases, patch {} x {} x {}, batch {}, {} steps on {}\n", recipe.method_name(),
             recipe.encoder_name(), run.options.cases.size(), run.input.patch[0], run.input.patch[1],
             run.input.patch[2], run.batch_size, recipe.trainer.steps, run.device.str());
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
                    const train::FitResult& result, std::int64_t steps_now, int ranks) {
  const std::string speed = steps_now > 0 && result.seconds > 0
                                ? fmt::format(", {:.2f} steps/s", static_cast<double>(steps_now) / result.seconds)
                                : std::string(", all done before");
  fmt::print("pretrain {}: {} of {} steps on {} cases, {}{} on {} with {} thread{}{}\n", recipe.method_name(),
             result.step, recipe.trainer.steps, run.options.cases.size(), losses_text(request.out), speed,
             run.device.str(), run.threads, run.threads == 1 ? "" : "s",
             ranks > 1 ? fmt::format(" in each of {} ranks", ranks) : "");
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
void begin_folder(const fs::path& folder, const RunRecord& record, const PretrainRecipe& recipe, const PretrainRun& run,
                  int ranks) {
  if (!train::checkpoints(folder).empty()) return;
  write_record(
      folder, record,
      {{"device", run.device.str()}, {"threads", std::to_string(run.threads)}, {"ranks", std::to_string(ranks)}});
  write_view_pictures(folder / "views", *run.dataset, recipe.watch.pictures, run.input.spacing_mm);
}

core::Exit pretrain_as_rank(const PretrainRequest& request, PretrainRecipe& recipe, runtime::Comm& comm) {
  PretrainRun run = set_up(request, recipe, comm);
  if (request.dry_run) {
    tell_plan(request, recipe, run, comm);
    return core::Exit::kDone;
  }
  const fs::path folder = request.out;
  const RunRecord record = record_of(recipe, run.store, run.input);
  const std::int64_t before = steps_before(folder);
  if (comm.rank() == 0) begin_folder(folder, record, recipe, run, comm.size());
  EmbeddingWatch watch(*run.method, run.store.reader, run.options, run.input, run.device, recipe.watch);
  std::vector<train::Watcher*> watchers;
  if (recipe.watch.every_steps > 0) watchers.push_back(&watch);
  comm.barrier();  // stores are opened and checked at the pace of each machine
  const train::FitResult result =
      train::fit(*run.method, *run.loader, recipe.trainer, {folder, facts_of(record)}, run.device, comm, watchers);
  if (comm.rank() == 0) return tell_end(request, recipe, run, result, result.step - before, comm.size());
  return exit_of(run, result);
}

core::Exit pretrain(const PretrainRequest& request, const SettingsOptions& options) {
  PretrainRecipe recipe(options.settings());
  options.apply(recipe.slots());
  const auto comm = meet_ranks(request.rank_timeout_s);
  if (comm->size() == 1) return pretrain_as_rank(request, recipe, *comm);
  return core::with_context(fmt::format("rank {}", comm->rank()),
                            [&] { return pretrain_as_rank(request, recipe, *comm); });
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
  app.add_option("store", request->store, "prepared store (gadolin prepare makes one)")->required()->type_name("STORE");
  app.add_option("--out", request->out, "folder of the run; a run that is there goes on")->required()->type_name("RUN");
  app.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request->threads, "torch's threads; 0: as many as torch likes")
      ->check(CLI::Range(0, 4096));
  app.add_option("--rank-timeout", request->rank_timeout_s,
                 "seconds that one of several ranks may leave the others without an answer; files may take longer")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 1e6))
      ->type_name("S");
  app.add_option("--split", request->split, "CSV with columns case, patient, set: use one set only")->type_name("FILE");
  app.add_option("--set-name", request->set_name, "which set of --split")->capture_default_str();
  app.add_flag("--dry-run", request->dry_run, "make everything, compute one loss, write nothing");
  return [request, options] { return pretrain(*request, *options); };
}

}  // namespace

extern const Command pretrain_command;
const Command pretrain_command{
    "pretrain", "train an encoder on a prepared store, without labels",
    "  gadolin pretrain PREPARED --out RUN --set method.name=mae --set trainer.steps=2000\n"
    "  gadolin pretrain PREPARED --out RUN --config configs/ssl/simclr.yaml --split split.csv\n"
    "  gadolin config show pretrain --set method.name=simclr --set encoder.name=vit\n"
    "  torchrun --no-python --nproc-per-node 4 gadolin pretrain PREPARED --out RUN\n"
    "Under torchrun, srun or mpirun the ranks share each batch: data.batch_size stays the same, whatever their "
    "number;\n"
    "rank 0 writes, and RUN lies where all ranks see it.\n"
    "Interrupted (exit code 5) or killed, the same command goes on where the last checkpoint is.",
    attach, pretrain_settings};

}  // namespace pipelines
