#pragma once
// Losses that tell samples of a batch from each other.

#include <ATen/core/Tensor.h>

#include "runtime/comm.h"

namespace losses {

// NT-Xent of Chen et al., "A simple framework for contrastive learning of visual representations", ICML 2020: softmax
// cross-entropy of cos / temperature, where row i of `first` and row i of `second` belong together and every other of
// the 2 N size - 2 embeddings of the global batch is a negative. first, second [N, C], any length of rows (they are
// normalised here), the same N on every rank. Returns the mean over this rank's 2N rows, a scalar, so that the mean
// over ranks is the loss of one process with the whole batch; the same holds for gradients (see Comm::all_gather).
// Every rank must come here. With one sample in all there is no negative and the loss is 0.
at::Tensor nt_xent(const at::Tensor& first, const at::Tensor& second, double temperature, runtime::Comm& comm);

}  // namespace losses
