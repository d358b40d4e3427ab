#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>

#include "core/config.h"
#include "in_process.h"
#include "ssl/method.h"

namespace json = boost::json;

TEST(Methods, TheTableListsEveryMethodWithItsFamily) {
  const Outcome outcome = gadolin_in_process("methods");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  for (const ssl::MethodEntry* entry : ssl::methods()) {
    const std::size_t begin = outcome.out.find("\n" + std::string(entry->name) + " ");
    ASSERT_NE(begin, std::string::npos) << entry->name;
    const std::string line = outcome.out.substr(begin + 1, outcome.out.find('\n', begin + 1) - begin - 1);
    EXPECT_NE(line.find(entry->family), std::string::npos) << line;
    EXPECT_NE(line.find(std::to_string(entry->year)), std::string::npos) << line;
  }
}

TEST(Methods, OneMethodIsToldWithItsPaperItsFormulaAndItsSettings) {
  const Outcome outcome = gadolin_in_process("methods simclr");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  for (const char* text : {"arXiv 2002.05709", "cos(z, z') / T", "choose it when", "method.temperature", "linear"})
    EXPECT_NE(outcome.out.find(text), std::string::npos) << text << " in\n" << outcome.out;
}

TEST(Methods, JsonHoldsTheSameForPrograms) {
  const json::array all = json::parse(gadolin_in_process("methods --json").out).as_array();
  ASSERT_EQ(all.size(), ssl::methods().size());
  const json::object one = json::parse(gadolin_in_process("methods mae --json").out).as_object();
  EXPECT_EQ(one.at("name").as_string(), "mae");
  EXPECT_EQ(one.at("family").as_string(), "masked");
  const auto found =
      std::find_if(all.begin(), all.end(), [](const json::value& each) { return each.at("name") == "mae"; });
  ASSERT_NE(found, all.end());
  EXPECT_EQ(*found, json::value(one));
  EXPECT_EQ(one.at("settings").as_array().at(0).at("key").as_string(), "method.hidden");
}

TEST(Methods, AnUnknownMethodIsAUsageErrorWithTheNearest) {
  const Outcome outcome = gadolin_in_process("methods simcrl");
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_NE(outcome.out.find("did you mean simclr?"), std::string::npos) << outcome.out;
}

TEST(Methods, TheRecipesAtBothSizesAreNamedAfterTheirMethod) {
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../configs/ssl";
  int recipes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().extension() != ".yaml") continue;
    ++recipes;
    const std::string name = file.path().stem().string();
    EXPECT_NO_THROW(ssl::method_named(name));
    std::string chosen;
    for (const core::Setting& setting : core::settings_from_file(file.path())) {
      if (setting.key == "pretrain.method.name") chosen = setting.values.at(0);
    }
    EXPECT_EQ(chosen, name) << file.path();
    for (const char* size : {"tiny", "full"})
      EXPECT_TRUE(std::filesystem::exists(folder / size / (name + ".yaml"))) << name << " has no " << size << " recipe";
  }
  EXPECT_GE(recipes, 2);
}
