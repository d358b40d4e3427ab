#include "ssl/sample_draws.h"

#include <ATen/ATen.h>

namespace ssl {

std::vector<core::Rng> draws_for(const data::Batch& batch, std::uint32_t decision) {
  constexpr std::uint32_t kNoView = 65535;  // one beyond the views of a sample
  const at::Tensor numbers = batch.sample.to(at::kCPU).contiguous();
  std::vector<core::Rng> draws;
  for (std::int64_t i = 0; i < numbers.numel(); ++i)
    draws.emplace_back(
        core::DrawKey{0, static_cast<std::uint64_t>(numbers.data_ptr<std::int64_t>()[i]), kNoView, decision});
  return draws;
}

at::Tensor standard_normal(const data::Batch& batch, std::int64_t numbers, std::uint32_t decision) {
  at::Tensor rows = at::empty({batch.size(), numbers});
  float* number = rows.data_ptr<float>();
  for (core::Rng& rng : draws_for(batch, decision)) {
    for (std::int64_t i = 0; i < numbers; ++i) *number++ = static_cast<float>(rng.normal());
  }
  return rows;
}

}  // namespace ssl
