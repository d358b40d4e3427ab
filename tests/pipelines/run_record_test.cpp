#include "pipelines/run_record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "core/error.h"
#include "core/files.h"
#include "pipelines/choice.h"

namespace fs = std::filesystem;

namespace {

pipelines::RunRecord record() {
  return {"finetune",
          "trainer:\n  steps: 10\n",
          "orientation: SPL\n",
          {"T1", "T\"2"},
          {32, 48, 32},
          {1.0, 0.1, 1.0 / 3},
          {{1, "liver"}, {2, "tumour"}},
          {},
          "",
          "abc",
          7,
          "gadolin finetune 'a b'"};
}

}  // namespace

TEST(RunRecord, GoesThroughTheFactsOfACheckpointAndThroughTheRunFolderUnchanged) {
  EXPECT_EQ(pipelines::record_from(pipelines::facts_of(record())), record());
  const fs::path folder = fs::temp_directory_path() / ("gadolin-record-" + std::to_string(::getpid()));
  pipelines::write_record(folder, record(), {{"device", "cpu"}});
  EXPECT_EQ(pipelines::read_record(folder), record());
  EXPECT_EQ(core::read_text(folder / "resolved.yaml"), record().config);
  EXPECT_NE(core::read_text(folder / "run.json").find("\"versions\""), std::string::npos);
  fs::remove_all(folder);
}

TEST(RunRecord, WhatIsNoRunOfOursIsRefusedWithAHint) {
  EXPECT_THROW(pipelines::record_from({{"format", "pt"}}), core::Error);
  auto facts = pipelines::facts_of(record());
  facts["network"] = "{\"channels\": 3}";
  EXPECT_THROW(pipelines::record_from(facts), core::Error);
  EXPECT_THROW(pipelines::read_record("/nowhere"), core::Error);
}

TEST(Choice, ANameBringsItsKeysAndTheLastNameWins) {
  const std::vector<core::Setting> settings{{"encoder.name", {"vit"}, false, "a.yaml:1"},
                                            {"encoder.name", {"resenc"}, false, "--set"}};
  EXPECT_EQ(pipelines::chosen_name(settings, "encoder", "resnet"), "resenc");
  EXPECT_EQ(pipelines::chosen_name(settings, "method", "mae"), "mae");
  std::int64_t width = 3;
  std::vector<core::Slot> own{core::bind_slot("width", "channels", core::Range{1, 9}, width)};
  const auto slots = pipelines::choice_slots("encoder", "resenc", "the network", own);
  core::configure(slots, std::vector<core::Setting>{settings[1], {"encoder.width", {"5"}, false, "--set"}});
  EXPECT_EQ(width, 5);
  EXPECT_NE(core::resolved_yaml(slots).find("resenc"), std::string::npos);
}
