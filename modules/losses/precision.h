#pragma once
// Losses are computed in float32 or better, whatever the networks ran in.

#include <ATen/core/Tensor.h>
#include <c10/core/DispatchKeySet.h>
#include <c10/core/impl/LocalDispatchKeySet.h>

namespace losses {

// While it lives, autocast does not touch this thread's operations.
class WithoutAutocast {
 private:
  c10::impl::ExcludeDispatchKeyGuard guard_{c10::autocast_dispatch_keyset};
};

// float16 and bfloat16 become float32; float32 and float64 stay as they are. The gradient comes back in the old type.
inline at::Tensor at_least_float(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kDouble ? tensor : tensor.to(at::kFloat);
}

}  // namespace losses
