#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <set>

#include "core/files.h"
#include "core/table.h"
#include "in_process.h"
#include "prepared_store.h"

namespace {

namespace fs = std::filesystem;

// A folder for all tests of the suite, with the store in it and a short segmentation run that the others look at.
class Finetune : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / ("gadolin_finetune_" + std::to_string(getpid()));
    fs::create_directories(root_);
    prepared::make_store(root_ / "store", 10);
    first_ = run("first", "--task segmentation --labels 4 --set trainer.steps=60");
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static Outcome run(const std::string& out, const std::string& arguments, const std::string& store = "store") {
    return gadolin_in_process("finetune " + (root_ / store).string() + " --out " + (root_ / out).string() +
                              " --threads 1 " +
                              "--set encoder.base=4 --set encoder.blocks=[1,1] --set trainer.warmup_steps=5 " +
                              "--set trainer.precision=fp32 --set data.workers=1 " + arguments);
  }
  static boost::json::object summary(const std::string& out) {
    return boost::json::parse(core::read_text(root_ / out / "summary.json")).as_object();
  }
  static std::set<std::string> labelled(const std::string& out, const std::string& column) {
    const core::Table table = core::read_csv(root_ / out / "labelled.csv");
    std::set<std::string> cells;
    for (const auto& row : table.rows) cells.insert(row[table.column(column)]);
    return cells;
  }

  static inline fs::path root_;
  static inline Outcome first_;
};

}  // namespace

TEST_F(Finetune, FromScratchFindsTheOrgansOfItsTestCases) {
  ASSERT_EQ(first_.exit, 0) << first_.out;
  const auto all = summary("first");
  const auto& dice = all.at("test").at("mean").at("dice");
  EXPECT_GT(dice.at("value").to_number<double>(), 0.5) << first_.out;
  EXPECT_LE(dice.at("low").to_number<double>(), dice.at("value").to_number<double>());
  EXPECT_EQ(all.at("init").as_string(), "scratch");
  EXPECT_EQ(all.at("labels").to_number<int>(), 4);
  EXPECT_EQ(all.at("test").at("labels").as_array().size(), 2u);
  EXPECT_NE(first_.out.find("next: gadolin report"), std::string::npos);

  const core::Table scores = core::read_csv(root_ / "first" / "scores.csv");
  EXPECT_EQ(scores.columns, (std::vector<std::string>{"case", "patient", "label", "name", "dice", "surface_dice",
                                                      "hd95_mm", "assd_mm"}));
  EXPECT_EQ(scores.rows.size(), 2 * all.at("test").at("cases").to_number<std::size_t>());
  for (const char* name : {"checkpoint-60.gadolin", "metrics.csv", "resolved.yaml", "run.json", "split.csv"})
    EXPECT_TRUE(fs::exists(root_ / "first" / name)) << name;
}

TEST_F(Finetune, TakesWholePatientsAndNoneThatIsTested) {
  EXPECT_EQ(labelled("first", "case").size(), 4u);
  EXPECT_EQ(labelled("first", "patient").size(), 2u);
  const core::Table scores = core::read_csv(root_ / "first" / "scores.csv");
  for (const auto& row : scores.rows) EXPECT_FALSE(labelled("first", "patient").contains(row[1])) << row[1];
}

TEST_F(Finetune, DoesNothingTwiceAndRefusesOtherArgumentsInItsFolder) {
  const std::string before = core::read_text(root_ / "first" / "scores.csv");
  const Outcome again = run("first", "--task segmentation --labels 4 --set trainer.steps=60");
  EXPECT_EQ(again.exit, 0) << again.out;
  EXPECT_EQ(core::read_text(root_ / "first" / "scores.csv"), before);
  const Outcome other = run("first", "--task segmentation --labels 4 --draw 1 --set trainer.steps=60");
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("another draw"), std::string::npos) << other.out;
}

TEST_F(Finetune, DrawsTheSameCasesForTheSameDraw) {
  // Steps are few: only who is drawn matters. Twice the same draw through another learning rate, then another draw.
  const Outcome same = run("same", "--task segmentation --labels 4 --learning-rates 1e-3 --set trainer.steps=1");
  EXPECT_EQ(same.exit, 0) << same.out;
  EXPECT_EQ(labelled("same", "case"), labelled("first", "case"));
  std::set<std::set<std::string>> drawn{labelled("first", "case")};
  const Outcome other = run("other", "--task segmentation --labels 6 --draw 3 --set trainer.steps=1");
  EXPECT_EQ(other.exit, 0) << other.out;
  drawn.insert(labelled("other", "case"));
  EXPECT_EQ(drawn.size(), 2u);
}

TEST_F(Finetune, StartsFromARunAndKeepsItsEncoderWhenFrozen) {
  const Outcome frozen = run("frozen", "--task segmentation --labels 2 --mode frozen --set trainer.steps=2 --init " +
                                           (root_ / "first").string());
  ASSERT_EQ(frozen.exit, 0) << frozen.out;
  const auto all = summary("frozen");
  EXPECT_EQ(all.at("mode").as_string(), "frozen");
  EXPECT_EQ(all.at("init_sha256").as_string().size(), 64u);
  const std::string initial(all.at("initial").as_string());
  EXPECT_NE(initial.find("encoder: matched"), std::string::npos) << initial;
  EXPECT_NE(initial.find("decoder: matched"), std::string::npos) << initial;
  // The trained decoder came along, so that two steps do no harm.
  EXPECT_GT(all.at("test").at("mean").at("dice").at("value").to_number<double>(), 0.4);
}

