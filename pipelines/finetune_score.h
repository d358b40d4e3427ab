#pragma once
// How a fine-tuned network does on cases whose labels are known: while a learning rate is chosen, and on the test
// cases.

#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "core/stop_signal.h"
#include "evaluate/bootstrap.h"
#include "evaluate/scores.h"
#include "pipelines/class_predictions.h"
#include "pipelines/finetune_run.h"

namespace pipelines {

// For choosing, higher is better: mean Dice over cases and labels, or the mean probability of the true class.
const char* choice_score_name(bool dense);
double choice_score(const FinetuneRun& run, finetune::Task& task, const std::vector<std::int64_t>& cases);

// One of the two is filled.
struct TestScores {
  std::vector<evaluate::CaseScores> segmented;
  std::vector<ClassifiedCase> classified;
  bool interrupted = false;  // then neither is complete
};

// Of every test case in the grid it was prepared in; written to scores.csv or predictions.csv, and read from there when
// they were written before.
TestScores score_test_cases(const FinetuneRun& run, finetune::Task& task, const core::StopSignal& stop);

// Of a segmentation: the worst, the median and the best test case by mean Dice, truth above prediction, as
// pictures/1-worst.png ... in the run's folder. Nothing when they are there already.
void write_case_pictures(const FinetuneRun& run, finetune::Task& task, const TestScores& scores);

struct NamedInterval {
  std::string name;
  evaluate::Interval interval;
};
// What is told first: mean Dice, or AUC and balanced accuracy. Intervals over patients.
std::vector<NamedInterval> headline(const FinetuneRun& run, const TestScores& scores);
// {"cases", "patients", "mean": {name: {value, low, high}}, "labels": [...]} of summary.json.
boost::json::object summary_of(const FinetuneRun& run, const TestScores& scores);

}  // namespace pipelines
