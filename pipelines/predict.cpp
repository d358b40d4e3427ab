// gadolin predict: a fine-tuned network on new cases; label maps on the grid the images came on.
#include <c10/util/Exception.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>

#include "core/files.h"
#include "core/hash.h"
#include "core/log.h"
#include "core/progress.h"
#include "core/stop_signal.h"
#include "pipelines/case_source.h"
#include "pipelines/class_predictions.h"
#include "pipelines/command.h"
#include "pipelines/predict_case.h"
#include "pipelines/probability_cache.h"
#include "prepare/apply.h"
#include "runtime/device.h"
#ifdef GADOLIN_HAS_IMAGING
#include "io/format.h"
#endif

namespace pipelines {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

struct PredictRequest {
  std::string checkpoint, source, out, cache, device = "auto", split, set = "test", layout = "auto";
  std::vector<std::string> cases;
  PredictOptions options;
  int threads = 0;
  bool again = false, json = false;
};

// A row of predict_report.csv: what became of a case, made from which data.
struct Told {
  std::string status, message, data;  // done, present, failed, left
};

bool is_there(const Told& told) { return told.status == "done" || told.status == "present"; }

// What is in the folder already, and what this call adds.
class PredictionFolder {
 public:
  PredictionFolder(const PredictRequest& request, json::object key) : folder_(request.out) {
    const fs::path file = folder_ / "predict.json";
    if (fs::exists(file) && !request.again) {
      const json::value there = json::parse(core::read_text(file));
      if (there.is_object() && there.as_object() == key) {
        read();
      } else {
        throw core::usage_error(folder_.string() + " holds predictions of another network or with other options",
                                "another --out, or --again to replace them");
      }
    }
    core::publish_file(file, std::string_view(json::serialize(key) + "\n"));
  }

  fs::path label_map(const std::string& id) const {
    std::string name = id;
    for (char& c : name)
      if (c == '/' || c == '\\') c = '_';
    return folder_ / (name + ".nii.gz");
  }
  // Already predicted from the same data.
  bool has(const std::string& id, const std::string& data, bool dense) const {
    const auto found = told_.find(id);
    if (found == told_.end() || !is_there(found->second) || found->second.data != data) return false;
    return dense ? fs::exists(label_map(id)) : classes_.count(id) != 0;
  }
  void tell(const std::string& id, Told told) { told_[id] = std::move(told); }
  void tell_class(ClassifiedCase one) { classes_[one.id] = std::move(one); }
  const std::map<std::string, Told>& told() const { return told_; }

  void write(bool dense, std::size_t classes) {
    core::Table report{{"case", "status", "message", "data"}, {}};
    for (const auto& [id, told] : told_) report.add({id, told.status, told.message, told.data});
    if (!dense) {
      std::vector<ClassifiedCase> rows;
      for (const auto& [id, one] : classes_) rows.push_back(one);
      core::publish_file(folder_ / "predictions.csv", std::string_view(core::to_csv(class_table(rows, classes))));
    }
    core::publish_file(folder_ / "predict_report.csv", std::string_view(core::to_csv(report)));
    written_ = Clock::now();
  }
  // Now and then, so that a killed run loses little.
  void maybe_write(bool dense, std::size_t classes) {
    if (Clock::now() - written_ > std::chrono::seconds(10)) write(dense, classes);
  }

 private:
  void read() {
    if (!fs::exists(folder_ / "predict_report.csv")) return;
    const core::Table table = core::read_csv(folder_ / "predict_report.csv");
    const std::size_t id = table.column("case"), status = table.column("status"), message = table.column("message"),
                      data = table.column("data");
    for (const auto& row : table.rows) told_[row[id]] = {row[status], row[message], row[data]};
    if (!fs::exists(folder_ / "predictions.csv")) return;
    for (ClassifiedCase& one : classes_from(core::read_csv(folder_ / "predictions.csv"))) tell_class(std::move(one));
  }

