#pragma once
// A student that learns to answer as its teacher does, who saw something else of the same sample.

#include <ATen/core/Tensor.h>

#include "runtime/comm.h"

namespace losses {

// What the teacher says: softmax((scores - centre) / temperature) over the last axis; no gradient, float32 or better.
// scores [..., K], centre [K]. (losses::sinkhorn is the other way to keep it from saying the same of everything.)
at::Tensor centred_answer(const at::Tensor& scores, const at::Tensor& centre, double temperature);

// Mean of the rows [N, K] of all ranks, the same N on each: what a centre follows. No gradient; every rank must come.
at::Tensor mean_of_all(const at::Tensor& rows, runtime::Comm& comm);

// Caron et al., "Emerging properties in self-supervised vision transformers" (DINO), ICCV 2021: -sum over k of answer
// log softmax(student / temperature), mean over samples and over the pairs of a teacher's view with another of the
// student. answers [T, N, K], student [S, N, K]; the first views of both are the same pictures. S, T with at least one
// such pair.
at::Tensor self_distillation(const at::Tensor& answers, const at::Tensor& student, double temperature);

// Zhou et al., "iBOT", ICLR 2022: the same over hidden tokens. answers, student [M, K] of M hidden tokens, picture [M]
// int64 says of which of `pictures` each is: mean over the tokens of a picture, then sum / pictures (a picture without
// hidden tokens counts 0).
at::Tensor token_distillation(const at::Tensor& answers, const at::Tensor& student, const at::Tensor& picture,
                              std::int64_t pictures, double temperature);

// Gram anchoring of Simeoni et al., "DINOv3", 2025: the places of a picture shall be as like each other to the student
// as they are to the teacher, whatever the places themselves are said to be. student [N, T, C], teacher [N, T, C'] of
// T places, any length; mean over pictures and over all pairs i, k of (cos(s_i, s_k) - cos(t_i, t_k))^2; the paper
// sums over pairs. Gradient to the student alone. The same N on every rank, nothing is gathered.
at::Tensor gram_distance(const at::Tensor& student, const at::Tensor& teacher);

// Kozachenko-Leonenko: mean over rows of -log(distance to the nearest other row of the global batch + 1e-8), rows of
// length 1: spreads them evenly. Sablayrolles et al., "Spreading vectors for similarity search", ICLR 2019. rows [N,
// C]; this rank's mean; 0 when there is no other. Every rank must come here.
at::Tensor koleo(const at::Tensor& rows, runtime::Comm& comm);

}  // namespace losses
