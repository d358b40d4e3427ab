#include "core/config.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace {

struct Optimiser {
  double learning_rate = 1e-3;
  std::vector<double> betas = {0.9, 0.95};
  static constexpr auto fields() {
    return std::tuple{core::field("learning_rate", &Optimiser::learning_rate, "peak step size", core::Range{0, 10}),
                      core::field("betas", &Optimiser::betas, "decay of the moments", core::Range{0, 1})};
  }
};

struct RunSettings {
  std::int64_t steps = 100;
  bool resume = true;
  std::string name = "a run: 1";
  std::vector<std::string> channels;
  Optimiser optimiser;
  static constexpr auto fields() {
    return std::tuple{core::field("steps", &RunSettings::steps, "number of updates", core::Range{1, 1e9}),
                      core::field("resume", &RunSettings::resume, "go on from the last checkpoint"),
                      core::field("name", &RunSettings::name, "free text"),
                      core::field("channels", &RunSettings::channels, "channels to read"),
                      core::field("optimiser", &RunSettings::optimiser, "how the weights move")};
  }
};

std::string story(const std::string& yaml) {
  RunSettings run;
  try {
    core::configure(core::slots_of(run), core::settings_from_yaml(yaml, "recipe.yaml"));
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    return error.what();
  }
  return "";
}

}  // namespace

TEST(Config, ReadsYamlAndSetWinsOverIt) {
  RunSettings run;
  auto settings =
      core::settings_from_yaml("steps: 7\noptimiser:\n  learning_rate: 2.0e-2\n  betas: [0.5, 0.6]\n", "r.yaml");
  settings.push_back(core::setting_from_argument("optimiser.learning_rate=3"));
  settings.push_back(core::setting_from_argument("channels=[T1, T2]"));
  core::configure(core::slots_of(run), settings);
  EXPECT_EQ(run.steps, 7);
  EXPECT_EQ(run.optimiser.learning_rate, 3);
  EXPECT_EQ(run.optimiser.betas, (std::vector<double>{0.5, 0.6}));
  EXPECT_EQ(run.channels, (std::vector<std::string>{"T1", "T2"}));
}

TEST(Config, AnUnknownKeyIsAnErrorThatNamesTheNearestOneWithFileAndLine) {
  EXPECT_EQ(story("steps: 3\noptimiser:\n  learning_rat: 1\n"),
            "recipe.yaml:3: unknown key 'optimiser.learning_rat'. Hint: did you mean 'optimiser.learning_rate'?");
  EXPECT_EQ(story("learning_rate: 1\n"),
            "recipe.yaml:1: unknown key 'learning_rate'. Hint: did you mean 'optimiser.learning_rate'?");
  EXPECT_NE(story("zzzzzzzzzz: 1\n").find("see --help"), std::string::npos);
}

TEST(Config, AnIllTypedValueSaysWhatWasWanted) {
  EXPECT_EQ(story("steps: many\n"), "recipe.yaml:1: steps is 'many', wanted integer");
  EXPECT_EQ(story("steps: 1.5\n"), "recipe.yaml:1: steps is '1.5', wanted integer");
  EXPECT_EQ(story("resume: yes\n"), "recipe.yaml:1: resume is 'yes', wanted true or false");
  EXPECT_EQ(story("steps: 0\n"), "recipe.yaml:1: steps is 0, allowed is 1.0 to 1.0e+09");
  EXPECT_EQ(story("steps: [1]\n"), "recipe.yaml:1: steps is a list, wanted integer");
  EXPECT_EQ(story("optimiser:\n  betas: 1\n"), "recipe.yaml:2: optimiser.betas wants a list: [a, b]");
  EXPECT_EQ(story("optimiser: 3\n").find("recipe.yaml:1: unknown key 'optimiser'"), 0u);
  EXPECT_EQ(story("- a\n- b\n").find("recipe.yaml:1"), 0u);
  EXPECT_EQ(story("a: [\n").find("recipe.yaml:"), 0u);
}

TEST(Config, ResolvedYamlReadsBackToTheSameValues) {
  RunSettings run;
  run.optimiser.learning_rate = 1e-5;
  run.name = "quoted \"name\": # x";
  run.channels = {"1", "true", "T1"};
  const std::string yaml = core::resolved_yaml(core::slots_of(run));
  EXPECT_NE(yaml.find("learning_rate: 1.0e-05"), std::string::npos) << yaml;
  RunSettings back;
  core::configure(core::slots_of(back), core::settings_from_yaml(yaml, "resolved.yaml"));
  EXPECT_EQ(back.name, run.name);
  EXPECT_EQ(back.channels, run.channels);
  EXPECT_EQ(core::settings_hash(core::slots_of(back)), core::settings_hash(core::slots_of(run)));
  back.steps = 8;
  EXPECT_NE(core::settings_hash(core::slots_of(back)), core::settings_hash(core::slots_of(run)));
}
