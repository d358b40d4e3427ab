#pragma once
// Pictures and the texts that tell of them: each shall be found by the other among those of the global batch.

#include <ATen/core/Tensor.h>

#include "runtime/comm.h"

namespace losses {

// Row i of all is of one sample; the same N on every rank.
struct ImageText {
  at::Tensor image, text;  // [N, C] of any length: they are normalised here
  // [N] int64: the same number where texts are the same, -1 where there is none. A row without a text is left out, and
  // rows with the same text are no negatives of each other: neither picture could tell which of the two is its own.
  at::Tensor which;
};

// Both: log_scale, a scalar, is the logarithm of what cosines are multiplied with. A scalar, differentiable in all; the
// mean over the counted rows of all ranks, as the mean over ranks of what each returns; 0 with gradient 0 where no row
// has a text. Every rank must come here.

// Radford et al., "Learning transferable visual models from natural language supervision" (CLIP), ICML 2021: softmax
// cross-entropy of the text among texts for each picture, and of the picture among pictures for each text; the mean of
// the two.
at::Tensor found_by_softmax(const ImageText& rows, const at::Tensor& log_scale, runtime::Comm& comm);

// Zhai et al., "Sigmoid loss for language image pre-training" (SigLIP), ICCV 2023: for each picture the sum over texts
// of -log s(z (scale cos + bias)), z = 1 for its own and -1 for others, s the logistic function. bias a scalar.
at::Tensor found_by_sigmoid(const ImageText& rows, const at::Tensor& log_scale, const at::Tensor& bias,
                            runtime::Comm& comm);

}  // namespace losses
