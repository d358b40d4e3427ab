#include "report/plot.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "report/axis.h"
#include "report/escape.h"

namespace report {
namespace {

const double kNaN = std::numeric_limits<double>::quiet_NaN();

int count(const std::string& text, const std::string& word) {
  int found = 0;
  for (std::size_t at = 0; (at = text.find(word, at)) != std::string::npos; at += word.size()) ++found;
  return found;
}

std::vector<std::string> texts(const Axis& axis, int wanted) {
  std::vector<std::string> all;
  for (const Tick& tick : axis.ticks(wanted)) all.push_back(tick.text);
  return all;
}

Axis axis_over(double low, double high, bool logarithmic = false) {
  Axis axis(logarithmic);
  axis.include(low);
  axis.include(high);
  axis.fit(0);
  return axis;
}

TEST(Axis, TicksAreRound) {
  EXPECT_EQ(texts(axis_over(0, 1), 5), (std::vector<std::string>{"0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(texts(axis_over(-3, 37), 4), (std::vector<std::string>{"0", "10", "20", "30"}));
  EXPECT_EQ(texts(axis_over(0, 20000), 4), (std::vector<std::string>{"0", "5000", "10000", "15000", "20000"}));
  EXPECT_EQ(texts(axis_over(0, 4e7), 4), (std::vector<std::string>{"0", "1e7", "2e7", "3e7", "4e7"}));
  EXPECT_EQ(texts(axis_over(0, 3e-5), 3), (std::vector<std::string>{"0", "1e-5", "2e-5", "3e-5"}));
}

TEST(Axis, DecadesOnALogarithmicAxisAndRoundValuesWithinOne) {
  EXPECT_EQ(texts(axis_over(1e-4, 10, true), 8), (std::vector<std::string>{"1e-4", "0.001", "0.01", "0.1", "1", "10"}));
  EXPECT_EQ(texts(axis_over(2, 8, true), 3), (std::vector<std::string>{"2", "4", "6", "8"}));
  EXPECT_EQ(texts(axis_over(0.4, 60, true), 8), (std::vector<std::string>{"0.5", "1", "2", "5", "10", "20", "50"}));
  EXPECT_NEAR(axis_over(1, 100, true).place(10), 0.5, 1e-12);
  EXPECT_FALSE(axis_over(1, 100, true).drawable(0));
}

TEST(Axis, OneValueNoValueAndEqualValuesHaveRoom) {
  for (const double value : {0.0, 5.0, -1e9, 1e-200}) {
    Axis axis;
    axis.include(value);
    axis.fit(0.04);
    EXPECT_LT(axis.low(), value);
    EXPECT_GT(axis.high(), value);
    EXPECT_NEAR(axis.place(value), 0.5, 1e-6);
    EXPECT_LE(axis.ticks(5).size(), 101u);
  }
  Axis empty;
  empty.include(kNaN);
  empty.include(1e301);
  EXPECT_TRUE(empty.empty());
  empty.fit(0.04);
  EXPECT_LT(empty.low(), empty.high());
}

TEST(LinePlot, ContainsEachSeriesOnceAndNamesItInTheLegend) {
  LinePlot plot{.title = "Loss", .x_label = "step", .y_label = "NT-Xent", .series = {}};
  plot.series.push_back({.name = "simclr <a>", .x = {1, 2, 3}, .y = {3, 2, 1}, .low = {}, .high = {}});
  plot.series.push_back({.name = "mae", .x = {1, 2, 3}, .y = {1, 1, 1}, .low = {0, 0, 0}, .high = {2, 2, 2}});
  const std::string svg = line_plot(plot);
  EXPECT_EQ(count(svg, "data-series=\"simclr &lt;a&gt;\""), 1);
  EXPECT_EQ(count(svg, "data-series=\"mae\""), 1);
  EXPECT_EQ(count(svg, ">simclr &lt;a&gt;</text>"), 1);
  EXPECT_EQ(count(svg, "<path class=\"band\""), 1);
  EXPECT_EQ(count(svg, "<a>"), 0);
  plot.series.pop_back();
  EXPECT_EQ(count(line_plot(plot), ">simclr &lt;a&gt;</text>"), 0) << "one series needs no legend";
}

TEST(LinePlot, ValuesThatAreNoNumbersLeaveAGap) {
  LinePlot plot;
  plot.series.push_back(
      {.name = "a", .x = {1, 2, 3, 4, 5, 6}, .y = {1, 2, kNaN, 3, 4, INFINITY}, .low = {}, .high = {}});
  std::string svg = line_plot(plot);
  EXPECT_EQ(count(svg, "d=\"M"), 2) << "two stretches";
  EXPECT_EQ(count(svg, "nan"), 0);
  EXPECT_EQ(count(svg, "inf"), 0);
  plot.series[0].y = {kNaN, kNaN, 2, kNaN, kNaN, kNaN};
  EXPECT_EQ(count(line_plot(plot), "<circle"), 1) << "a lone value is a dot";
  plot.series[0].y.assign(6, kNaN);
  EXPECT_EQ(count(line_plot(plot), ">no values<"), 1);
  EXPECT_EQ(count(line_plot({}), ">no values<"), 1);
}

TEST(LinePlot, ARunningMeanIsDrawnOverPaleValuesAndPassesOverAGap) {
  LinePlot plot;
  plot.series.push_back(
      {.name = "a", .x = {0, 1, 2, 3, 4}, .y = {0, 2, kNaN, 4, 6}, .low = {}, .high = {}, .smooth = 3});
  const std::string svg = line_plot(plot);
  EXPECT_EQ(count(svg, "class=\"curve pale\""), 2) << "two stretches";
  EXPECT_EQ(count(svg, "class=\"curve\" d="), 2);
  EXPECT_EQ(count(svg, "nan"), 0);
}

TEST(LinePlot, ALogarithmicAxisLeavesOutWhatIsNotPositive) {
  LinePlot plot{.log_y = true};
  plot.series.push_back({.name = "a", .x = {0, 1, 2, 3}, .y = {0, 1, 10, -5}, .low = {}, .high = {}});
  const std::string svg = line_plot(plot);
  EXPECT_EQ(count(svg, "d=\"M"), 1);
  EXPECT_EQ(count(svg, "nan"), 0);
}

TEST(LinePlot, AHundredThousandStepsStaySmallAndKeepTheirSpike) {
  LinePlot plot;
  Series series{.name = "loss", .x = {}, .y = {}, .low = {}, .high = {}};
  for (int i = 0; i < 100'000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i == 54'321 ? 100 : std::sin(i * 0.1));
  }
  plot.series.push_back(series);
  plot.y_range = {-1, 100};
  const std::string svg = line_plot(plot);
  EXPECT_LT(svg.size(), 60'000u);
  // The spike reaches the upper end of the frame, 10 px from the top.
  EXPECT_EQ(count(svg, " 10L"), 1);
}

TEST(ArmPlot, WritesTheNumbersBesideEachArmAndSurvivesAMissingOne) {
  ArmPlot plot{.title = "Dice", .x_label = "Dice", .arms = {}, .reference = 0.85};
  plot.arms.push_back({.name = "scratch", .value = 0.8541, .interval = {{0.84, 0.87}}, .points = {0.85, kNaN, 0.86}});
  plot.arms.push_back({.name = "failed", .value = kNaN, .interval = std::nullopt, .points = {}});
  const std::string svg = interval_plot(plot);
  EXPECT_EQ(count(svg, ">0.854 [0.840, 0.870]<"), 1);
  EXPECT_EQ(count(svg, "data-series=\"scratch\""), 1);
  EXPECT_EQ(count(svg, "class=\"faint\""), 2);
  EXPECT_EQ(count(svg, ">no value<"), 1);
  EXPECT_EQ(count(svg, "class=\"mark\""), 1);
  EXPECT_EQ(count(svg, "\"nan"), 0);
  EXPECT_EQ(count(interval_plot({}), ">no values<"), 1);
}

TEST(ArmPlot, BarsBeginAtZeroAndGoBothWays) {
  ArmPlot plot;
  plot.decimals = 1;
  plot.arms.push_back({.name = "up", .value = 3, .interval = std::nullopt, .points = {}});
  plot.arms.push_back({.name = "down", .value = -1, .interval = std::nullopt, .points = {}});
  const std::string svg = bar_plot(plot);
  EXPECT_EQ(count(svg, "<rect class=\"bar\""), 2);
  EXPECT_EQ(count(svg, "width=\"-"), 0);
}

TEST(HistogramPlot, DrawsABarForEachFilledBinFromZero) {
  const std::string svg = histogram_plot({.x_label = "spacing", .edges = {0, 1, 2, 3}, .counts = {2, 0, 4}});
  EXPECT_EQ(count(svg, "<rect"), 2);
  EXPECT_NE(svg.find("6 cases between 0 and 3"), std::string::npos);
  EXPECT_THROW(histogram_plot({.edges = {0, 1}, .counts = {}}), std::logic_error);
}

TEST(HistogramPlot, BinsAreRoundAndHoldEveryFiniteValue) {
  const Bins bins = round_bins({0.5, 0.7, 2.4, 4.9, kNaN}, 10);
  EXPECT_EQ(bins.edges.front(), 0.5);
  EXPECT_EQ(bins.edges[1], 1.0);
  EXPECT_EQ(bins.counts.front(), 2);
  EXPECT_EQ(bins.counts.back(), 1);
  EXPECT_GT(bins.edges.back(), 4.9);
  double sum = 0;
  for (const double number : bins.counts) sum += number;
  EXPECT_EQ(sum, 4);
  EXPECT_EQ(round_bins({1, 1, 1}).counts, (std::vector<double>{3}));
  EXPECT_EQ(round_bins({-3, 3}).counts.size() + 1, round_bins({-3, 3}).edges.size());
  EXPECT_EQ(round_bins({}).counts, (std::vector<double>{0}));
  EXPECT_EQ(round_bins({kNaN}).counts, (std::vector<double>{0}));
}

TEST(Escape, MakesTextHarmlessAndWellFormed) {
  EXPECT_EQ(escaped("<b a='1'>&\"ü\n"), "&lt;b a=&#39;1&#39;&gt;&amp;&quot;ü\n");
  EXPECT_EQ(escaped("M\xFCller\x01"), "M\xEF\xBF\xBDller\xEF\xBF\xBD");
  EXPECT_EQ(escaped("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "an overlong slash";
  EXPECT_EQ(escaped("\xE2\x82"), "\xEF\xBF\xBD\xEF\xBF\xBD") << "cut in the middle";
  EXPECT_EQ(escaped("€😀"), "€😀");
}

}  // namespace
}  // namespace report
