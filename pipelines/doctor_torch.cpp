// The half of doctor that needs torch.
#include <ATen/ATen.h>
#include <ATen/Context.h>
#include <ATen/core/grad_mode.h>

#include <array>
#include <cmath>
#include <cstdlib>

#include "core/parallel.h"
#include "core/rng.h"
#include "core/table.h"
#include "pipelines/doctor.h"
#include "runtime/device.h"
#include "runtime/dispatch.h"

namespace pipelines {
namespace {

constexpr std::int64_t kIn = 3, kOut = 4, kKernel = 3;
constexpr std::array<std::int64_t, 3> kExtent{5, 6, 7};

at::Tensor drawn(at::IntArrayRef sizes, std::uint64_t sample) {
  at::Tensor values = at::empty(sizes, at::kFloat);
  core::Rng rng({20, sample});
  float* const out = values.mutable_data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) out[i] = static_cast<float>(rng.normal());
  return values;
}

// One output voxel of a convolution with padding 1, summed in double.
double plain_voxel(const at::Tensor& image, const at::Tensor& weight, std::int64_t out, std::int64_t d, std::int64_t h,
                   std::int64_t w) {
  const auto voxels = image.accessor<float, 5>();
  const auto weights = weight.accessor<float, 5>();
  double sum = 0;
  for (std::int64_t in = 0; in < kIn; ++in) {
    for (std::int64_t k = 0; k < kKernel * kKernel * kKernel; ++k) {
      const std::int64_t kd = k / 9, kh = k / 3 % 3, kw = k % 3;
      const std::int64_t at_d = d + kd - 1, at_h = h + kh - 1, at_w = w + kw - 1;
      const bool inside =
          at_d >= 0 && at_d < kExtent[0] && at_h >= 0 && at_h < kExtent[1] && at_w >= 0 && at_w < kExtent[2];
      if (inside) sum += static_cast<double>(voxels[0][in][at_d][at_h][at_w]) * weights[out][in][kd][kh][kw];
    }
  }
  return sum;
}

at::Tensor plain_convolution(const at::Tensor& image, const at::Tensor& weight) {
  at::Tensor result = at::empty({1, kOut, kExtent[0], kExtent[1], kExtent[2]}, at::kDouble);
  auto voxels = result.accessor<double, 5>();
  for (std::int64_t out = 0; out < kOut; ++out) {
    for (std::int64_t d = 0; d < kExtent[0]; ++d) {
      for (std::int64_t h = 0; h < kExtent[1]; ++h) {
        for (std::int64_t w = 0; w < kExtent[2]; ++w)
          voxels[0][out][d][h][w] = plain_voxel(image, weight, out, d, h, w);
      }
    }
  }
  return result;
}

// The largest difference between torch's convolution on a device and the plain one, in parts of the largest value.
Finding convolution_finding(const std::string& name, c10::Device device, at::ScalarType type, double tolerance) {
  const std::string what = "convolution, " + name;
  try {
    const at::Tensor image = drawn({1, kIn, kExtent[0], kExtent[1], kExtent[2]}, 0);
    const at::Tensor weight = drawn({kOut, kIn, kKernel, kKernel, kKernel}, 1);
    const at::Tensor truth = plain_convolution(image, weight);
    const at::Tensor found =
        at::conv3d(image.to(device, type), weight.to(device, type), {}, 1, 1).to(at::kCPU, at::kDouble);
    const double difference = ((found - truth).abs().max() / truth.abs().max()).item<double>();
    const bool good = std::isfinite(difference) && difference <= tolerance;
    char text[64];
    std::snprintf(text, sizeof text, "off by %.1e of the largest value", difference);
    return {what, text, good, good ? "" : "torch computes wrong numbers here: another version, or a failing device"};
  } catch (const std::exception& error) {
    const std::string story = error.what();
    return {what, "fails: " + story.substr(0, story.find('\n')), false,
            "the driver and this build's torch may not fit together; --device cpu works without"};
  }
}

Finding thread_finding() {
  const int threads = runtime::set_threads(0), processors = core::usable_processors();
  const char* const asked = std::getenv("OMP_NUM_THREADS");
  std::string hint;
  if (threads > processors) hint = "more than processors: set OMP_NUM_THREADS=" + std::to_string(processors);
  if (threads < processors) hint = "fewer than processors, some stay idle; OMP_NUM_THREADS decides";
  return {"torch threads", std::to_string(threads) + (asked ? std::string(" (OMP_NUM_THREADS=") + asked + ")" : ""),
          threads <= processors, hint};
}

Finding kernels_finding() {
  if (runtime::kCudaKernels)
    return {"CUDA kernels", "linked", true, "they never ran on a GPU of ours: run ctest -L gpu first"};
  return {"CUDA kernels", "not linked", true,
          "torch's own operations are used; the kernels never ran on a GPU of ours"};
}

std::vector<Finding> gpu_findings() {
  const int driver = runtime::driver_cuda_version();
  std::vector<Finding> findings{{"GPU driver", driver == 0 ? "none"
                                                           : "up to CUDA " + std::to_string(driver / 1000) + "." +
                                                                 std::to_string(driver % 1000 / 10)}};
  const std::vector<std::string> devices = runtime::devices();
  const bool unused = driver != 0 && devices.size() == 1;
  findings.push_back({"GPUs", devices.size() == 1 ? "none" : "", !unused,
                      unused ? "there is a driver, but this build's torch cannot use it: build with a CUDA LibTorch "
                               "(third_party/README.md), or set CUDA_VISIBLE_DEVICES"
                             : ""});
  for (std::size_t i = 1; i < devices.size(); ++i) {
    const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(i - 1));
    findings.back().value += (i > 1 ? ", " : "") + devices[i];
    // TF32 is what torch takes for convolutions: 10 bits of mantissa.
    findings.push_back(convolution_finding("cuda:" + std::to_string(i - 1), device, at::kFloat, 5e-3));
    if (runtime::has_bf16_units(device)) {
      findings.push_back(convolution_finding("cuda:" + std::to_string(i - 1) + " bf16", device, at::kBFloat16, 2e-2));
    }
  }
  return findings;
}

}  // namespace

std::vector<Finding> examine_torch() {
  const at::NoGradGuard no_gradient;
  std::vector<Finding> findings{thread_finding()};
  const bool bf16 = runtime::has_bf16_units(at::kCPU);
  findings.push_back({"bf16 units of the processor", bf16 ? "yes" : "no", true,
                      bf16 ? "trainer.precision=auto computes in bf16" : "trainer.precision=auto computes in fp32"});
  findings.push_back(convolution_finding("processor", at::kCPU, at::kFloat, 1e-5));
  if (bf16) findings.push_back(convolution_finding("processor bf16", at::kCPU, at::kBFloat16, 2e-2));
  findings.push_back(kernels_finding());
  for (Finding& each : gpu_findings()) findings.push_back(std::move(each));
  return findings;
}

}  // namespace pipelines