  fs::path folder_;
  std::map<std::string, Told> told_;
  std::map<std::string, ClassifiedCase> classes_;
  Clock::time_point written_ = Clock::now();
};

class PredictRun {
 public:
  explicit PredictRun(const PredictRequest& request) : request_(request) {
    runtime::set_threads(request.threads);
    const fs::path checkpoint = checkpoint_at(request.checkpoint);
    weights_ = core::sha256_file_hex(checkpoint);
    source_ = open_cases(request.source, request.layout);
    asked_ = cases_asked_for(*source_, request.cases, request.split, request.set);
    predictor_.emplace(restore_task(checkpoint, runtime::device_named(request.device)), source_->plan_yaml(),
                       request.options);
    check_where_it_goes();
    folder_.emplace(request, key());
    if (!request.cache.empty()) cache_.emplace(request.cache);
  }

  // True when a signal ended it early.
  bool all() {
    const core::StopSignal stop;
    core::Progress progress("predict", "cases", static_cast<std::int64_t>(asked_.size()));
    bool stopped = false;
    for (const std::size_t at : asked_) {
      stopped = stopped || stop.asked();
      const std::string& id = source_->cases()[at].id;
      if (!stopped) {
        take(at);
        progress.advance();
      } else if (folder_->told().count(id) == 0 || !is_there(folder_->told().at(id))) {
        folder_->tell(id, {"left", "", ""});
      }
      folder_->maybe_write(dense(), classes());
    }
    folder_->write(dense(), classes());
    return stopped;
  }

  std::map<std::string, std::int64_t> counts() const {
    std::map<std::string, std::int64_t> counts{{"done", 0}, {"present", 0}, {"failed", 0}, {"left", 0}};
    for (const std::size_t at : asked_) ++counts[folder_->told().at(source_->cases()[at].id).status];
    return counts;
  }

 private:
  bool dense() const { return predictor_->dense(); }
  std::size_t classes() const { return static_cast<std::size_t>(predictor_->outputs()); }

  void check_where_it_goes() const {
    if (!dense() && !request_.cache.empty())
      throw core::usage_error("--cache is for label maps", "predictions.csv has all there is of a classification");
#ifndef GADOLIN_HAS_IMAGING
    if (dense() && request_.cache.empty())
      throw core::usage_error("this build cannot write NIfTI", "--cache FILE.h5 keeps labels and probabilities");
#endif
  }

  json::object key() const {
    json::object labels;
    for (const auto& [label, name] : predictor_->record().label_names) labels[std::to_string(label)] = name;
    return {{"weights", weights_},
            {"options", predictor_->options_text()},
            {"plan", core::sha256_hex(std::string_view(predictor_->record().plan))},
            {"labels", labels}};
  }

  // A bad case is a row.
  void take(std::size_t at) {
    const KnownCase& known = source_->cases()[at];
    std::string data;
    try {
      data = source_->hash(at);
      if (folder_->has(known.id, data, dense())) return folder_->tell(known.id, {"present", "", data});
      core::with_context("case " + known.id, [&] { dense() ? segment(at, data) : classify(at); });
      folder_->tell(known.id, {"done", "", data});
    } catch (const core::Error& error) {
      failed(known.id, error, data);
    } catch (const std::bad_alloc&) {
      failed(known.id, core::Error("case " + known.id + ": out of memory", "a machine with more is needed"), data);
    } catch (const c10::OutOfMemoryError&) {
      failed(known.id, core::Error("case " + known.id + ": out of GPU memory", "--batch 1, or --device cpu"), data);
    }
  }

  void failed(const std::string& id, const core::Error& error, const std::string& data) {
    core::log_warn(error.what());
    folder_->tell(id, {"failed", error.what(), data});
  }

  void segment(std::size_t at, const std::string& data) {
    volume::Case given = source_->load(at);
    const volume::Grid original{given.reference().geometry, given.reference().shape()};
    const std::string id = given.id;
    const CacheKey key{weights_, data, predictor_->options_text()};
    std::optional<volume::Volume> labels;
    if (cache_ && !request_.again) labels = cache_->labels(key);
    if (!labels) {
      const volume::Case prepared = predictor_->prepared(std::move(given));
      std::vector<std::uint8_t> probabilities;
      labels = predictor_->segment(prepared, cache_ ? &probabilities : nullptr);
      if (cache_) cache_->keep(key, id, probabilities, predictor_->outputs(), *labels);
    }
#ifdef GADOLIN_HAS_IMAGING
    io::write_image(folder_->label_map(id), prepare::label_map_to(original, *labels));
#endif
  }

