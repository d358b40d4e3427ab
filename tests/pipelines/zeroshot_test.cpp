#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "../scratch.h"
#include "evaluate/ranking.h"
#include "gadolin.h"
#include "pipelines/class_predictions.h"
#include "prepared_store.h"
#include "tiny_store.h"

namespace fs = std::filesystem;

namespace {

const std::string kSmall =
    " --threads 1 --device cpu --set encoder.name=resnet --set encoder.base=4 --set data.workers=1 --set "
    "data.batch_size=6"
    " --set trainer.learning_rate=0.003 --set trainer.warmup_steps=2 --set watch.pictures=0 --set watch.every_steps=0"
    " --set method.text.width=24 --set method.text.depth=1 --set method.text.heads=2 --set method.text.vocabulary=400"
    " --set method.projection_size=32 --set method.text.context=24";

// Those of class 1 are striped, and their reports say so. Of the last patient there is none.
fs::path store_with_reports(const fs::path& folder, std::int64_t patients) {
  prepare::Plan plan;
  plan.spacing_mm = {1, 1, 1};
  plan.patch = {16, 16, 16};
  plan.batch_size = 2;
  plan.channels = {{"MR", "MR", prepare::Scheme::kKeep}};
  store::WriterOptions options;
  options.plan_yaml = prepare::to_yaml(plan);
  store::Writer writer(folder, options);
  for (std::int64_t patient = 0; patient < patients; ++patient) {
    for (const char which : {'a', 'b'}) {
      volume::Case one = prepared::one_case(patient, which);
      const std::string word = patient % 2 == 1 ? "striped" : "plain";
      one.report =
          which == 'a' ? "The ground is " + word + ", Mr Canary." : "A " + word + " ground. \xC3\x84rztin: Canary.";
      if (patient + 1 == patients) one.report = "";
      writer.add(one);
    }
  }
  writer.commit();
  return folder;
}

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace

TEST(Zeroshot, TellsClassesByTheirPromptsAndNothingTellsOfAReport) {
  const Scratch folder;
  const std::string store = store_with_reports(folder / "store", 7).string(), run = (folder / "run").string();
  const Outcome trained = gadolin("pretrain " + store + " --out " + run + kSmall +
                                  " --set method.name=clip --set trainer.steps=80 --set trainer.log_every=40");
  ASSERT_EQ(trained.exit, 0) << trained.out;
  EXPECT_NE(trained.out.find("2 of 14 cases have no report and are left out"), std::string::npos) << trained.out;

  const std::string scores = (folder / "scores.csv").string();
  const Outcome asked = gadolin("zeroshot " + store + " --init " + run + " --threads 1 --out " + scores +
                                " --prompt 'plain=The ground is plain.' --prompt 'striped=A striped ground.'" +
                                " --prompt 'striped=The ground is striped.'");
  ASSERT_EQ(asked.exit, 0) << asked.out;
  EXPECT_NE(asked.out.find("balanced accuracy"), std::string::npos) << asked.out;
  const auto cases = pipelines::classes_from(core::read_csv(scores));
  ASSERT_EQ(cases.size(), 14u);
  std::vector<double> striped;
  std::vector<int> truth;
  for (const pipelines::ClassifiedCase& one : cases) {
    ASSERT_EQ(one.probabilities.size(), 2u);
    EXPECT_NEAR(one.probabilities[0] + one.probabilities[1], 1, 1e-5);
    EXPECT_EQ(one.patient.substr(0, 8), "patient-");
    striped.push_back(one.probabilities[1]);
    truth.push_back(*one.truth);
  }
  EXPECT_GE(evaluate::auc(striped, truth), 0.95);

  // The other way around: the classes change places.
  const Outcome turned = gadolin("zeroshot " + store + " --init " + run + " --threads 1 --out " + scores +
                                 " --prompt '1=The ground is plain.' --prompt '0=A striped ground.'" +
                                 " --prompt '0=The ground is striped.'");
  ASSERT_EQ(turned.exit, 0) << turned.out;
  const auto other = pipelines::classes_from(core::read_csv(scores));
  for (std::size_t i = 0; i < other.size(); ++i)
    EXPECT_NEAR(other[i].probabilities[0], cases[i].probabilities[1], 2e-6);

  for (const std::string& said : {trained.out, asked.out, turned.out, text_of(scores)})
    EXPECT_EQ(said.find("Canary"), std::string::npos) << said;
  for (const auto& file : fs::recursive_directory_iterator(run)) {
    if (file.is_regular_file()) {
      EXPECT_EQ(text_of(file.path()).find("Canary"), std::string::npos) << file.path();
    }
  }
}

TEST(Zeroshot, WhatCannotWorkIsRefusedWithWhatToDo) {
  const Scratch folder;
  tiny::prepared_store(folder / "store", 2);
  const std::string store = (folder / "store").string(), run = (folder / "run").string();
  const Outcome silent = gadolin("pretrain " + store + " --out " + run + kSmall + " --set method.name=clip");
  EXPECT_EQ(silent.exit, 2) << silent.out;
  EXPECT_NE(silent.out.find("none of the 2 cases has a report"), std::string::npos) << silent.out;
  EXPECT_NE(silent.out.find("--table"), std::string::npos) << silent.out;
  EXPECT_FALSE(fs::exists(run));

  ASSERT_EQ(gadolin("pretrain " + store + " --out " + run + tiny::kSmall + " --set trainer.steps=1").exit, 0);
  const auto refused = [&](const std::string& prompts, const std::string& word) {
    const Outcome outcome = gadolin("zeroshot " + store + " --init " + run + " " + prompts);
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    EXPECT_NE(outcome.out.find(word), std::string::npos) << outcome.out;
  };
  refused("--prompt a=one --prompt b=two", "pretrained by mae, which reads no text");
  refused("--prompt a=one", "only one class");
  refused("--prompt a=one --prompt two", "a prompt is CLASS=TEXT");
  refused("--prompt 0=one --prompt 2=two", "class 1 has no prompt");
}
