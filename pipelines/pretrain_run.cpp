#include "pipelines/pretrain_run.h"

#include <ATen/Context.h>

#include "core/log.h"
#include "data/whole_case.h"
#include "pipelines/choice.h"
#include "pipelines/ranks.h"
#include "pipelines/view_maker.h"
#include "runtime/device.h"
#include "runtime/freed_memory.h"
#include "train/checkpoint.h"
#include "train/networks.h"

namespace pipelines {
namespace {

std::vector<std::int64_t> chosen_cases(const PretrainRequest& request, const Split& split,
                                       const store::Reader& reader) {
  if (!request.split.empty()) return cases_of(split, request.set_name, reader);
  std::vector<std::int64_t> all;
  for (std::int64_t i = 0; i < reader.size(); ++i) all.push_back(i);
  return all;
}

// What was taken, for a person.
std::string begin_encoder(const PretrainRequest& request, const std::shared_ptr<models::Encoder>& encoder) {
  if (!request.initial || !train::checkpoints(request.out).empty()) return "";
  train::Networks networks;
  networks.add("encoder", encoder);
  return request.initial->start(networks.all(), {.decoder = false, .threshold = request.init_threshold}).text();
}

// A method that learns from reports is given the cases that have one.
void keep_reported(std::vector<std::int64_t>& cases, const PretrainRecipe& recipe, const store::Reader& reader,
                   const runtime::Comm& comm) {
  if (ssl::method_named(recipe.method_name()).needs.find("reports") == std::string_view::npos) return;
  const std::size_t before = cases.size();
  std::erase_if(cases, [&](std::int64_t index) {
    return reader.summary(index).report.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
  });
  if (cases.empty()) {
    throw core::usage_error("none of the " + std::to_string(before) + " cases has a report, and " +
                                recipe.method_name() + " learns from reports",
                            "bring them in: gadolin ingest SOURCE STORE --table FILE --by COLUMN, where FILE has a "
                            "column report, then gadolin prepare; or choose another method (gadolin methods)");
  }
  if (cases.size() < before && comm.rank() == 0) {
    core::log_warn(std::to_string(before - cases.size()) + " of " + std::to_string(before) +
                   " cases have no report and are left out");
  }
}

}  // namespace

PretrainRecipe::PretrainRecipe(const std::vector<core::Setting>& settings)
    : encoder_(EncoderChoice::from(settings)), method_name_(chosen_name(settings, "method", "mae")) {
  method_ = ssl::method_named(method_name_).settings();
}

std::vector<core::Slot> PretrainRecipe::slots() {
  std::string names;
  for (const ssl::MethodEntry* entry : ssl::methods()) names += (names.empty() ? "" : ", ") + std::string(entry->name);
  std::vector<core::Slot> all =
      choice_slots("method", method_name_, "how it learns without labels: " + names, method_->slots());
  for (auto& more : {encoder_.slots(), core::slots_of(trainer, "trainer."), core::slots_of(data, "data."),
                     core::slots_of(watch, "watch.")})
    all.insert(all.end(), more.begin(), more.end());
  return all;
}

std::string PretrainRecipe::defaults() const {
  PretrainRecipe plain({core::setting_from_argument("method.name=" + method_name_),
                        core::setting_from_argument("encoder.name=" + encoder_.name())});
  return core::resolved_yaml(plain.slots());
}

std::unique_ptr<ssl::Method> PretrainRecipe::make(
    const models::Input& input, const c10::Device& device, std::int64_t cases,
    const std::function<void(const std::shared_ptr<models::Encoder>&)>& begin) const {
  const auto encoder = encoder_.make(input);
  encoder->check_extent(input.patch);
  if (begin) begin(encoder);
  return method_->make({encoder, input, device, [&] { return encoder_.make(input); }, cases});
}

PretrainRun set_up(const PretrainRequest& request, const PretrainRecipe& recipe, const runtime::Comm& comm) {
  recipe.trainer.check();
  runtime::keep_freed_memory();
  const c10::Device device = device_of_rank(request.device);
  PreparedStore store = open_prepared(request.store, recipe.data.reader());
  PretrainRun run{std::move(store), {}, {}, {}, device, runtime::set_threads(request.threads), 1, {}, {}, {}, {}, {}};
  run.input = {static_cast<std::int64_t>(run.store.plan.channels.size()), recipe.data.patch_or(run.store.plan.patch),
               run.store.spacing_mm()};
  run.batch_size = recipe.data.batch_size > 0 ? recipe.data.batch_size : run.store.plan.batch_size;
  at::manual_seed(static_cast<std::uint64_t>(recipe.trainer.seed));
  run.method = recipe.make(run.input, device, run.store.reader->size(),
                           [&](const auto& encoder) { run.initial = begin_encoder(request, encoder); });
  data::StoreDatasetOptions options;
  options.seed = static_cast<std::uint64_t>(recipe.data.seed);
  if (!request.split.empty()) run.split = read_split(request.split);
  options.cases = chosen_cases(request, run.split, *run.store.reader);
  keep_reported(options.cases, recipe, *run.store.reader, comm);
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
  if (const auto extent = run.method->whole_cases()) {
    data::StoreDatasetOptions whole = options;
    whole.only_draw = false;
    loading.passed = std::make_shared<const data::StoreDataset>(run.store.reader, data::whole_case(*extent), whole);
  }
  run.options = std::move(options);
  loading.batch_size = share_of_batch(run.batch_size, comm.size());
  loading.rank = comm.rank();
  loading.ranks = comm.size();
  loading.workers = static_cast<int>(recipe.data.workers);
  run.loader = std::make_unique<data::Loader>(run.samples, loading);
  return run;
}

RunRecord record_of(PretrainRecipe& recipe, const PretrainRun& run) {
  RunRecord record;
  record.kind = "pretrain";
  record.config = core::resolved_yaml(recipe.slots());
  record.plan = run.store.reader->plan_yaml();
  record.channels = run.store.channels();
  record.patch = run.input.patch;
  record.spacing_mm = run.input.spacing_mm;
  record.label_names = run.store.reader->label_names();
  record.data_hash = run.store.reader->data_hash();
  record.seed = recipe.trainer.seed;
  record.command = command_line();
  return record;
}

std::unique_ptr<PretrainWatch> watch_of(const PretrainRequest& request, const WatchSettings& settings,
                                        const PretrainRecipe& recipe, PretrainRun& run, runtime::Comm& comm) {
  return std::make_unique<PretrainWatch>(settings,
                                         Watched{*run.method, run.store.reader, run.options, run.input, run.device,
                                                 comm, request.out, recipe.trainer.steps},
                                         run.split, static_cast<std::uint64_t>(recipe.data.seed));
}

std::int64_t steps_before(const std::filesystem::path& folder) {
  const std::vector<std::filesystem::path> found = train::checkpoints(folder);
  return found.empty() ? 0 : train::checkpoint_step(found.front());
}

}  // namespace pipelines
