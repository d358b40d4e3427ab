#include "evaluate/scores.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "core/error.h"
#include "evaluate/overlap.h"
#include "evaluate/surface.h"
#include "golden.h"

using evaluate::CaseScores;
using evaluate::LabelScores;

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinite = std::numeric_limits<double>::infinity();

// Label 2 is absent from both maps of the second case and missed in the third.
std::vector<CaseScores> three_cases() {
  return {{"a", "p1", {{1, 0.9, 0.95, 1.5, 0.4}, {2, 0.5, 0.6, 4, 1}}},
          {"b", "p1", {{1, 0.8, 0.9, 2.5, 0.5}, {2, kNone, kNone, kNone, kNone}}},
          {"c", "p2", {{1, 0.7, 0.8, 3.5, 0.6}, {2, 0, 0, kInfinite, kInfinite}}}};
}

}  // namespace

TEST(Scores, OfACaseAreThoseOfEachMeasure) {
  constexpr volume::Shape kShape{10, 12, 14};
  const auto a = ellipsoid(kShape, {2, 1, 1}, {5, 6, 7}, {3, 4, 5}),
             b = ellipsoid(kShape, {2, 1, 1}, {5, 7, 7}, {3, 4, 4});
  const auto scores = evaluate::score_labels(a, b, std::array{1, 3}, 1.0);
  ASSERT_EQ(scores.size(), 2U);
  const auto surface = evaluate::surface_scores(a, b, 1, 1.0);
  EXPECT_EQ(scores[0].label, 1);
  EXPECT_EQ(scores[0].dice, evaluate::dice(a, b, 1));
  EXPECT_EQ(scores[0].surface_dice, surface.surface_dice);
  EXPECT_EQ(scores[0].hd95_mm, surface.hd95_mm);
  EXPECT_EQ(scores[0].assd_mm, surface.assd_mm);
  EXPECT_TRUE(std::isnan(scores[1].dice));
}

TEST(Scores, SurviveTheirTable) {
  const auto cases = three_cases();
  const core::Table table = evaluate::scores_table(cases, {{1, "liver, left"}, {2, "tumour"}});
  EXPECT_EQ(table.columns, (std::vector<std::string>{"case", "patient", "label", "name", "dice", "surface_dice",
                                                     "hd95_mm", "assd_mm"}));
  ASSERT_EQ(table.rows.size(), 6U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"a", "p1", "1", "liver, left", "0.9", "0.95", "1.5", "0.4"}));
  EXPECT_EQ(table.rows[3][4], "nan");
  EXPECT_EQ(table.rows[5][6], "inf");
  const auto back = evaluate::scores_from(core::parse_csv(core::to_csv(table), "scores.csv"));
  EXPECT_EQ(core::to_csv(evaluate::scores_table(back, {{1, "liver, left"}, {2, "tumour"}})), core::to_csv(table));
  core::Table broken = table;
  broken.rows[1][4] = "good";
  EXPECT_THROW(evaluate::scores_from(broken), core::Error);
}

TEST(Summary, CountsWhatIsThereAndNamesWhatIsMissed) {
  const auto summary = evaluate::summarise(three_cases(), {{1, "liver"}});
  ASSERT_EQ(summary.size(), 3U);
  EXPECT_EQ(summary[0].name, "liver");
  EXPECT_EQ(summary[0].cases, 3);
  EXPECT_EQ(summary[0].missed, 0);
  EXPECT_NEAR(summary[0].dice.value, 0.8, 1e-12);
  EXPECT_NEAR(summary[0].dice.low, 0.7, 1e-12);    // twice patient p2
  EXPECT_NEAR(summary[0].dice.high, 0.85, 1e-12);  // twice patient p1
  EXPECT_EQ(summary[1].label, 2);
  EXPECT_EQ(summary[1].cases, 2);
  EXPECT_EQ(summary[1].missed, 1);
  EXPECT_NEAR(summary[1].dice.value, 0.25, 1e-12);  // a miss is a 0
  EXPECT_NEAR(summary[1].hd95_mm.value, 4, 1e-12);  // of the one case that has a distance
  EXPECT_EQ(summary[2].name, "mean");
  EXPECT_NEAR(summary[2].dice.value, (0.7 + 0.8 + 0.35) / 3, 1e-12);
  const std::string text = core::to_text(evaluate::summary_table(summary));
  EXPECT_NE(text.find("0.8000 [0.7000, 0.8500]"), std::string::npos) << text;
  EXPECT_NE(text.find("liver"), std::string::npos);
}

TEST(Summary, OfOneLabelHasNoMeanLineAndACaseWithoutPatientIsItsOwn) {
  const std::vector<CaseScores> cases{{"a", "", {{1, 0.5, 1, 1, 1}}}, {"b", "", {{1, 0.7, 1, 1, 1}}}};
  const auto summary = evaluate::summarise(cases, {});
  ASSERT_EQ(summary.size(), 1U);
  EXPECT_EQ(summary[0].dice.low, 0.5);
  EXPECT_EQ(summary[0].dice.high, 0.7);
}
