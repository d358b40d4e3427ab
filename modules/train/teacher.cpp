#include "train/teacher.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <cmath>
#include <numbers>
#include <string>

#include "core/error.h"

namespace train {
namespace {

// The values of both, in the order of the student's names.
using Named = torch::OrderedDict<std::string, at::Tensor>;
void pair_up(const Named& student, const Named& teacher, std::vector<at::Tensor>& of_student,
             std::vector<at::Tensor>& of_teacher) {
  for (const auto& item : student) {
    const at::Tensor* const twin = teacher.find(item.key());
    if (twin == nullptr || twin->sizes() != item.value().sizes())
      throw core::Error("the teacher is another network than its student: " + item.key() +
                        (twin == nullptr ? " is not in it" : " has another shape"));
    of_student.push_back(item.value());
    of_teacher.push_back(*twin);
  }
  if (student.size() != teacher.size())
    throw core::Error("the teacher is another network than its student: it has " + std::to_string(teacher.size()) +
                      " tensors, the student " + std::to_string(student.size()));
}

}  // namespace

double teacher_momentum(double first, double done) {
  return 1 - (1 - first) * (1 + std::cos(std::numbers::pi * done)) / 2;
}

Teacher::Teacher(const torch::nn::Module& student, const torch::nn::Module& teacher) {
  pair_up(student.named_parameters(), teacher.named_parameters(), student_parameters_, parameters_);
  pair_up(student.named_buffers(), teacher.named_buffers(), student_buffers_, buffers_);
  for (at::Tensor& parameter : parameters_) parameter.set_requires_grad(false);
  copy();
}

void Teacher::copy() {
  const at::NoGradGuard no_gradient;
  if (!parameters_.empty()) at::_foreach_copy_(parameters_, student_parameters_);
  copy_buffers();
}

void Teacher::follow(double momentum) {
  const at::NoGradGuard no_gradient;
  if (!parameters_.empty()) at::_foreach_lerp_(parameters_, student_parameters_, 1 - momentum);
  copy_buffers();
}

void Teacher::copy_buffers() {
  if (!buffers_.empty()) at::_foreach_copy_(buffers_, student_buffers_);
}

}  // namespace train
