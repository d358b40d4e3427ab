#pragma once
// How far rows are from a standard normal distribution.

#include <ATen/core/Tensor.h>

#include <cstdint>

#include "runtime/comm.h"

namespace losses {

// SIGReg of Balestriero and LeCun, "LeJEPA", 2025: along each direction the Epps-Pulley statistic, N times the integral
// over t in [-t_max, t_max] of |mean of exp(i t x) - exp(-t^2 / 2)|^2 exp(-t^2 / 2), by the trapezoidal rule on `knots`
// points of [0, t_max]; then the mean over directions. rows [N, C] of the global batch, the same N on every rank;
// directions [C, S], columns of length 1, the same on every rank. The same value on every rank; all must come here.
at::Tensor sigreg(const at::Tensor& rows, const at::Tensor& directions, std::int64_t knots, double t_max,
                  runtime::Comm& comm);

// `count` directions drawn evenly from the sphere: columns of [C, count], float32 on the CPU. The same key, the same
// directions: on every rank, and after a resume.
at::Tensor directions_of(std::int64_t width, std::int64_t count, std::uint64_t key);

}  // namespace losses
