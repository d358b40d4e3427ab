#include "pipelines/finetune_run.h"

#include <ATen/Context.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json.hpp>
#include <set>
#include <utility>

#include "augment/recipes.h"
#include "core/files.h"
#include "core/log.h"
#include "core/settings_difference.h"
#include "core/table.h"
#include "data/loader.h"
#include "pipelines/class_number.h"
#include "pipelines/prepared_store.h"
#include "pipelines/ranks.h"
#include "pipelines/view_maker.h"
#include "runtime/device.h"
#include "runtime/freed_memory.h"
#include "train/agreement.h"
#include "train/checkpoint.h"
#include "train/precision.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

std::string file_name(const fs::path& path) { return path.filename().string(); }

const char* const kChosen = "with --target";

std::string targets_of(const store::Reader& reader) {
  std::set<std::string> names;
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    for (const auto& [name, value] : reader.summary(i).scalars) names.insert(name);
  }
  return names.empty() ? "its cases have no scalars" : fmt::format("its cases have {}", fmt::join(names, ", "));
}

// Both as in request.json. Settings count by their values.
void refuse_another_request(const boost::json::object& before, const boost::json::object& now,
                            const std::string& folder, const std::string& defaults) {
  const std::string story = "folder " + folder + " holds a run with another ";
  const char* const hint = "choose another --out, or give the same arguments to go on";
  for (const auto& [key, value] : now) {
    if (before.contains(key) && before.at(key) == value) continue;
    if (key != "config" || !before.contains(key) || !before.at(key).is_string())
      throw core::usage_error(story + std::string(key), hint);
    for (const auto& one : core::settings_difference(before.at(key).as_string(), value.as_string(), defaults)) {
      if (one.second.empty()) continue;  // no setting any more
      throw core::usage_error(
          fmt::format("{}{}: {} there, {} here", story, one.key, one.first.empty() ? "not set" : one.first, one.second),
          hint);
    }
  }
}

}  // namespace

FinetuneRecipe FinetuneRecipe::from(const std::vector<core::Setting>& settings) {
  FinetuneRecipe recipe;
  recipe.encoder = EncoderChoice::from(settings);
  recipe.task = TaskChoice::from(settings);
  recipe.trainer.learning_rate = 3.0e-3;  // a fine-tuning at 5e-4 costs 1 to 2 points of Dice
  recipe.trainer.precision = "auto";
  core::configure(recipe.slots(), settings);
  recipe.trainer.check();
  return recipe;
}

std::vector<core::Slot> FinetuneRecipe::slots() {
  std::vector<core::Slot> all = encoder.slots();
  for (core::Slot& slot : task.slots()) all.push_back(std::move(slot));
  core::append_slots(trainer, "trainer.", all);
  core::append_slots(data, "data.", all);
  return all;
}

std::string FinetuneRecipe::defaults() const {
  FinetuneRecipe plain =
      FinetuneRecipe::from({core::setting_from_argument("encoder.name=" + encoder.name()),
                            core::setting_from_argument("task.name=" + std::string(task.entry().name))});
  return core::resolved_yaml(plain.slots());
}

FinetuneRun::FinetuneRun(FinetuneRequest request, std::vector<core::Setting> settings, runtime::Comm& comm)
    : comm_(comm), request_(std::move(request)) {
  choose_device();
  initial_ = read_initial(request_.init);
  recipe_ = FinetuneRecipe::from(with_encoder_of(initial_.get(), std::move(settings)));
  reader_ = std::make_shared<const store::Reader>(request_.store, recipe_.data.reader());
  read_plan();
  choose_cases();
  name_outputs();
  record_.kind = "finetune";
  record_.config = core::resolved_yaml(recipe_.slots());
  record_.data_hash = reader_->data_hash();
  record_.seed = recipe_.data.seed;
  record_.command = command_line();
  if (initial_ && initial_->weights.facts.contains("plan") && initial_->weights.facts.at("plan") != record_.plan)
    core::log_warn("the checkpoint was trained on cases prepared by another plan than this store's");
}

void FinetuneRun::choose_device() {
  runtime::keep_freed_memory();
  threads_ = runtime::set_threads(request_.threads);
  device_ = device_of_rank(request_.device);
}

