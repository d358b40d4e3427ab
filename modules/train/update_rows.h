#pragma once
// What one update does to a row of numbers, in one pass over memory, with the widest vectors the processor has (Google
// Highway, chosen when the program runs). Each number by itself, products and sums rounded one by one: every processor
// gives the same bits. Pure; nothing is checked.

#include <cstddef>

namespace train {

// Where the numbers of a parameter lie. Those that a rule does not keep, and the average where there is none, are null.
struct Row {
  const float* gradient;
  float *parameter, *first, *second, *average;
};

// AdamW: first = the mean of the gradient, second = of its square. Names as in the paper, with t the steps done:
struct AdamWNumbers {
  float gradient_scale;
  float beta1_rest, beta2, beta2_rest;  // 1 - beta1, beta2, 1 - beta2
  float keep;                           // 1 - rate * decay
  float step;                           // rate / (1 - beta1^t)
  float root_scale;                     // 1 / sqrt(1 - beta2^t)
  float epsilon;
  float average_share;
};
void adamw_row(const Row& row, std::size_t size, const AdamWNumbers& numbers);

// d = pull (gradient + decay * parameter); first = momentum * first + d; parameter -= rate * first, or with `ahead`
// rate * (momentum * first + d).
struct MomentumNumbers {
  float gradient_scale;
  float decay, pull, momentum, rate;
  bool ahead;
  float average_share;
};
void momentum_row(const Row& row, std::size_t size, const MomentumNumbers& numbers);

// In double, in eight sums whatever the width of a vector.
double sum_of_squares(const float* numbers, std::size_t size);

}  // namespace train
