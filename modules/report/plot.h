#pragma once
// Plots as SVG: text that stands alone as a file and inside a page, light and dark, without scripts or outside
// references. Values that are not finite leave a gap, never a crash. All text is escaped.

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace report {

struct Series {
  std::string name;
  std::vector<double> x, y;       // of one length
  std::vector<double> low, high;  // an interval band, empty or as long as y
  bool markers = false;
  int smooth = 0;  // over so many values a running mean is drawn, the values themselves pale behind it
};

struct LinePlot {
  std::string title, x_label, y_label;
  std::vector<Series> series;
  bool log_x = false, log_y = false;
  std::optional<std::pair<double, double>> y_range;   // otherwise as the values need; bands count
  std::vector<std::pair<double, std::string>> marks;  // vertical lines with a word: "best", "resumed"
  int width = 720, height = 340;                      // px
};

// Lines with axes, round ticks and, for more than one series, a legend. Runs of more than 1000 points are thinned to
// the lowest and highest of each pixel. Series of another length in x and y are our bug.
std::string line_plot(const LinePlot& plot);

// One arm of a comparison: a value with its interval, and the single results behind it (seeds, patients).
struct Arm {
  std::string name;
  double value = 0;
  std::optional<std::pair<double, double>> interval;
  std::vector<double> points;
};

struct ArmPlot {
  std::string title, x_label;
  std::vector<Arm> arms;            // from the top
  std::optional<double> reference;  // a dashed line: chance, the other method, zero difference
  std::optional<std::pair<double, double>> range;
  int decimals = 3;  // of the number written beside each arm
  int width = 720;   // px; the height follows from the arms
};

// Counts in bins that touch each other: how a quantity is spread over the cases.
struct HistogramPlot {
  std::string title, x_label, y_label = "cases";
  std::vector<double> edges;      // ascending, one more than counts
  std::vector<double> counts;     // not negative
  int width = 285, height = 200;  // px; three beside each other on a page
};

// Upright bars from zero. Edges and counts that do not fit are our bug.
std::string histogram_plot(const HistogramPlot& plot);

struct Bins {
  std::vector<double> edges, counts;
};
// About `wanted` bins of one round width that hold all finite values; one empty bin when there is none.
Bins round_bins(std::vector<double> values, int wanted = 20);

// Dots with their intervals, one row an arm, the numbers beside them.
std::string interval_plot(const ArmPlot& plot);
// The same as bars that begin at zero: for counts and times.
std::string bar_plot(const ArmPlot& plot);

}  // namespace report
