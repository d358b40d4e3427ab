#pragma once
// How sure a mean over patients and repetitions (seeds, draws of labels) is, when every repetition saw every patient.

#include <cstddef>
#include <span>

#include "evaluate/bootstrap.h"

namespace evaluate {

// `values` holds `repetitions` rows, each with one value for every patient, row by row. In each resample repetitions
// and patients are drawn with replacement, apart from each other, and the mean is over all pairs of them (A. B. Owen,
// "The pigeonhole bootstrap", Annals of Applied Statistics 1, 2007); with one repetition it is the bootstrap over
// patients. A handful of repetitions cannot tell how much they differ: then the interval is somewhat too narrow.
// Resample r draws from the key {seed, r}. With fewer than two patients the bounds are NaN. Values that are not finite
// are our bug, as is a number of values that does not divide.
Interval bootstrap_crossed(std::span<const double> values, std::size_t repetitions,
                           const BootstrapOptions& options = {});

}  // namespace evaluate
