#include "ssl/answered.h"

#include <ATen/ATen.h>

#include "losses/overlap.h"

namespace ssl {

Answered answered(const at::Tensor& answers, const at::Tensor& right) {
  const at::Tensor loss = losses::cross_entropy(answers.unsqueeze(2), right.unsqueeze(1));
  return {loss, (answers.detach().argmax(1) == right).to(at::kFloat).mean()};
}

}  // namespace ssl
