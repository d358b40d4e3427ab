#include "train/precision.h"

#include <ATen/Context.h>
#include <ATen/autocast_mode.h>

#include "runtime/device.h"

namespace train {

std::string resolved_precision(const std::string& word, c10::Device device) {
  if (word != "auto") return word;
  if (runtime::has_bf16_units(device)) return "bf16";
  return runtime::has_fp16_units(device) ? "fp16" : "fp32";
}

Autocast::Autocast(c10::Device device, const std::string& precision) : type_(device.type()), on_(precision != "fp32") {
  if (!on_) return;
  enabled_ = at::autocast::is_autocast_enabled(type_);
  dtype_ = at::autocast::get_autocast_dtype(type_);
  at::autocast::set_autocast_enabled(type_, true);
  at::autocast::set_autocast_dtype(type_, precision == "fp16" ? c10::ScalarType::Half : c10::ScalarType::BFloat16);
  at::autocast::increment_nesting();
}

Autocast::~Autocast() {
  if (!on_) return;
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, enabled_);
  at::autocast::set_autocast_dtype(type_, dtype_);
}

void use_tf32(c10::Device device, bool on) {
  if (!device.is_cuda()) return;
  at::globalContext().setAllowTF32CuBLAS(on);
  at::globalContext().setAllowTF32CuDNN(on);
}

}  // namespace train