TEST_F(Finetune, RefusesACheckpointOfAnotherArchitectureWithTheList) {
  const Outcome other =
      run("wide", "--task segmentation --labels 2 --set encoder.base=6 --set trainer.steps=2 --init " +
                      (root_ / "first").string());
  EXPECT_EQ(other.exit, 3) << other.out;
  EXPECT_NE(other.out.find("skipped"), std::string::npos) << other.out;
  EXPECT_NE(other.out.find("wanted 6"), std::string::npos) << other.out;
  EXPECT_NE(other.out.find("hint: take a checkpoint of the same architecture"), std::string::npos) << other.out;
}

TEST_F(Finetune, ClassifiesWithTheLearningRateThatItsOwnLabelsPrefer) {
  const Outcome outcome =
      run("class", "--task classification --labels 8 --learning-rates 1e-7,1e-2 --set trainer.steps=120");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const auto all = summary("class");
  EXPECT_GT(all.at("test").at("mean").at("balanced_accuracy").at("value").to_number<double>(), 0.7) << outcome.out;
  ASSERT_EQ(all.at("choice").as_array().size(), 2u);
  EXPECT_EQ(all.at("learning_rate").to_number<double>(), 1e-2) << outcome.out;
  const core::Table predictions = core::read_csv(root_ / "class" / "predictions.csv");
  EXPECT_EQ(predictions.columns, (std::vector<std::string>{"case", "patient", "truth", "p0", "p1"}));
  for (const auto& row : predictions.rows) EXPECT_NEAR(std::stod(row[3]) + std::stod(row[4]), 1, 1e-5);
}

TEST_F(Finetune, UpdatesOfACallCountOverAllItsTrainingsAndSettingsAreComparedByTheirValues) {
  const std::string arguments =
      "--task classification --labels 4 --learning-rates 1e-3,1e-2 --set trainer.steps=4 --set trainer.warmup_steps=1";
  const Outcome first = run("calls", arguments + " --steps 6");
  EXPECT_EQ(first.exit, 5) << first.out;
  EXPECT_NE(first.out.find("the same command goes on"), std::string::npos) << first.out;
  EXPECT_TRUE(fs::exists(root_ / "calls/choice/0.001-fold0/score.json"));
  EXPECT_FALSE(fs::exists(root_ / "calls/choice/0.01-fold0/score.json"));
  const Outcome second = run("calls", arguments + " --steps 2");  // all of the second candidate, none of the last
  EXPECT_EQ(second.exit, 5) << second.out;
  EXPECT_TRUE(fs::exists(root_ / "calls/choice/0.01-fold0/score.json"));
  EXPECT_FALSE(fs::exists(root_ / "calls/checkpoint-1.gadolin"));
  // What a setting's help said, and settings that came later, are no other settings.
  auto request = boost::json::parse(core::read_text(root_ / "calls/request.json")).as_object();
  std::string config(request.at("config").as_string());
  const std::size_t line = config.find("  best_by:");
  ASSERT_NE(line, std::string::npos) << config;
  config.erase(line, config.find('\n', line) + 1 - line);
  request.at("config") = config + "# written by an older version\n";
  core::publish_file(root_ / "calls/request.json", std::string_view(boost::json::serialize(request)));
  const Outcome third = run("calls", arguments + " --steps 4");
  EXPECT_EQ(third.exit, 0) << third.out;
  const Outcome other = run("calls", arguments + " --set trainer.beta1=0.8");
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("another trainer.beta1: 0.9 there, 0.8 here"), std::string::npos) << other.out;
}

TEST_F(Finetune, TellsWhatIsWrongWithItsArguments) {
  const std::map<std::string, std::string> wrong{
      {"--task segmentatoin", "did you mean segmentation"},
      {"--task segmentation --labels 99", "99 labelled cases are asked for"},
      {"--task segmentation --test-set validation", "it has"},
      {"--task classification --target klass", "choose one with --target"},
      {"--task segmentation --set trainer.stepz=3", "trainer.steps"},
      {"--task segmentation --init nowhere", "give a file checkpoint-N.gadolin"},
      {"--task segmentation --mode half", "see gadolin finetune --help"},
  };
  for (const auto& [arguments, hint] : wrong) {
    const Outcome outcome = run("wrong", arguments);
    EXPECT_EQ(outcome.exit, 2) << arguments << outcome.out;
    EXPECT_NE(outcome.out.find(hint), std::string::npos) << arguments << outcome.out;
  }
  EXPECT_FALSE(fs::exists(root_ / "wrong"));
}

TEST_F(Finetune, WantsAPreparedStore) {
  store::Writer writer(root_ / "raw", {});
  writer.add(prepared::one_case(0, 'a'));
  writer.commit();
  const Outcome outcome = run("raw_run", "--task segmentation", "raw");
  EXPECT_EQ(outcome.exit, 2) << outcome.out;
  EXPECT_NE(outcome.out.find("hint: gadolin prepare"), std::string::npos) << outcome.out;
}
