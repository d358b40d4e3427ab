#pragma once
// The scale of a plot: from values to places, and the round values that are marked.

#include <string>
#include <vector>

namespace report {

struct Tick {
  double value;
  std::string text;
};

// Gathers what shall be seen, then is fitted. Values that are not finite, beyond 1e300 in size, or not positive on a
// logarithmic axis are not drawn.
class Axis {
 public:
  explicit Axis(bool logarithmic = false) : logarithmic_(logarithmic) {}

  bool drawable(double value) const;
  void include(double value);
  bool empty() const { return empty_; }

  // Ends the gathering: `padding` is a share of the extent added at both ends; a single value gets room around it, no
  // value at all gives 0..1 (1..10).
  void fit(double padding);
  // 0 at the low end, 1 at the high end; may lie beyond.
  double place(double value) const;
  // About `wanted` round values within the axis: steps of 1, 2 or 5; decades on a logarithmic axis that
  // has some.
  std::vector<Tick> ticks(int wanted) const;

  double low() const { return low_; }
  double high() const { return high_; }

 private:
  bool logarithmic_;
  bool empty_ = true;
  double low_ = 0, high_ = 1;
};

}  // namespace report
