#include "pipelines/finetune_score.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>
#include <set>

#include "core/files.h"
#include "core/progress.h"
#include "core/table.h"
#include "evaluate/overlap.h"
#include "evaluate/sliding_window.h"
#include "report/montage.h"
#include "report/png.h"

namespace pipelines {
namespace {

namespace json = boost::json;

std::vector<int> labels_of(const FinetuneRun& run) {
  std::vector<int> labels;
  for (const auto& [label, name] : run.record().label_names) {
    if (label > 0) labels.push_back(label);
  }
  return labels;
}

volume::Volume truth_of(const FinetuneRun& run, std::int64_t index) {
  return run.reader().read_labels(index, run.reader().whole(index));
}

volume::Volume segment(const FinetuneRun& run, finetune::Task& task, std::int64_t index) {
  return evaluate::label_map_of(run.predict(task, index), run.reader().summary(index).geometry);
}

ClassifiedCase classify(const FinetuneRun& run, finetune::Task& task, std::int64_t index) {
  const store::CaseSummary& summary = run.reader().summary(index);
  const at::Tensor probabilities = run.predict(task, index).to(at::kDouble).contiguous();
  const double* const first = probabilities.const_data_ptr<double>();
  return {summary.id, run.patient(index), static_cast<int>(summary.scalars.at(run.record().target)),
          std::vector<double>(first, first + probabilities.numel())};
}

json::value number(double value) { return std::isfinite(value) ? json::value(value) : json::value(nullptr); }

json::object object_of(const evaluate::Interval& interval) {
  json::object object;
  object["value"] = number(interval.value);
  object["low"] = number(interval.low);
  object["high"] = number(interval.high);
  return object;
}

json::object object_of(const evaluate::LabelSummary& summary) {
  json::object object;
  object["label"] = summary.label;
  object["name"] = summary.name;
  object["cases"] = summary.cases;
  object["missed"] = summary.missed;
  object["dice"] = object_of(summary.dice);
  object["surface_dice"] = object_of(summary.surface_dice);
  object["hd95_mm"] = object_of(summary.hd95_mm);
  object["assd_mm"] = object_of(summary.assd_mm);
  return object;
}

std::vector<evaluate::LabelSummary> label_summaries(const FinetuneRun& run, const TestScores& scores) {
  return evaluate::summarise(scores.segmented, run.record().label_names);
}

double mean_dice(const evaluate::CaseScores& one) {
  const double mean = evaluate::mean_of_labels(one, &evaluate::LabelScores::dice);
  return std::isnan(mean) ? 0 : mean;
}

// The first channel that the case has, as it was prepared.
volume::Volume picture_of(const FinetuneRun& run, std::int64_t index) {
  const auto& channels = run.reader().summary(index).channels;
  std::int64_t channel = 0;
  while (!channels.at(static_cast<std::size_t>(channel)).present) ++channel;
  return run.reader().read(index, channel, run.reader().whole(index));
}

}  // namespace

void write_case_pictures(const FinetuneRun& run, finetune::Task& task, const TestScores& scores) {
  const std::filesystem::path folder = run.request().out / "pictures";
  if (scores.segmented.empty() || std::filesystem::exists(folder / "3-best.png")) return;
  std::vector<const evaluate::CaseScores*> order;
  for (const evaluate::CaseScores& one : scores.segmented) order.push_back(&one);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) { return mean_dice(*a) < mean_dice(*b); });
  const std::pair<const char*, std::size_t> chosen[] = {
      {"1-worst", 0}, {"2-median", order.size() / 2}, {"3-best", order.size() - 1}};
  for (const auto& [name, place] : chosen) {
    const std::int64_t index = *run.reader().find(order[place]->id);
    const volume::Volume truth = truth_of(run, index), predicted = segment(run, task, index);
    report::MontageOptions options;
    options.label_names = run.record().label_names;
    options.title = std::string(name + 2) + ": mean Dice " + core::fixed(mean_dice(*order[place]), 3);
    core::publish_file(folder / (std::string(name) + ".png"),
                       report::png_bytes(report::montage(picture_of(run, index), &truth, &predicted, options)));
  }
}

