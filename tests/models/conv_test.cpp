// Convolution in bfloat16 on maps that are shorter than the kernel, where oneDNN's own gradient is not to be had.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "models/blocks.h"

namespace {

at::Tensor kernel_gradient(const models::Conv& conv, const at::Tensor& x) {
  conv.weight.mutable_grad() = at::Tensor();
  const at::Tensor y = conv.forward(x);
  EXPECT_EQ(y.scalar_type(), x.scalar_type());
  y.to(at::kFloat).square().sum().backward();
  return conv.weight.grad().to(at::kFloat);
}

// Memory that is handed out again afterwards holds what nobody takes for a gradient.
void leave_traces() {
  for (const std::int64_t numbers : {100, 1000, 10000, 100000}) at::full({numbers}, 1e30f);
}

TEST(Conv, InBFloat16TheGradientOfAKernelLongerThanTheMapIsThatOfFloat32) {
  at::manual_seed(3);
  for (const models::Extent& stride : {models::Extent{1, 1, 1}, models::Extent{2, 2, 2}}) {
    for (const std::int64_t deep : {1, 2, 3, 4}) {
      models::Conv wide(16, 16, {3, 3, 3}, stride, false), narrow(16, 16, {3, 3, 3}, stride, false);
      const at::Tensor x = at::randn({2, 16, deep, 4, 4}).to(at::kBFloat16);
      wide.weight.detach().copy_(wide.weight.detach().to(at::kBFloat16));
      narrow.weight.set_data(wide.weight.detach().to(at::kBFloat16));
      const at::Tensor expected = kernel_gradient(wide, x.to(at::kFloat));
      for (int again = 0; again < 5; ++again) {
        leave_traces();
        const at::Tensor found = kernel_gradient(narrow, x);
        EXPECT_LT((found - expected).abs().max().item<double>(), 0.05 * expected.abs().max().item<double>())
            << deep << " deep, stride " << stride[0];
      }
    }
  }
}

}  // namespace
