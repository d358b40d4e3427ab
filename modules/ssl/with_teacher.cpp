#include "ssl/with_teacher.h"

#include "core/error.h"

namespace ssl {

WithTeacher::WithTeacher(std::string phase, const Setup& setup, double momentum)
    : OneEncoder(std::move(phase), setup), momentum_(momentum) {
  GADOLIN_CHECK(setup.twin);
  teacher_encoder_ = setup.twin();
  add("teacher_encoder", teacher_encoder_, /*trained=*/false);
  teachers_.emplace_back(*encoder_, *teacher_encoder_);
}

void WithTeacher::add_followed(const std::string& name, const std::shared_ptr<torch::nn::Module>& student,
                               const std::shared_ptr<torch::nn::Module>& teacher) {
  add(name, student);
  add("teacher_" + name, teacher, /*trained=*/false);
  teachers_.emplace_back(*student, *teacher);
}

void WithTeacher::after_update(const train::Moment& moment) {
  const double momentum = train::teacher_momentum(momentum_, moment.done());
  for (train::Teacher& teacher : teachers_) teacher.follow(momentum);
}

}  // namespace ssl