  void classify(std::size_t at) {
    const KnownCase& known = source_->cases()[at];
    ClassifiedCase one{known.id, known.patient, std::nullopt, {}};
    const auto truth = known.scalars.find(predictor_->record().target);
    if (truth != known.scalars.end() && truth->second == std::floor(truth->second))
      one.truth = static_cast<int>(truth->second);
    one.probabilities = predictor_->classify(predictor_->prepared(source_->load(at)));
    folder_->tell_class(std::move(one));
  }

  const PredictRequest& request_;
  std::string weights_;
  std::unique_ptr<CaseSource> source_;
  std::vector<std::size_t> asked_;
  std::optional<CasePredictor> predictor_;
  std::optional<PredictionFolder> folder_;
  std::optional<ProbabilityCache> cache_;
};

core::Exit predict(const PredictRequest& request) {
  const auto start = Clock::now();
  PredictRun run(request);
  const bool stopped = run.all();
  auto counts = run.counts();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (request.json) {
    json::object all;
    for (const auto& [status, count] : counts) all[status] = count;
    all["seconds"] = seconds;
    std::printf("%s\n", json::serialize(all).c_str());
  } else {
    std::string line = "predict: " + std::to_string(counts["done"]) + " cases done";
    if (counts["present"] > 0) line += ", " + std::to_string(counts["present"]) + " already there";
    if (counts["failed"] > 0) line += ", " + std::to_string(counts["failed"]) + " failed";
    if (counts["left"] > 0) line += ", " + std::to_string(counts["left"]) + " left for the next run";
    std::printf("%s; %s\n", line.c_str(), core::duration_text(seconds).c_str());
    if (counts["failed"] > 0) std::printf("why: %s/predict_report.csv\n", request.out.c_str());
  }
  if (stopped && counts["left"] > 0) return core::Exit::kInterrupted;
  if (counts["done"] + counts["present"] == 0) return core::Exit::kNothingUsable;
  return counts["failed"] > 0 ? core::Exit::kSomeFailed : core::Exit::kDone;
}

std::function<core::Exit()> attach_predict(CLI::App& app) {
  auto request = std::make_shared<PredictRequest>();
  app.add_option("CHECKPOINT", request->checkpoint, "of gadolin finetune, or the folder of its run")->required();
  app.add_option("SOURCE", request->source, "store, raw or prepared; or a folder, table or image")->required();
  app.add_option("--out", request->out, "folder for ID.nii.gz or predictions.csv")->required()->type_name("DIR");
  app.add_option("--cache", request->cache, "keep probabilities here, and take them from here")->type_name("FILE.h5");
  app.add_option("--device", request->device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--threads", request->threads, "of torch; 0 = as it chooses")->capture_default_str();
  app.add_option("--cases", request->cases, "only these")->delimiter(',')->type_name("ID");
  app.add_option("--split", request->split, "table with columns case and set; only the cases of --test-set");
  app.add_option("--test-set", request->set, "set of the split")->capture_default_str();
  app.add_option("--layout", request->layout, "how the source is laid out, when it is no store")->capture_default_str();
  app.add_option("--overlap", request->options.overlap, "share of a window that its neighbour covers")
      ->check(CLI::Range(0.0, 0.95))
      ->capture_default_str();
  app.add_option("--mirror", request->options.mirror, "average over mirrorings of these axes: 0 d, 1 h, 2 w")
      ->delimiter(',')
      ->check(CLI::Range(0, 2))
      ->type_name("AXIS");
  app.add_option("--batch", request->options.batch, "windows at once; 0 = 1 on a CPU, 4 on a GPU")
      ->capture_default_str();
  app.add_option("--precision", request->options.precision, "fp32, bf16, fp16 or auto; default: that of the training")
      ->check(CLI::IsMember({"fp32", "bf16", "auto"}));
  app.add_flag("--again", request->again, "predict also what is there already");
  app.add_flag("--json", request->json, "the summary as JSON on stdout");
  return [request] { return predict(*request); };
}

}  // namespace

extern const Command predict_command;
const Command predict_command{"predict", "a fine-tuned network on new cases",
                              "  gadolin predict runs/liver images/ --out predictions/\n"
                              "  gadolin predict runs/liver raw.store --out predictions/ --split split.csv\n"
                              "  gadolin predict runs/grade cases.csv --out grades/ --device cuda\n",
                              attach_predict};

}  // namespace pipelines
