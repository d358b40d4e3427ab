#pragma once
// The gradient of Comm::all_gather, for backends that can gather values.

#include "runtime/comm.h"

namespace runtime {

class GatheringComm : public Comm {
 public:
  // Backward sums over ranks what each rank's loss gave to this rank's rows; all ranks must come to it.
  at::Tensor all_gather(const at::Tensor& tensor) final;
  // As all_gather, without a gradient.
  virtual at::Tensor gather_values(const at::Tensor& tensor) = 0;
};

}  // namespace runtime
