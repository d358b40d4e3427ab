#pragma once
// What a study compares: arms, which differ in how their encoder began, at budgets of labelled cases, over draws of
// which cases these are. One YAML file:
//
//   study: {task: segmentation, arms: [mae], claimed: mae, budgets: ["4", "8", all], draws: 5}
//   pretrain: {trainer: {steps: 800}}          # of all pretrained arms
//   finetune: {trainer: {steps: 400}}          # of all arms
//   arms: {mae: {pretrain: {method: {hidden: 0.6}}}}
//
// Each arm gets the same steps and the same search of the learning rate: settings of an arm that would change them are
// refused.

#include <cstdint>
#include <string>
#include <tuple>
#include <vector>

#include "core/config.h"

namespace pipelines {

struct StudySettings {
  std::string task = "segmentation", target = "class";
  std::vector<std::string> arms{"mae"};
  std::string claimed;
  std::vector<std::string> budgets{"4", "8", "16", "all"};
  std::int64_t draws = 5, pretraining_seeds = 2, folds = 1;
  std::vector<double> learning_rates{2e-3, 5e-3};
  std::string train_set = "train", test_set = "test";
  double tolerance_mm = 1.0, minutes_per_case = 0;

  static constexpr auto fields() {
    using core::field;
    using core::Range;
    using S = StudySettings;
    return std::tuple{
        field("task", &S::task, "segmentation (from label maps) or classification (from a scalar)"),
        field("target", &S::target, "of a classification: the scalar that says a case's class"),
        field("arms", &S::arms, "what is compared with training from scratch: names of methods, or of entries of arms"),
        field("claimed", &S::claimed,
              "the arm whose result will be claimed, recorded before a test case is scored; the others are "
              "exploratory. Empty: all are"),
        field("budgets", &S::budgets, "numbers of labelled cases: counts, shares as 25%, or all"),
        field("draws", &S::draws, "times that the labelled cases are drawn anew; 5 or more at few labels",
              Range{1, 1000}),
        field("pretraining_seeds", &S::pretraining_seeds, "pretrainings of each arm; draws take turns with them",
              Range{1, 100}),
        field("learning_rates", &S::learning_rates,
              "tried inside the labelled cases, the best one trains on all of them; the same for all arms",
              Range{1e-8, 99}),
        field("folds", &S::folds, "times that this is done, with others held back", Range{1, 4}),
        field("train_set", &S::train_set, "set of the split that is learned from, without labels and with"),
        field("test_set", &S::test_set, "set of the split that is scored"),
        field("tolerance_mm", &S::tolerance_mm, "of surface Dice", Range{1e-6, 1000}),
        field("minutes_per_case", &S::minutes_per_case, "an expert needs to label a case; 0: hours are not told",
              Range{0, 1e5}),
    };
  }
};

struct StudyArm {
  std::string name;
  std::vector<core::Setting> pretrain, finetune;  // of the arm, those of all arms included
  bool pretrained() const;                        // all but "scratch"
};

struct StudyPlan {
  StudySettings settings;
  std::vector<StudyArm> arms;  // scratch first
};

inline constexpr const char* kScratch = "scratch";

// Of the file and then --set. Throws usage Error: a key nobody knows (naming the nearest), no arm, an arm that has
// steps or learning rates of its own, a claimed arm that is none, a budget that is no number.
StudyPlan study_plan(const std::vector<core::Setting>& settings);

// "8" of 200 is 8, "25%" is 50 (rounded, at least 1), "all" is 200. Throws usage Error for what is no number or more
// than there are.
std::int64_t budget_of(const std::string& word, std::int64_t available);

// "key=[a, b]", as --set takes it.
std::string argument_of(const core::Setting& setting);

}  // namespace pipelines
