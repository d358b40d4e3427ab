#pragma once
// The frame that all plots share: opening tag, colours for light, dark and print, text.

#include <cstddef>
#include <string>
#include <string_view>

namespace report {

enum class Anchor { kStart, kMiddle, kEnd };

// Collects the elements of one plot of width x height px; origin at the upper left, y downwards. Colours are classes:
// series-0.. for lines and text, repeated after kSeriesColours.
class Svg {
 public:
  static constexpr std::size_t kSeriesColours = 7;

  // `description` is what a screen reader says.
  Svg(double width, double height, std::string_view description);

  void text(double x, double y, std::string_view words, Anchor anchor = Anchor::kStart, std::string_view style = "");
  // Turned by 90 degrees, reading upwards, centred at the point.
  void upright_text(double x, double y, std::string_view words);
  void line(double x1, double y1, double x2, double y2, std::string_view style);
  void raw(std::string_view element) { body_ += element; }

  std::string finish() const;

 private:
  double width_, height_;
  std::string description_, body_;
};

std::string coordinate(double value);            // at most two decimals
double estimated_width(std::string_view words);  // px of 12 px text, a little generous
// Cut with an ellipsis so that it is not wider.
std::string shortened(std::string_view words, double width);

}  // namespace report
