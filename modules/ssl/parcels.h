#pragma once
// A picture cut into parts without labels, and which pictures stand for many. Pure, without gradient, on the CPU.

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace ssl {

// [D, H, W] int64 below `count`: the voxels of a picture [C, D, H, W] in compact parts of like grey values, by k-means
// of place and slightly smoothed grey value, each brought to variance 1; place counts `compactness` times. Parcels are
// numbered from dark to bright in the first channel; some may be empty, all of one value is parted by place alone.
// After Achanta et al., "SLIC superpixels", IEEE TPAMI 2012, over the whole picture at once.
at::Tensor parcels_of(const at::Tensor& picture, std::int64_t count, double compactness);

// Which `count` of pictures [N, C, D, H, W] stand for all of them: each in turn is the one with which the sum over all
// pictures of the correlation with the most like chosen one becomes greatest; the first one is the most central. Looked
// at 12 voxels along an axis at most. N >= count.
std::vector<std::int64_t> most_central(const at::Tensor& pictures, std::int64_t count);

}  // namespace ssl
