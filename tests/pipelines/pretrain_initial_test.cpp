// Chains: an encoder goes from one training to the next by --init.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <filesystem>

#include "core/files.h"
#include "in_process.h"
#include "prepared_store.h"
#include "train/checkpoint.h"

namespace {

namespace fs = std::filesystem;

// The cases of prepared_store.h with one organ of the two.
void make_other_store(const fs::path& folder) {
  prepare::Plan plan;
  plan.spacing_mm = {1, 1, 1};
  plan.patch = {16, 16, 16};
  plan.batch_size = 2;
  plan.channels = {{"MR", "MR", prepare::Scheme::kKeep}};
  store::WriterOptions options;
  options.label_names = {{1, "dark"}};
  options.plan_yaml = prepare::to_yaml(plan);
  store::Writer writer(folder, options);
  for (std::int64_t patient = 20; patient < 26; ++patient) {
    volume::Case one = prepared::one_case(patient, 'a');
    for (std::uint8_t& label : one.label_map->voxels<std::uint8_t>()) label = label == 2 ? 1 : 0;
    writer.add(one);
  }
  writer.commit();
}

// A folder for all tests of the suite: a store, and in "taught" a short segmentation run on it.
class Chain : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / ("gadolin_chain_" + std::to_string(getpid()));
    fs::create_directories(root_);
    prepared::make_store(root_ / "store", 8);
    taught_ = finetune("taught", "--labels 4 --set encoder.base=4 --set encoder.blocks=[1,1] --set trainer.steps=20");
  }
  static void TearDownTestSuite() { fs::remove_all(root_); }

  static std::string word(const std::string& name) { return (root_ / name).string(); }
  static Outcome finetune(const std::string& out, const std::string& arguments, const std::string& store = "store") {
    return gadolin_in_process("finetune " + word(store) + " --out " + word(out) +
                              " --task segmentation --threads 1 --device cpu --set trainer.warmup_steps=2"
                              " --set trainer.precision=fp32 --set data.workers=1 " +
                              arguments);
  }
  static Outcome pretrain(const std::string& out, const std::string& arguments) {
    return gadolin_in_process("pretrain " + word("store") + " --out " + word(out) +
                              " --threads 1 --device cpu --set data.workers=1 --set watch.every_steps=0"
                              " --set watch.pictures_every=0 --set trainer.warmup_steps=1 " +
                              arguments);
  }
  static runtime::Archive weights(const std::string& run) {
    return train::checkpoint_weights(train::checkpoints(root_ / run).at(0));
  }
  // The largest difference of tensors below `prefix` from the taught ones below "encoder.".
  static double from_taught(const std::string& run, const std::string& prefix) {
    const runtime::Archive before = weights("taught"), after = weights(run);
    double most = 0;
    for (const auto& [name, tensor] : before.tensors) {
      if (!name.starts_with("encoder.")) continue;
      const at::Tensor& now = after.tensors.at(prefix + name.substr(8));
      most = std::max(most, (now - tensor).abs().max().item<double>());
    }
    return most;
  }
  static std::string run_json(const std::string& run, const char* key) {
    const auto all = boost::json::parse(core::read_text(root_ / run / "run.json"));
    return std::string(all.at(key).as_string());
  }

  static inline fs::path root_;
  static inline Outcome taught_;
};

}  // namespace

