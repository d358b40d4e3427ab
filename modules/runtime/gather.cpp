#include "runtime/gather.h"

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

namespace runtime {
namespace {

GatheringComm& comm_of(std::int64_t address) {
  return *reinterpret_cast<GatheringComm*>(static_cast<std::intptr_t>(address));
}

// Forward: the parts of all ranks. Backward: the sum over ranks of what each got for this rank's part.
struct Gather : torch::autograd::Function<Gather> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& tensor, std::int64_t comm) {
    context->saved_data["comm"] = comm;
    context->saved_data["rows"] = tensor.size(0);
    return comm_of(comm).gather_values(tensor);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    GatheringComm& comm = comm_of(context->saved_data["comm"].toInt());
    const std::int64_t rows = context->saved_data["rows"].toInt();
    at::Tensor sum = gradients.front().contiguous().clone();
    comm.all_reduce_sum(sum);
    return {sum.narrow(0, comm.rank() * rows, rows), at::Tensor()};
  }
};

}  // namespace

at::Tensor GatheringComm::all_gather(const at::Tensor& tensor) {
  return Gather::apply(tensor, static_cast<std::int64_t>(reinterpret_cast<std::intptr_t>(this)));
}

}  // namespace runtime
