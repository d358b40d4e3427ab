#include "train/precision.h"

#include <ATen/autocast_mode.h>

#include "runtime/device.h"

namespace train {

std::string resolved_precision(const std::string& word, c10::Device device) {
  if (word != "auto") return word;
  return runtime::has_bf16_units(device) ? "bf16" : "fp32";
}

Autocast::Autocast(c10::Device device, bool on) : type_(device.type()), on_(on) {
  if (!on_) return;
  enabled_ = at::autocast::is_autocast_enabled(type_);
  dtype_ = at::autocast::get_autocast_dtype(type_);
  at::autocast::set_autocast_enabled(type_, true);
  at::autocast::set_autocast_dtype(type_, c10::ScalarType::BFloat16);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!on_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, enabled_);
  at::autocast::set_autocast_dtype(type_, dtype_);
}

}  // namespace train