void FinetuneRun::read_plan() {
  record_.plan = reader_->plan_yaml();
  if (record_.plan.empty()) {
    throw core::usage_error("store " + file_name(request_.store) + " is not prepared",
                            "gadolin prepare " + request_.store.string() + " PREPARED, then fine-tune on that");
  }
  const PreparedStore store{reader_, prepare::plan_from_yaml(record_.plan, "the store's plan")};
  const prepare::Plan& plan = store.plan;
  record_.channels = store.channels();
  record_.patch = recipe_.data.patch_or(plan.patch);
  batch_size_ = share_of_batch(recipe_.data.batch_size > 0 ? recipe_.data.batch_size : plan.batch_size, comm_.size());
  record_.spacing_mm = store.spacing_mm();
}

void FinetuneRun::choose_cases() {
  const auto seed = static_cast<std::uint64_t>(recipe_.data.seed);
  split_ = request_.split.empty() ? split_by_patient(*reader_, 0.3, seed) : read_split(request_.split);
  const std::string target = dense() ? "" : request_.target;
  const auto usable = [&](const std::string& set) {
    std::vector<std::int64_t> cases = cases_of(split_, set, *reader_);
    std::erase_if(cases, [&](std::int64_t index) {
      const store::CaseSummary& summary = reader_->summary(index);
      return dense() ? !summary.has_labels : !summary.scalars.contains(target);
    });
    if (!cases.empty()) return cases;
    throw core::usage_error(
        fmt::format("no case of set '{}' has {}", set, dense() ? "a label map" : "a value '" + target + "'"),
        dense() ? "ingest the label maps too" : targets_of(*reader_) + ": choose one with --target");
  };
  train_ = usable(request_.train_set);
  test_ = usable(request_.test_set);
  const auto count = request_.labels > 0 ? request_.labels : static_cast<std::int64_t>(train_.size());
  labelled_ = draw_labelled(split_, *reader_, train_, count, request_.draw, seed, target);
  std::set<std::string> learned;
  for (const std::int64_t index : labelled_) learned.insert(patient(index));
  for (const std::int64_t index : test_) {
    if (learned.contains(patient(index)))
      throw core::usage_error("the patient of test case " + reader_->summary(index).id + " is trained on too",
                              "put all cases of a patient into one set of the split");
  }
  data::StoreDatasetOptions options;
  options.cases = train_;
  options.cases.insert(options.cases.end(), test_.begin(), test_.end());
  std::sort(options.cases.begin(), options.cases.end());
  options.cases.erase(std::unique(options.cases.begin(), options.cases.end()), options.cases.end());
  options.channels = record_.channels;
  options.read_labels = options.keep_locations = options.shuffle = false;
  const std::array<std::int64_t, 3>& patch = record_.patch;
  whole_ = std::make_shared<data::StoreDataset>(reader_, view_maker({augment::centre({patch[0], patch[1], patch[2]})}),
                                                options);
}

void FinetuneRun::name_outputs() {
  if (dense()) {
    record_.label_names = reader_->label_names();
    for (const std::int64_t index : whole_->cases()) {
      for (const auto& [label, voxels] : reader_->summary(index).label_voxels)
        record_.label_names.emplace(label, "label " + std::to_string(label));
    }
    return;
  }
  record_.target = request_.target;
  std::int64_t highest = 0;
  for (const std::int64_t index : whole_->cases())
    highest = std::max(highest, class_number(reader_->summary(index), request_.target, kChosen));
  for (std::int64_t k = 0; k <= highest; ++k) record_.classes.push_back(std::to_string(k));
}

std::string FinetuneRun::request_text() const {
  boost::json::array rates;
  for (const double rate : request_.learning_rates) rates.emplace_back(core::shortest(rate));
  boost::json::object all;
  all["task"] = recipe_.task.entry().name;
  all["config"] = record_.config;
  all["data"] = record_.data_hash;
  all["init"] = initial_fact(initial_.get());
  all["init_decoder"] = request_.init_decoder;
  all["mode"] = request_.frozen ? "frozen" : "full";
  all["target"] = record_.target;
  all["labels"] = labelled_.size();
  all["draw"] = request_.draw;
  all["learning_rates"] = rates;
  all["folds"] = request_.folds;
  return boost::json::serialize(all) + "\n";
}

