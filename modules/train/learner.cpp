#include "train/learner.h"

#include "core/error.h"

namespace train {

StepResult Learner::step(std::size_t phase, const data::Batch& batch, const Moment& moment) {
  return loss_of(phase, embed(phase, batch, moment), batch, moment);
}

std::vector<at::Tensor> Learner::embed(std::size_t, const data::Batch&, const Moment&) {
  core::check_failed("a learner has step(), or embed() and loss_of()", __FILE__, __LINE__);
}

StepResult Learner::loss_of(std::size_t, const std::vector<at::Tensor>&, const data::Batch&, const Moment&) {
  core::check_failed("a learner has step(), or embed() and loss_of()", __FILE__, __LINE__);
}

runtime::Comm& Learner::comm() const {
  static const std::unique_ptr<runtime::Comm> one = runtime::alone();
  return comm_ != nullptr ? *comm_ : *one;
}

}  // namespace train
