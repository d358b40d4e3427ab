#pragma once
// Where a crop lies, told by how much it is like crops whose places are known. Wu et al., "VoCo: a simple-yet-effective
// volume contrastive learning framework", CVPR 2024.

#include <ATen/core/Tensor.h>

namespace losses {

// What a crop is told, s = relu(cosine) with each base, against what it shares with each, `share` in [0, 1]; both
// [N, B]. The weighted mean of -log(1 - |share - s|) with weights `share`, plus the mean of s^2 where share is 0: as
// the authors' code has it, from which the paper's equation 3 differs. A scalar >= 0, 0 where s is share everywhere,
// differentiable in the cosines; |share - s| counts as 1 - 1e-6 at most.
at::Tensor overlap_told(const at::Tensor& cosines, const at::Tensor& share);

// Mean over samples and pairs of different bases of relu(cosine)^2: bases shall be unlike each other. bases [N, B, C],
// any length; 0 with one base.
at::Tensor bases_apart(const at::Tensor& bases);

}  // namespace losses
