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

// InfoNCE: softmax cross-entropy of cos / temperature between row i of `queries` and row i of `keys`, among the keys of
// all ranks (van den Oord et al., "Representation learning with contrastive predictive coding", 2018; one half of the
// loss of MoCo v3 without its factor 2 T). queries, keys [N, C] of any length, the same N on every rank; the mean over
// this rank's queries. Every rank must come here. Where `counted` [N] is 0 row i is neither query nor key (undefined:
// all are counted); then the mean over ranks is that over the counted rows of all, 0 where there is none.
at::Tensor info_nce(const at::Tensor& queries, const at::Tensor& keys, double temperature, runtime::Comm& comm,
                    const at::Tensor& counted = {});

// The same where the others are those of a queue instead: He et al., "Momentum contrast", CVPR 2020. queue [K, C] of
// any length of rows, K may be 0. Where `counted` [N, K] is 0 that row of the queue is nothing to tell that query from
// (undefined: all are counted); a query with nothing to be told from has the loss 0. Nothing is gathered: the queue is
// that of all ranks already.
at::Tensor info_nce_with_queue(const at::Tensor& queries, const at::Tensor& keys, const at::Tensor& queue,
                               double temperature, const at::Tensor& counted = {});

// Squares of distances between rows of length 1: max(0, |a - p|^2 - |a - n|^2 + margin), where a is row i of `first`, p
// row i of `second` and n any other row of `second` of the global batch; the mean over all of them and over the rows of
// this rank, 0 where there is no other. Schroff et al., "FaceNet", CVPR 2015. Every rank must come here.
at::Tensor triplet(const at::Tensor& first, const at::Tensor& second, double margin, runtime::Comm& comm);

}  // namespace losses
