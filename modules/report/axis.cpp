#include "report/axis.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace report {
namespace {

std::string tick_text(double value, double step) {
  if (value == 0) return "0";
  if (std::abs(value) >= 1e6 || step < 1e-4) {
    const int digits = std::max(
        0, static_cast<int>(std::floor(std::log10(std::abs(value)) + 1e-9) - std::floor(std::log10(step) + 1e-9)));
    const std::string text = fmt::format("{:.{}e}", value, digits);
    // 2e+06 reads as 2e6.
    const std::size_t e = text.find('e');
    const int exponent = std::stoi(text.substr(e + 1));
    return fmt::format("{}e{}", text.substr(0, e), exponent);
  }
  return fmt::format("{:.{}f}", value, std::max(0, -static_cast<int>(std::floor(std::log10(step) + 1e-9))));
}

std::vector<Tick> linear_ticks(double low, double high, int wanted) {
  const double rough = (high - low) / std::max(1, wanted);
  const double power = std::pow(10.0, std::floor(std::log10(rough)));
  const double lead = rough / power;
  const double step = power * (lead <= 1.5 ? 1 : lead <= 3.5 ? 2 : lead <= 7.5 ? 5 : 10);
  std::vector<Tick> ticks;
  const double first = std::ceil(low / step - 1e-9), last = std::floor(high / step + 1e-9);
  // A range that is tiny beside its values has no round steps within a double's precision.
  if (!(last - first <= 100)) return {};
  for (double i = first; i <= last; ++i) ticks.push_back({i * step, tick_text(i * step, step)});
  return ticks;
}

std::vector<Tick> decade_ticks(double low, double high, int wanted) {
  const double first = std::ceil(std::log10(low) - 1e-9), last = std::floor(std::log10(high) + 1e-9);
  const double stride = std::max(1.0, std::ceil((last - first + 1) / std::max(1, wanted)));
  std::vector<Tick> ticks;
  for (double power = first; power <= last; power += stride) {
    const double value = std::pow(10.0, power);
    ticks.push_back({value, power >= -3 && power <= 5 ? fmt::format("{:g}", value) : fmt::format("1e{:.0f}", power)});
  }
  return ticks;
}

// 1, 2 and 5 of every decade, for axes that have few decades.
std::vector<Tick> ladder_ticks(double low, double high) {
  std::vector<Tick> ticks;
  for (double power = std::floor(std::log10(low)); power <= std::log10(high); ++power) {
    for (const double lead : {1.0, 2.0, 5.0}) {
      const double value = lead * std::pow(10.0, power);
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9))
        ticks.push_back({value, fmt::format("{:.6g}", value)});
    }
  }
  return ticks;
}

}  // namespace

bool Axis::drawable(double value) const {
  return std::isfinite(value) && std::abs(value) < 1e300 && (!logarithmic_ || value > 0);
}

void Axis::include(double value) {
  if (!drawable(value)) return;
  low_ = empty_ ? value : std::min(low_, value);
  high_ = empty_ ? value : std::max(high_, value);
  empty_ = false;
}

void Axis::fit(double padding) {
  if (empty_) {
    low_ = logarithmic_ ? 1 : 0;
    high_ = logarithmic_ ? 10 : 1;
    return;
  }
  if (logarithmic_) {
    const double room = low_ == high_ ? std::log(2.0) : padding * std::log(high_ / low_);
    low_ /= std::exp(room);
    high_ *= std::exp(room);
    return;
  }
  // Differences below the last digits of a double are no extent.
  const double size = std::max(std::abs(low_), std::abs(high_));
  const bool single = high_ - low_ <= 1e-12 * size;
  const double room = single ? (size == 0 ? 0.5 : 0.1 * size) : padding * (high_ - low_);
  low_ -= room;
  high_ += room;
}

double Axis::place(double value) const {
  if (logarithmic_) return std::log(value / low_) / std::log(high_ / low_);
  return (value - low_) / (high_ - low_);
}

std::vector<Tick> Axis::ticks(int wanted) const {
  if (logarithmic_) {
    std::vector<Tick> decades = decade_ticks(low_, high_, wanted);
    if (decades.size() >= 3) return decades;
    std::vector<Tick> ladder = ladder_ticks(low_, high_);
    if (ladder.size() >= 3) return ladder;
  }
  return linear_ticks(low_, high_, wanted);
}

}  // namespace report
