#include "core/settings_difference.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace {

std::string text_of(const std::vector<core::SettingDifference>& all) {
  std::string text;
  for (const auto& one : all) text += one.key + ":" + one.first + "|" + one.second + ";";
  return text;
}

TEST(SettingsDifference, CommentsOrderAndTheWayANumberIsWrittenDoNotCount) {
  const char* const first = "a:\n  rate: 1.0e-3  # how fast\n  sizes: [1, 2.0]\nname: mae\nempty: \"\"\n";
  const char* const second = "name: \"mae\"\nempty: ''\na: {sizes: [1.0, 2], rate: 0.001}  # said otherwise\n";
  EXPECT_EQ(text_of(core::settings_difference(first, second)), "");
}

TEST(SettingsDifference, EachKeyThatDiffersIsNamedWithBothValues) {
  EXPECT_EQ(text_of(core::settings_difference("a: 1\nb: [1, 2]\nc: x\n", "a: 2\nb: [1]\nc: x\n")),
            "a:1|2;b:[1, 2]|[1];");
  EXPECT_EQ(text_of(core::settings_difference("a: 1\n", "a: [1]\n")), "a:1|[1];");
  EXPECT_EQ(text_of(core::settings_difference("a: true\n", "a: \"\"\n")), "a:true|'';");
}

TEST(SettingsDifference, AMissingKeyHasItsDefaultAndWithoutOneItIsADifference) {
  const char* const defaults = "trainer: {spike: warn, steps: 1000}\n";
  EXPECT_EQ(text_of(core::settings_difference("a: 1\n", "a: 1\ntrainer: {spike: warn}\n", defaults)), "");
  EXPECT_EQ(text_of(core::settings_difference("a: 1\n", "a: 1\ntrainer: {spike: rewind}\n", defaults)),
            "trainer.spike:warn|rewind;");
  EXPECT_EQ(text_of(core::settings_difference("old: 3\na: 1\n", "a: 1\n", defaults)), "old:3|;");
  EXPECT_THROW(core::settings_difference("just text", "a: 1\n"), core::Error);
}

}  // namespace
