#pragma once
// Parts of a network whose inner results are computed again when the gradient comes instead of being kept until then.
// Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174.

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>

#include <functional>
#include <vector>

namespace runtime {

// While it lives, recomputed() on this thread keeps the inputs of a part alone. `on` false: as it was before.
class Recompute {
 public:
  explicit Recompute(bool on);
  ~Recompute();
  Recompute(const Recompute&) = delete;
  Recompute& operator=(const Recompute&) = delete;
  static bool is_on();

 private:
  bool before_;
};

// While it lives, told on this thread of the result of each part that recomputed() has run with a gradient.
class PartWatch {
 public:
  using Told = std::function<void(const at::Tensor&)>;
  explicit PartWatch(Told told);
  ~PartWatch();
  PartWatch(const PartWatch&) = delete;
  PartWatch& operator=(const PartWatch&) = delete;
  static void tell(const at::Tensor& made);

 private:
  Told told_;
};

using Part = std::function<at::Tensor(const std::vector<at::Tensor>&)>;

// part(inputs), of which the gradient needs the inputs alone: it is computed once more then, under the same autocast
// and with the same numbers of torch's generators, so that result and gradients are the same to the bit. `parameters`:
// what part computes with besides its inputs and wants a gradient of. What part refers to must live until the gradient
// came.
at::Tensor recomputed_always(Part part, const std::vector<at::Tensor>& inputs, std::vector<at::Tensor> parameters);

// The inputs as tensors of a part's own: the gradients that come to them from within are summed first, before those
// from elsewhere, as where it is recomputed. Sums in another order are other bits.
std::vector<at::Tensor> aliases(const std::vector<at::Tensor>& inputs);

// The same where Recompute is on and a gradient is wanted; else just part(inputs). `module`: a torch::nn::Module that
// part runs.
template <class Module>
at::Tensor recomputed(const Module& module, Part part, const std::vector<at::Tensor>& inputs) {
  if (!at::GradMode::is_enabled()) return part(inputs);
  const at::Tensor made =
      Recompute::is_on() ? recomputed_always(std::move(part), inputs, module.parameters()) : part(aliases(inputs));
  PartWatch::tell(made);
  return made;
}

}  // namespace runtime