void FinetuneRun::open_folder() const {
  core::Table labelled{{"case", "patient"}, {}}, split{{"case", "patient", "set"}, {}};
  for (const std::int64_t index : labelled_) labelled.add({reader_->summary(index).id, patient(index)});
  for (const auto& [id, set] : split_.set_of) {
    if (const auto index = reader_->find(id)) split.add({id, patient(*index), set});
  }
  const std::string wanted = request_text(), cases = core::to_csv(labelled);
  train::refuse_unlike_ranks(record_.config + wanted + cases, comm_, device_);
  const fs::path file = request_.out / "request.json";
  if (fs::exists(file)) {
    const boost::json::value before = boost::json::parse(core::read_text(file)), now = boost::json::parse(wanted);
    refuse_another_request(before.as_object(), now.as_object(), file_name(request_.out), recipe_.defaults());
    if (core::read_text(request_.out / "labelled.csv") != cases)
      throw core::usage_error("folder " + file_name(request_.out) + " holds a run on other cases",
                              "choose another --out");
  } else if (!train::checkpoints(request_.out).empty() || fs::exists(request_.out / "run.json")) {
    throw core::usage_error("folder " + file_name(request_.out) + " holds a run of another command",
                            "choose another --out");
  }
  comm_.barrier();  // nobody writes while another rank still looks
  if (comm_.rank() > 0) return;
  core::publish_file(request_.out / "labelled.csv", std::string_view(cases));
  core::publish_file(request_.out / "split.csv", std::string_view(core::to_csv(split)));
  core::publish_file(file, std::string_view(wanted));
}

FinetuneRun::Trained FinetuneRun::train(const fs::path& folder, const std::vector<std::int64_t>& cases,
                                        double learning_rate) {
  recipe_.trainer.learning_rate = learning_rate;
  record_.config = core::resolved_yaml(recipe_.slots());
  at::manual_seed(static_cast<std::uint64_t>(recipe_.trainer.seed));
  finetune::Setup setup;
  setup.input = input_of(record_);
  setup.encoder = recipe_.encoder.make(setup.input);
  setup.encoder->check_extent(setup.input.patch);
  setup.device = device_;
  setup.outputs = output_names(record_);
  setup.target = record_.target;
  setup.frozen = request_.frozen;
  if (!dense()) setup.counts.resize(setup.outputs.size());
  for (const std::int64_t index : dense() ? std::vector<std::int64_t>{} : cases)
    ++setup.counts[static_cast<std::size_t>(class_number(reader_->summary(index), record_.target, kChosen))];
  Trained trained;
  trained.task = recipe_.task.make(setup);
  if (initial_) {
    trained.initial = initial_->start(trained.task->weights(), {request_.init_decoder, request_.init_threshold}).text();
  }
  data::StoreDatasetOptions options;
  options.seed = static_cast<std::uint64_t>(recipe_.data.seed);
  options.cases = cases;
  options.channels = record_.channels;
  options.read_labels = options.keep_locations = dense();
  options.skip_damaged = recipe_.data.skip_damaged();
  const auto views = view_maker(trained.task->views());
  data::LoaderOptions loading{.batch_size = batch_size_, .workers = static_cast<int>(recipe_.data.workers)};
  loading.rank = comm_.rank();
  loading.ranks = comm_.size();
  loading.batch_maker = batch_maker_on(recipe_.data.views_on, device_, views);
  options.only_draw = loading.batch_maker != nullptr;
  const auto samples = std::make_shared<data::StoreDataset>(reader_, views, options);
  data::Loader loader(samples, loading);
  std::map<std::string, std::string> facts = facts_of(record_);
  facts["init"] = initial_fact(initial_.get());
  if (folder == request_.out && comm_.rank() == 0)  // a candidate's folder is a part of this run and none of its own
    write_record(
        folder, record_,
        {{"device", device_.str()}, {"threads", std::to_string(threads_)}, {"ranks", std::to_string(comm_.size())}});
  trained.fit = train::fit(
      *trained.task, loader, recipe_.trainer,
      {.folder = folder, .facts = std::move(facts), .limits = request_.limits, .defaults = recipe_.defaults()}, device_,
      comm_);
  if (request_.limits.updates) *request_.limits.updates -= trained.fit.updates;
  trained.left_out = samples->left_out();
  if (recipe_.trainer.ema_decay > 0 && !trained.fit.interrupted)
    runtime::transfer(train::checkpoint_weights(trained.fit.checkpoint, true), trained.task->weights(), {{}, 1.0});
  trained.task->set_training(false);
  return trained;
}

at::Tensor FinetuneRun::predict(finetune::Task& task, std::int64_t index) const {
  const store::Box whole = reader_->whole(index);
  const data::Picture picture = whole_->picture(index, {whole.begin, whole.shape});
  const train::Autocast autocast(device_, train::resolved_precision(recipe_.trainer.precision, device_));
  return predict_case(task, data::image_of(picture));
}

}  // namespace pipelines
