#pragma once
// One encoder and a teacher of its kind that follows it: what self-distillation, momentum contrast and prediction of
// embeddings share.

#include <memory>
#include <string>
#include <vector>

#include "ssl/method.h"
#include "train/teacher.h"

namespace ssl {

// The teacher's encoder is called "teacher_encoder", its other networks "teacher_<name>"; they take no gradient and are
// in weights(), so that a checkpoint holds them. The encoder that fine-tuning takes over is the student's.
class WithTeacher : public OneEncoder {
 public:
  // Momentum rises from the first one to 1 along the run (train::teacher_momentum).
  void after_update(const train::Moment& moment) override;

 protected:
  WithTeacher(std::string phase, const Setup& setup, double momentum);
  // Adds both; the teacher becomes a copy of the student and follows it.
  void add_followed(const std::string& name, const std::shared_ptr<torch::nn::Module>& student,
                    const std::shared_ptr<torch::nn::Module>& teacher);

  std::shared_ptr<models::Encoder> teacher_encoder_;

 private:
  double momentum_;
  std::vector<train::Teacher> teachers_;
};

}  // namespace ssl
