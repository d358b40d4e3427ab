// gadolin checkpoint.
#include "train/checkpoint.h"

#include <ATen/ATen.h>

#include <boost/json.hpp>

#include "../scratch.h"
#include "in_process.h"

namespace fs = std::filesystem;

namespace {

void checkpoint(const fs::path& folder, std::int64_t step, float weight = 1, const std::string& rate = "0.1") {
  train::Checkpoint one;
  one.step = step;
  one.weights = {{"encoder.weight", at::full({2, 3}, weight)}, {"encoder.bias", at::ones({3})}};
  one.facts = {{"kind", "pretrain"},
               {"config", "method:\n  name: mae\nencoder:\n  name: resenc\ntrainer:\n  learning_rate: " + rate + "\n"}};
  train::write_checkpoint(train::checkpoint_path(folder, step), one);
}

void damage(const fs::path& path) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(-2, std::ios::end);
  file.put('!');
}

bool has(const Outcome& outcome, const std::string& part) { return outcome.out.find(part) != std::string::npos; }

boost::json::object json_of(const std::string& arguments) {
  const Outcome outcome = gadolin_in_process(arguments);
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  return boost::json::parse(outcome.out).as_object();
}

}  // namespace

TEST(CheckpointCommand, LsTellsWhatEachIsAndWhichOneTheRunGoesOnWith) {
  const Scratch folder;
  for (const int step : {10, 20, 30}) checkpoint(folder / "run", step);
  write_bytes(folder / "run/metrics.csv", "step,name,value\n5,loss,4.5\n15,loss,2.25\n15,error,9\n25,loss,1.125\n");
  damage(folder / "run/checkpoint-30.gadolin");
  const Outcome text = gadolin_in_process("checkpoint ls " + folder.word("run"));
  EXPECT_EQ(text.exit, 0) << text.out;
  EXPECT_TRUE(has(text, "pretrain mae on resenc")) << text.out;
  EXPECT_TRUE(has(text, "its bytes do not have the hash")) << text.out;
  const auto all = json_of("checkpoint ls --json " + folder.word("run"));
  const auto& rows = all.at("checkpoints").as_array();
  ASSERT_EQ(rows.size(), 3u);
  const std::vector<int> steps{30, 20, 10};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(rows[i].at("step").as_int64(), steps[i]);
    EXPECT_EQ(rows[i].at("sound").as_bool(), i > 0);
    EXPECT_EQ(rows[i].at("goes_on").as_bool(), i == 1);
    EXPECT_EQ(rows[i].at("bytes").as_int64(),
              static_cast<std::int64_t>(fs::file_size(rows[i].at("path").as_string().c_str())));
  }
  EXPECT_EQ(rows[1].at("loss").as_double(), 2.25);  // the row of step 15, not that of 25
  EXPECT_EQ(rows[2].at("loss").as_double(), 4.5);
  // It is what the loop itself takes.
  EXPECT_EQ(train::newest_checkpoint(folder / "run")->first, folder / "run/checkpoint-20.gadolin");
}

TEST(CheckpointCommand, VerifySaysByItsExitCodeWhetherNoneSomeOrAllAreDamaged) {
  const Scratch folder;
  for (const int step : {1, 2}) checkpoint(folder / "run", step);
  const std::string verify = "checkpoint verify " + folder.word("run");
  const Outcome sound = gadolin_in_process(verify);
  EXPECT_EQ(sound.exit, 0) << sound.out;
  EXPECT_TRUE(has(sound, "2 checkpoints, 0 damaged")) << sound.out;
  damage(folder / "run/checkpoint-1.gadolin");
  const Outcome some = gadolin_in_process(verify);
  EXPECT_EQ(some.exit, 4);
  EXPECT_TRUE(has(some, "checkpoint-2.gadolin: sound, step 2")) << some.out;
  EXPECT_TRUE(has(some, "checkpoint-1.gadolin: read checkpoint-1.gadolin: not a sound archive")) << some.out;
  fs::resize_file(folder / "run/checkpoint-2.gadolin", 60);
  EXPECT_EQ(gadolin_in_process(verify).exit, 3);
  fs::create_directories(folder / "empty");
  EXPECT_EQ(gadolin_in_process("checkpoint verify " + folder.word("empty")).exit, 2);
  EXPECT_EQ(gadolin_in_process("checkpoint verify " + folder.word("nowhere")).exit, 2);
}

TEST(CheckpointCommand, DiffShowsSettingsAndNumbersAndSaysWhenThereIsNone) {
  const Scratch folder;
  checkpoint(folder / "a", 10, 1, "0.1");
  checkpoint(folder / "b", 10, 1, "0.1");
  checkpoint(folder / "c", 20, 4, "0.3");
  const Outcome same = gadolin_in_process("checkpoint diff " + folder.word("a") + " " + folder.word("b"));
  EXPECT_EQ(same.exit, 0) << same.out;
  EXPECT_TRUE(has(same, "the checkpoints are equal: 2 tensors")) << same.out;
  const std::string other = folder.word("a") + " " + folder.word("c/checkpoint-20.gadolin");
  const Outcome text = gadolin_in_process("checkpoint diff " + other);
  EXPECT_EQ(text.exit, 0) << text.out;
  EXPECT_TRUE(has(text, "config: trainer.learning_rate")) << text.out;
  EXPECT_TRUE(has(text, "2 facts and 1 tensors differ, 1 tensors are equal")) << text.out;
  const auto all = json_of("checkpoint diff --json " + other);
  EXPECT_FALSE(all.at("equal").as_bool());
  const auto& tensor = all.at("tensors").at(0);
  EXPECT_EQ(tensor.at("name").as_string(), "encoder.weight");
  EXPECT_EQ(tensor.at("absolute").as_double(), 3);
  EXPECT_EQ(tensor.at("relative").as_double(), 0.75);
  EXPECT_EQ(all.at("facts").at(1).at("name").as_string(), "step");
  damage(folder / "c/checkpoint-20.gadolin");
  EXPECT_EQ(gadolin_in_process("checkpoint diff " + other).exit, 3);
}

TEST(CheckpointCommand, LsMarksTheBestAndNeverGoesOnWithIt) {
  const Scratch folder;
  for (const int step : {10, 20}) checkpoint(folder / "run", step);
  train::Checkpoint best = train::read_checkpoint(folder / "run/checkpoint-20.gadolin");
  best.step = 30;
  best.best = {"probe.auc", 30, 0.75};
  train::write_checkpoint(train::best_path(folder / "run", 30), best);
  const Outcome text = gadolin_in_process("checkpoint ls " + folder.word("run"));
  EXPECT_TRUE(has(text, "sound, best by probe.auc: 0.75")) << text.out;
  const auto all = json_of("checkpoint ls --json " + folder.word("run"));
  const auto& rows = all.at("checkpoints").as_array();
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_TRUE(rows[0].at("goes_on").as_bool());
  EXPECT_TRUE(rows[0].at("best").is_null());
  EXPECT_EQ(rows[2].at("step").as_int64(), 30);
  EXPECT_FALSE(rows[2].at("goes_on").as_bool());
  EXPECT_EQ(rows[2].at("best").at("name").as_string(), "probe.auc");
  EXPECT_EQ(rows[2].at("best").at("value").as_double(), 0.75);
}
