#pragma once
// Rows seen along the axes in which they differ, all axes alike.

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace ssl {

// Rows [N, C] less their mean, turned to their principal axes, each divided by its standard deviation (over N): [N, k]
// float32 on the CPU, no gradient. The `most` axes of largest variance are kept, fewer where the rows differ in fewer
// (an axis below a millionth of the largest variance is none); rows that are all the same become one column of zeros.
// The same rows give the same numbers, computed in float64. Jegou and Chum, "Negative evidences and co-occurrences in
// image retrieval: the benefit of PCA and whitening", ECCV 2012.
at::Tensor whitened(const at::Tensor& rows, std::int64_t most);

}  // namespace ssl