TEST_F(Chain, FromSupervisedToSelfSupervisedToTheTaskTheEncoderIsHandedOn) {
  ASSERT_EQ(taught_.exit, 0) << taught_.out;
  // A learning rate of 0 shows what the first step begins with.
  const Outcome still = pretrain("still",
                                 "--set method.name=byol --set trainer.steps=1 --set trainer.learning_rate=0"
                                 " --init " +
                                     word("taught"));
  ASSERT_EQ(still.exit, 0) << still.out;
  EXPECT_EQ(from_taught("still", "encoder."), 0) << "with the encoder's settings, which nobody gave again";
  EXPECT_LT(from_taught("still", "teacher_encoder."), 1e-6) << "the teacher begins as the student does";
  EXPECT_EQ(run_json("still", "init"), word("taught"));
  EXPECT_EQ(run_json("still", "init_sha256").size(), 64u);
  EXPECT_EQ(weights("still").facts.at("init"), run_json("still", "init_sha256"));
  EXPECT_NE(core::read_text(root_ / "still/initial.txt").find("encoder: matched"), std::string::npos);

  const Outcome moved = pretrain("moved", "--set method.name=byol --set trainer.steps=2 --init " + word("taught"));
  ASSERT_EQ(moved.exit, 0) << moved.out;
  EXPECT_GT(from_taught("moved", "encoder."), 0);
  const Outcome task = finetune("task", "--labels 4 --set trainer.steps=2 --init " + word("moved"));
  ASSERT_EQ(task.exit, 0) << task.out;
  const std::string initial = core::read_text(root_ / "task/initial.txt");
  EXPECT_NE(initial.find("100 % of the weights"), std::string::npos) << initial;
}

TEST_F(Chain, AFineTunedRunBeginsAnotherOnOtherLabels) {
  make_other_store(root_ / "other");
  const Outcome outcome = finetune("relearned", "--set trainer.steps=2 --init " + word("taught"), "other");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const std::string initial = core::read_text(root_ / "relearned/initial.txt");
  EXPECT_NE(initial.find("encoder: matched"), std::string::npos) << initial;
  EXPECT_NE(initial.find("wanted 2"), std::string::npos) << "the maps of three classes do not fit two: " << initial;
}

TEST_F(Chain, ARunThatGoesOnDoesNotBeginAgainAndRefusesToHaveBegunOtherwise) {
  const std::string settings = "--set method.name=byol --set trainer.steps=4 ", init = " --init " + word("taught");
  ASSERT_EQ(pretrain("unbroken", settings + init).exit, 0);
  const Outcome first = pretrain("broken", settings + init + " --steps 2");
  ASSERT_EQ(first.exit, 5) << first.out;
  EXPECT_NE(first.out.find("begins with"), std::string::npos) << first.out;
  // Who names other weights, or none, means another run.
  const std::string same_encoder = "--set encoder.base=4 --set encoder.blocks=[1,1]";
  const Outcome none = pretrain("broken", settings + same_encoder);
  EXPECT_EQ(none.exit, 2) << none.out;
  EXPECT_NE(none.out.find("began with other weights"), std::string::npos) << none.out;
  const Outcome rest = pretrain("broken", settings + init);
  ASSERT_EQ(rest.exit, 0) << rest.out;
  EXPECT_EQ(rest.out.find("begins with"), std::string::npos) << rest.out;
  const runtime::Archive expected = weights("unbroken"), found = weights("broken");
  ASSERT_EQ(expected.tensors.size(), found.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) EXPECT_TRUE(at::equal(tensor, found.tensors.at(name))) << name;
}

TEST_F(Chain, WeightsThatAreNotThereOrDoNotFitAreRefusedAndNothingIsWritten) {
  const Outcome nowhere = pretrain("refused", "--init " + word("nowhere"));
  EXPECT_EQ(nowhere.exit, 2) << nowhere.out;
  EXPECT_NE(nowhere.out.find("give a file checkpoint-N.gadolin"), std::string::npos) << nowhere.out;
  const Outcome wide = pretrain("refused", "--set encoder.base=6 --init " + word("taught"));
  EXPECT_EQ(wide.exit, 3) << wide.out;
  EXPECT_NE(wide.out.find("wanted 6"), std::string::npos) << wide.out;
  EXPECT_NE(wide.out.find("hint: take a checkpoint of the same architecture"), std::string::npos) << wide.out;
  core::publish_file(root_ / "text.gadolin", std::string_view("no checkpoint"));
  EXPECT_EQ(pretrain("refused", "--init " + word("text.gadolin")).exit, 3);
  EXPECT_FALSE(fs::exists(root_ / "refused"));
  const Outcome forced =
      pretrain("forced", "--set encoder.base=6 --init-threshold 0 --set trainer.steps=1 --init " + word("taught"));
  EXPECT_EQ(forced.exit, 0) << forced.out;
  EXPECT_NE(core::read_text(root_ / "forced/initial.txt").find("skipped"), std::string::npos);
}
