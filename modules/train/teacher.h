#pragma once
// A network that follows another: its weights are the moving average (EMA) of the other's. Tarvainen and Valpola, "Mean
// teachers", NeurIPS 2017; with a rising momentum in Grill et al., "Bootstrap your own latent", NeurIPS 2020.
//
// A learner makes the teacher's network a second time, hands both over, adds the teacher to its Networks untrained (so
// that its tensors are in weights(): a checkpoint holds them, ranks begin with the same), and lets it follow in
// after_update:
//
//   teacher_(*encoder, *teacher_encoder), ...
//   networks_.add("teacher", teacher_encoder, /*trained=*/false);
//   void after_update(const Moment& moment) { teacher_.follow(teacher_momentum(0.996, moment.done())); }

#include <torch/nn/module.h>

#include <vector>

namespace train {

// The momentum at a share `done` of the run: `first` at its begin, along half a cosine to 1 at its end,
// 1 - (1 - first) (1 + cos(pi done)) / 2. Grill et al., 2020.
double teacher_momentum(double first, double done);

// Keeps the tensors of both, live; they may be moved to another device together afterwards. Has no state of its own.
// One thread.
class Teacher {
 public:
  // Begins as a copy(); the teacher's parameters take no gradient from now on. Throws Error when the two have not the
  // same names and shapes.
  Teacher(const torch::nn::Module& student, const torch::nn::Module& teacher);

  // Parameters and buffers become the student's: for a learner whose student was given other weights after the teacher
  // was made.
  void copy();
  // teacher = momentum teacher + (1 - momentum) student for each parameter; buffers (running statistics, counters) are
  // copied. momentum 1: parameters stay as they are.
  void follow(double momentum);

 private:
  void copy_buffers();

  std::vector<at::Tensor> parameters_, buffers_;                  // the teacher's
  std::vector<at::Tensor> student_parameters_, student_buffers_;  // in the same order
};

}  // namespace train
