#pragma once
// What segmentation is trained with.

#include <ATen/core/Tensor.h>

#include <array>
#include <cstdint>
#include <vector>

namespace losses {

// Logits are [N, K, D, H, W] with K >= 2 classes, class 0 the background; labels [N, D, H, W] int64. A label of -1 says
// "not counted": the voxel has no part in any sum. All return a scalar, differentiable in the logits; 0 with gradient
// 0 where nothing is counted. A label of K or more throws Error (on the CPU; elsewhere it would stall the device, and
// the voxel counts as of no class).

// 1 - Dice of the softmax, for each sample and each class but the background, then the mean over both:
// Dice = (2 sum p y + s) / (sum p + sum y + s), s = 1e-5. Milletari et al., "V-Net", 3DV 2016, without squares.
// A class that is neither there nor predicted has Dice 1; absent but predicted, about 0.
at::Tensor soft_dice(const at::Tensor& logits, const at::Tensor& labels);

// Mean of -log p(label) over the counted voxels of the batch.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

// The sum of both, as in nnU-Net (Isensee et al., Nature Methods 2021); one softmax for the two.
at::Tensor dice_cross_entropy(const at::Tensor& logits, const at::Tensor& labels);

// dice_cross_entropy of each map, finest first, weights 1, 1/2, 1/4 ... over their sum, as [1 + maps] terms that add up
// to it: the Dice losses, then each map's cross-entropy. The labels [N, D, H, W] are of the finest map's extent; for a
// coarser one voxel i of m takes the label at floor(i n / m).
at::Tensor deep_supervision(const std::vector<at::Tensor>& maps, const at::Tensor& labels);
// Over how many things these terms are means, [1 + maps] int64: samples, then the counted voxels at the extent of each
// map, finest first.
at::Tensor deep_supervision_counts(const at::Tensor& labels, const std::vector<std::array<std::int64_t, 3>>& extents);

// The labels at a coarser (or finer) extent {D, H, W}, as deep_supervision takes them.
at::Tensor labels_at(const at::Tensor& labels, at::IntArrayRef extent);

}  // namespace losses
