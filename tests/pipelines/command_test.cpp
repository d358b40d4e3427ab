#include "pipelines/command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "in_process.h"

namespace {

// A build without a wing leaves out its commands.
bool every_command_is_here() {
  int found = 0;
  for (const pipelines::Command* command : pipelines::commands()) {
    for (const char* name : {"ingest", "pretrain"}) found += command->name == std::string(name);
  }
  return found == 2;
}

}  // namespace

TEST(Command, EachHasHelpWithAnExampleAndRefusesAnUnknownOption) {
  for (const pipelines::Command* command : pipelines::commands()) {
    SCOPED_TRACE(command->name);
    const Outcome help = gadolin_in_process(std::string(command->name) + " --help");
    EXPECT_EQ(help.exit, 0) << help.out;
    EXPECT_NE(help.out.find(std::string("gadolin ") + command->name), std::string::npos) << help.out;
    const Outcome wrong = gadolin_in_process(std::string(command->name) + " --no-such-option");
    EXPECT_EQ(wrong.exit, 2) << wrong.out;
    EXPECT_NE(wrong.out.find("hint:"), std::string::npos) << wrong.out;
  }
}

TEST(Command, AMisspelledCommandNamesTheNearestOne) {
  const Outcome outcome = gadolin_in_process("docter");
  EXPECT_EQ(outcome.exit, 2);
  EXPECT_NE(outcome.out.find("did you mean 'gadolin doctor'?"), std::string::npos) << outcome.out;
  EXPECT_EQ(gadolin_in_process("").exit, 2);
  EXPECT_EQ(gadolin("--version").exit, 0);
}

TEST(Command, ARecipeWithSectionsGivesEachCommandItsOwn) {
  const auto recipe =
      core::settings_from_yaml("prepare:\n  patch: [8]\npretrain:\n  trainer:\n    steps: 5\n", "r.yaml");
  const auto own = pipelines::section_of(recipe, "pretrain");
  ASSERT_EQ(own.size(), 1U);
  EXPECT_EQ(own[0].key, "trainer.steps");
  EXPECT_EQ(own[0].place, "r.yaml:5");
  try {
    pipelines::section_of(recipe, "finetune");
    FAIL() << "a section is missing";
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("it has prepare, pretrain"), std::string::npos) << error.what();
  }
  const auto mixed = core::settings_from_yaml("prepare:\n  patch: [8]\nsteps: 5\n", "r.yaml");
  EXPECT_THROW(pipelines::section_of(mixed, "prepare"), core::Error);
  EXPECT_THROW(pipelines::section_of(core::settings_from_yaml("prepare: 5\n", "r.yaml"), "prepare"), core::Error);
  EXPECT_EQ(pipelines::section_of(core::settings_from_yaml("steps: 5\n", "r.yaml"), "prepare")[0].key, "steps");
}

TEST(Config, EveryRecipeThatIsShippedCanBeReadByItsCommands) {
  if (!every_command_is_here()) GTEST_SKIP() << "a wing is left out";
  const auto folder = std::filesystem::path(__FILE__).parent_path() / "../../configs";
  int recipes = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(folder)) {
    if (file.path().extension() != ".yaml") continue;
    ++recipes;
    const Outcome outcome = gadolin_in_process("config check " + file.path().string());
    EXPECT_EQ(outcome.exit, 0) << outcome.out;
  }
  EXPECT_GE(recipes, 2);
  const Outcome wrong = gadolin_in_process("config show pretrain --set trainer.stepss=3");
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(wrong.out.find("trainer.steps"), std::string::npos) << wrong.out;
}

TEST(Config, TheReferencePageIsInSyncWithTheProgram) {
  if (!every_command_is_here()) GTEST_SKIP() << "a wing is left out";
  const Outcome outcome = gadolin_in_process("config reference");
  ASSERT_EQ(outcome.exit, 0);
  std::ifstream file(std::filesystem::path(__FILE__).parent_path() / "../../pipelines/REFERENCE.md");
  const std::string page((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  EXPECT_EQ(outcome.out, page) << "run: build/release/gadolin config reference --out pipelines/REFERENCE.md";
}