const char* choice_score_name(bool dense) { return dense ? "dice" : "probability of the true class"; }

double choice_score(const FinetuneRun& run, finetune::Task& task, const std::vector<std::int64_t>& cases) {
  double sum = 0;
  std::int64_t count = 0;
  for (const std::int64_t index : cases) {
    if (run.dense()) {
      const volume::Volume predicted = segment(run, task, index), truth = truth_of(run, index);
      for (const evaluate::Overlap& each : evaluate::overlaps(predicted, truth, labels_of(run))) {
        const double dice = each.dice();
        if (std::isnan(dice)) continue;
        sum += dice;
        ++count;
      }
    } else {
      const ClassifiedCase one = classify(run, task, index);
      sum += one.probabilities.at(static_cast<std::size_t>(*one.truth));
      ++count;
    }
  }
  return count > 0 ? sum / static_cast<double>(count) : 0;
}

TestScores score_test_cases(const FinetuneRun& run, finetune::Task& task, const core::StopSignal& stop) {
  TestScores scores;
  const std::filesystem::path file = run.request().out / (run.dense() ? "scores.csv" : "predictions.csv");
  if (std::filesystem::exists(file)) {
    const core::Table table = core::read_csv(file);
    if (run.dense()) {
      scores.segmented = evaluate::scores_from(table);
    } else {
      scores.classified = classes_from(table);
    }
    return scores;
  }
  core::Progress progress("score", "cases", static_cast<std::int64_t>(run.test().size()));
  const std::vector<int> labels = labels_of(run);
  for (const std::int64_t index : run.test()) {
    scores.interrupted = stop.asked();
    if (scores.interrupted) return scores;
    const std::string& id = run.reader().summary(index).id;
    core::with_context("score case " + id, [&] {
      if (run.dense()) {
        scores.segmented.push_back({id, run.patient(index),
                                    evaluate::score_labels(segment(run, task, index), truth_of(run, index), labels,
                                                           run.request().tolerance_mm, run.threads())});
      } else {
        scores.classified.push_back(classify(run, task, index));
      }
    });
    progress.advance();
  }
  const core::Table table = run.dense() ? evaluate::scores_table(scores.segmented, run.record().label_names)
                                        : class_table(scores.classified, run.record().classes.size());
  core::publish_file(file, std::string_view(core::to_csv(table)));
  return scores;
}

std::vector<NamedInterval> headline(const FinetuneRun& run, const TestScores& scores) {
  if (!run.dense()) {
    const ClassSummary summary = class_summary(scores.classified, {});
    return {{"auc", summary.auc}, {"balanced_accuracy", summary.balanced_accuracy}, {"accuracy", summary.accuracy}};
  }
  const auto summaries = label_summaries(run, scores);
  if (summaries.empty()) return {};
  return {{"dice", summaries.back().dice},
          {"surface_dice", summaries.back().surface_dice},
          {"hd95_mm", summaries.back().hd95_mm},
          {"assd_mm", summaries.back().assd_mm}};
}

json::object summary_of(const FinetuneRun& run, const TestScores& scores) {
  std::set<std::string> patients;
  for (const std::int64_t index : run.test()) patients.insert(run.patient(index));
  json::object mean;
  for (const NamedInterval& each : headline(run, scores)) mean[each.name] = object_of(each.interval);
  json::array labels;
  if (run.dense()) {
    for (const evaluate::LabelSummary& each : label_summaries(run, scores)) {
      if (each.label != 0) labels.emplace_back(object_of(each));  // 0 is the mean
    }
  }
  json::object all;
  all["cases"] = run.test().size();
  all["patients"] = patients.size();
  all["mean"] = std::move(mean);
  all["labels"] = std::move(labels);
  return all;
}

}  // namespace pipelines
