#pragma once
// What a step draws for itself, apart from the views.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "core/rng.h"
#include "data/batch.h"

namespace ssl {

// A stream of random numbers for each sample of the batch. It depends on the sample's number and on `decision` alone
// (a number that tells the method's decisions apart): so ranks, replays and resumed runs draw the same. Waits for the
// device to hand the numbers over; call it before the step's work is queued.
std::vector<core::Rng> draws_for(const data::Batch& batch, std::uint32_t decision = 0);

// [N, numbers] float32 on the CPU: a row of normal numbers (mean 0, variance 1) for each sample, of its stream.
at::Tensor standard_normal(const data::Batch& batch, std::int64_t numbers, std::uint32_t decision = 0);

}  // namespace ssl
