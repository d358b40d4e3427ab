#include "train/spike.h"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/error.h"
#include "core/table.h"

namespace train {
namespace {

constexpr double kNormal = 1.4826;     // from the median distance to the standard deviation
constexpr double kLeastSpread = 0.01;  // of the median: losses that hardly move are no reason for alarm
constexpr double kTiny = 1e-12;

// Of an even number the mean of the two in the middle.
double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace

SpikeDetector::SpikeDetector(const TrainerSettings& settings)
    : window_(static_cast<std::size_t>(settings.spike_window)),
      factor_(settings.spike_factor),
      on_(settings.spike != "off") {}

bool SpikeDetector::judge(double loss) {
  if (!on_ || !std::isfinite(loss)) return false;
  bool far = false;
  if (losses_.size() == window_) {
    std::vector<double> values(losses_.begin(), losses_.end());
    const double middle = median(values);
    for (double& value : values) value = std::abs(value - middle);
    const double spread = std::max({kNormal * median(std::move(values)), kLeastSpread * std::abs(middle), kTiny});
    far = loss > middle + factor_ * spread;
    if (far) {
      story_ = "the median of the last " + std::to_string(window_) + " is " + core::fixed(middle, 4) +
               ", their spread " + core::fixed(spread, 4);
    }
    losses_.pop_front();
  }
  losses_.push_back(loss);
  spikes += far ? 1 : 0;
  return far;
}

Setbacks SpikeDetector::state() const {
  Setbacks state{spikes, rewinds, {}};
  if (losses_.empty()) return state;
  state.losses = at::empty({static_cast<std::int64_t>(losses_.size())}, at::kDouble);
  std::copy(losses_.begin(), losses_.end(), state.losses.mutable_data_ptr<double>());
  return state;
}

void SpikeDetector::load(const Setbacks& state) {
  spikes = state.spikes;
  rewinds = state.rewinds;
  losses_.clear();
  if (!on_ || !state.losses.defined()) return;
  if (state.losses.scalar_type() != at::kDouble) throw core::Error("the checkpoint's last losses are none");
  const double* const values = state.losses.const_data_ptr<double>();
  losses_.assign(values, values + state.losses.numel());
  while (losses_.size() > window_) losses_.pop_front();
}

}  // namespace train
