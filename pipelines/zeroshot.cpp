// gadolin zeroshot: classes told in words, by a run that has learned to match pictures with reports.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "augment/recipes.h"
#include "core/files.h"
#include "core/log.h"
#include "core/progress.h"
#include "data/store_dataset.h"
#include "evaluate/ranking.h"
#include "pipelines/case_windows.h"
#include "pipelines/class_number.h"
#include "pipelines/class_predictions.h"
#include "pipelines/command.h"
#include "pipelines/prepared_store.h"
#include "pipelines/restored_method.h"
#include "pipelines/split.h"
#include "pipelines/view_maker.h"
#include "runtime/device.h"
#include "ssl/image_text.h"

namespace pipelines {
namespace {

struct ZeroshotRequest {
  std::string store, init, out, device = "auto", target = "class", split, set = "test";
  std::vector<std::string> prompts;
  int threads = 0;
  std::int64_t batch_size = 4;
};

struct PromptedClass {
  std::string name;
  std::vector<std::string> prompts;
};

bool is_number(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// Class 0, 1, ... in the order they are first named; where all names are numbers, those are the classes.
std::vector<PromptedClass> classes_of(const std::vector<std::string>& prompts) {
  static const std::string kHint = "--prompt \"well=no enlarged spleen\" --prompt \"ill=an enlarged spleen\"";
  std::vector<PromptedClass> classes;
  for (const std::string& prompt : prompts) {
    const std::size_t sign = prompt.find('=');
    if (sign == std::string::npos || sign == 0 || sign + 1 == prompt.size())
      throw core::usage_error("a prompt is CLASS=TEXT", kHint);
    const std::string name = prompt.substr(0, sign);
    auto found = std::find_if(classes.begin(), classes.end(), [&](const auto& each) { return each.name == name; });
    if (found == classes.end()) found = classes.insert(classes.end(), PromptedClass{name, {}});
    found->prompts.push_back(prompt.substr(sign + 1));
  }
  if (classes.size() < 2)
    throw core::usage_error("there is only one class: a case is scored against the other classes", kHint);
  if (!std::all_of(classes.begin(), classes.end(), [](const auto& each) { return is_number(each.name); }))
    return classes;
  std::vector<PromptedClass> in_order;
  for (std::size_t k = 0; k < classes.size(); ++k) {
    const auto found =
        std::find_if(classes.begin(), classes.end(), [&](const auto& each) { return each.name == std::to_string(k); });
    if (found == classes.end())
      throw core::usage_error("class " + std::to_string(k) + " has no prompt",
                              "classes that are numbers are 0, 1, 2 ..., as --target counts them; or give them names");
    in_order.push_back(*found);
  }
  return in_order;
}

ssl::ImageTextSpace& space_of(const RestoredMethod& restored) {
  if (auto* const space = dynamic_cast<ssl::ImageTextSpace*>(restored.method.get())) return *space;
  throw core::usage_error("this run was pretrained by " + restored.name + ", which reads no text",
                          "pretrain on a store with reports: gadolin pretrain PREPARED --set method.name=clip");
}

// [classes, C], rows of length 1: of each class the mean of its prompts.
at::Tensor class_rows(ssl::ImageTextSpace& space, const std::vector<PromptedClass>& classes) {
  std::vector<at::Tensor> rows;
  for (const PromptedClass& each : classes) rows.push_back(space.text_rows(each.prompts).mean(0).to(at::kCPU));
  const at::Tensor all = at::stack(rows);
  return all / all.norm(2, {1}, /*keepdim=*/true).clamp_min(1e-8);
}

std::optional<int> truth_of(const store::CaseSummary& summary, const std::string& target) {
  if (!summary.scalars.contains(target)) return std::nullopt;
  return static_cast<int>(class_number(summary, target, "by --target"));
}

// Every case, its probability of each class.
std::vector<ClassifiedCase> scored(const ZeroshotRequest& request, const PreparedStore& store, const Split& split,
                                   const std::vector<std::int64_t>& cases, const RestoredMethod& restored,
                                   const at::Tensor& classes, const c10::Device& device) {
  ssl::ImageTextSpace& space = space_of(restored);
  const models::Extent& patch = restored.record.patch;
  data::StoreDatasetOptions options;
  options.channels = restored.record.channels;
  options.read_labels = false;
  options.shuffle = false;
  const data::StoreDataset dataset(store.reader, view_maker({augment::centre({patch[0], patch[1], patch[2]})}),
                                   options);
  core::Progress progress("zeroshot", "cases", static_cast<std::int64_t>(cases.size()));
  std::vector<ClassifiedCase> all;
  for (const std::int64_t index : cases) {
    const store::CaseSummary& summary = store.reader->summary(index);
    all.push_back(core::with_context("zeroshot case " + summary.id, [&] {
      const at::Tensor image = data::image_of(dataset.picture(index, {{0, 0, 0}, summary.shape}));
      const at::Tensor row =
          mean_over_windows(covering_windows(image, patch), request.batch_size,
                            [&](const at::Tensor& windows) { return space.image_rows(windows.to(device)); });
      const at::Tensor cosines = classes.mv(row / row.norm().clamp_min(1e-8));
      const at::Tensor chances = (cosines.to(at::kDouble) * space.scale()).softmax(0);
      const double* const values = chances.data_ptr<double>();
      return ClassifiedCase{summary.id,
                            patient_of(split, summary),
                            truth_of(summary, request.target),
                            {values, values + chances.numel()}};
    }));
    progress.advance();
  }
  return all;
}

std::string told(const evaluate::Interval& interval) {
  const std::string value = core::fixed(interval.value, 4);
  if (std::isnan(interval.low)) return value;
  return fmt::format("{} [{}, {}]", value, core::fixed(interval.low, 4), core::fixed(interval.high, 4));
}

void tell(const ZeroshotRequest& request, const std::vector<PromptedClass>& classes,
          const std::vector<ClassifiedCase>& cases) {
  std::vector<ClassifiedCase> known;
  std::vector<std::int64_t> chosen(classes.size()), there(classes.size());
  for (const ClassifiedCase& one : cases) {
    const auto k = evaluate::most_probable(one.probabilities, static_cast<int>(classes.size())).front();
    ++chosen[static_cast<std::size_t>(k)];
    if (!one.truth) continue;
    known.push_back(one);
    if (*one.truth < static_cast<int>(classes.size())) ++there[static_cast<std::size_t>(*one.truth)];
  }
  core::Table table{{"class", "name", "prompts", "cases given it"}, {}};
  if (!known.empty()) table.columns.push_back("cases that are");
  for (std::size_t k = 0; k < classes.size(); ++k) {
    table.add([&] {
      std::vector<std::string> row{std::to_string(k), classes[k].name, std::to_string(classes[k].prompts.size()),
                                   std::to_string(chosen[k])};
      if (!known.empty()) row.push_back(std::to_string(there[k]));
      return row;
    }());
  }
  fmt::print("{}", core::to_text(table));
  if (known.empty()) {
    fmt::print("no case tells its {} (--target): there is nothing to compare with\n", request.target);
    return;
  }
  const ClassSummary summary = class_summary(known, {});
  const core::Table scores{
      {"auc", "balanced accuracy", "accuracy", "cases"},
      {{told(summary.auc), told(summary.balanced_accuracy), told(summary.accuracy), std::to_string(known.size())}}};
  fmt::print("{}", core::to_text(scores));
}

core::Exit zeroshot(const ZeroshotRequest& request) {
  const at::NoGradGuard no_gradient;
  const std::vector<PromptedClass> classes = classes_of(request.prompts);
  const c10::Device device = runtime::device_named(request.device);
  runtime::set_threads(request.threads);
  const PreparedStore store = open_prepared(request.store);
  const Split split = request.split.empty() ? Split() : read_split(request.split);
  std::vector<std::int64_t> cases;
  if (request.split.empty()) {
    for (std::int64_t i = 0; i < store.reader->size(); ++i) cases.push_back(i);
  } else {
    cases = cases_of(split, request.set, *store.reader);
  }
  const RestoredMethod restored = restore_method(request.init, device, store.reader->size());
  ssl::ImageTextSpace& space = space_of(restored);
  if (restored.record.plan != store.reader->plan_yaml())
    core::log_warn("the run was trained on a store with another plan than " + request.store);
  const auto found = scored(request, store, split, cases, restored, class_rows(space, classes), device);
  const core::Table table = class_table(found, classes.size());
  if (request.out.empty()) {
    fmt::print("{}", core::to_text(table));
  } else {
    core::publish_file(request.out, std::string_view(core::to_csv(table)));
    fmt::print("zeroshot: {} cases; {}\n", found.size(), request.out);
  }
  tell(request, classes, found);
  return core::Exit::kDone;
}

std::function<core::Exit()> attach(CLI::App& app) {
  auto request = std::make_shared<ZeroshotRequest>();
  app.add_option("store", request->store, "prepared store")->type_name("STORE")->required();
  app.add_option("--init", request->init, "checkpoint file, or the folder of a run: its newest; of method clip")
      ->type_name("CHECKPOINT")
      ->required();
  app.add_option(
         "--prompt", request->prompts,
         "a class and how a report would tell of it; several of one class are averaged. Classes count 0, 1, ... "
         "in the order they are first named")
      ->type_name("CLASS=TEXT")
      ->allow_extra_args(false)
      ->required();
  app.add_option(
         "--out", request->out,
         "table case,patient,truth,p0,p1,... to be written (gadolin evaluate reads it); without it, it is shown")
      ->type_name("FILE");
  app.add_option("--target", request->target, "scalar of the store that says a case's class, where it is known")
      ->capture_default_str();
  app.add_option("--split", request->split, "table with columns case and set; only the cases of --test-set")
      ->type_name("FILE");
  app.add_option("--test-set", request->set, "set of the split")->capture_default_str();
  app.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request->threads, "torch's threads; 0: as many as torch likes")
      ->check(CLI::Range(0, 4096));
  app.add_option("--batch", request->batch_size, "windows at once")->check(CLI::Range(1, 65536))->capture_default_str();
  return [request] { return zeroshot(*request); };
}

}  // namespace

extern const Command zeroshot_command;
const Command zeroshot_command{
    "zeroshot", "classes told in words, by a run that matched pictures with reports",
    "  gadolin zeroshot PREPARED --init RUN --prompt 'well=The spleen is of normal size.' \\\n"
    "      --prompt 'ill=The spleen is enlarged.' --prompt 'ill=Splenomegaly.' --out scores.csv\n"
    "  gadolin zeroshot PREPARED --init RUN --prompt '0=No focal liver lesion.' --prompt '1=Liver mass.' \\\n"
    "      --target class --split split.csv\n"
    "The probability of a class is the softmax of the cosines between the case (the mean over windows that cover it)\n"
    "and the classes' prompts, times the scale that the run has learned.",
    attach};

}  // namespace pipelines
