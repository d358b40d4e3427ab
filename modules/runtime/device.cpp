#include "runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <array>
#include <charconv>
#include <optional>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "core/error.h"

namespace runtime {
namespace {

int gpu_count() {
  return at::globalContext().hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
}

// The driver, asked directly: this needs no CUDA headers, so that a build without the toolkit can name devices too.
template <class Function>
Function driver_function(const char* name) {
  static void* const library = ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  return library == nullptr ? nullptr : reinterpret_cast<Function>(::dlsym(library, name));
}

std::optional<int> driver_device(int index) {
  const auto init = driver_function<int (*)(unsigned)>("cuInit");
  const auto get = driver_function<int (*)(int*, int)>("cuDeviceGet");
  int device = 0;
  if (!init || !get || init(0) != 0 || get(&device, index) != 0) return std::nullopt;
  return device;
}

std::string gpu_name(int index) {
  const auto name = driver_function<int (*)(char*, int, int)>("cuDeviceGetName");
  const auto memory = driver_function<int (*)(std::size_t*, int)>("cuDeviceTotalMem_v2");
  const std::optional<int> device = driver_device(index);
  std::array<char, 256> text{};
  std::size_t bytes = 0;
  if (!device || !name || !memory || name(text.data(), static_cast<int>(text.size()) - 1, *device) != 0 ||
      memory(&bytes, *device) != 0) {
    return "";
  }
  return std::string(text.data()) + " (" + std::to_string(bytes >> 30) + " GiB)";
}

// CUDA's compute capability, the number before the dot; 0 when the driver does not say.
int gpu_generation(int index) {
  constexpr int kMajor = 75;  // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
  const auto attribute = driver_function<int (*)(int*, int, int)>("cuDeviceGetAttribute");
  const std::optional<int> device = driver_device(index);
  int value = 0;
  return device && attribute && attribute(&value, kMajor, *device) == 0 ? value : 0;
}

bool processor_has_bf16() {
#if defined(__x86_64__)
  unsigned a = 0, b = 0, c = 0, d = 0;
  constexpr unsigned kAmxBf16 = 1u << 22, kAvx512Bf16 = 1u << 5;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0) return true;
  return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & kAvx512Bf16) != 0;
#else
  return false;
#endif
}

core::Error no_such_device(const std::string& name) {
  std::string known;
  for (const std::string& each : devices()) known += (known.empty() ? "" : ", ") + each;
  const bool without_cuda = name.starts_with("cuda") && !at::globalContext().hasCUDA();
  return core::usage_error("device '" + name + "' is not here; there is: " + known,
                           without_cuda ? "this build or this machine has no CUDA; give --device cpu or auto"
                                        : "give cpu, cuda, cuda:N or auto");
}

}  // namespace

c10::Device device_named(const std::string& name) {
  const int gpus = gpu_count();
  if (name == "cpu") return c10::Device(c10::kCPU);
  if (name == "auto") return gpus > 0 ? c10::Device(c10::kCUDA, 0) : c10::Device(c10::kCPU);
  int index = -1;
  if (name == "cuda") {
    index = 0;
  } else if (name.starts_with("cuda:")) {
    const char* const end = name.data() + name.size();
    const auto [stop, failed] = std::from_chars(name.data() + 5, end, index);
    if (failed != std::errc{} || stop != end) index = -1;
  }
  if (index < 0 || index >= gpus) throw no_such_device(name);
  return c10::Device(c10::kCUDA, static_cast<c10::DeviceIndex>(index));
}

std::vector<std::string> devices() {
  std::vector<std::string> names{"cpu"};
  for (int i = 0; i < gpu_count(); ++i) {
    const std::string name = gpu_name(i);
    names.push_back("cuda:" + std::to_string(i) + (name.empty() ? "" : " " + name));
  }
  return names;
}

int driver_cuda_version() {
  const auto version = driver_function<int (*)(int*)>("cuDriverGetVersion");
  int value = 0;
  return version && version(&value) == 0 ? value : 0;
}

bool has_bf16_units(c10::Device device) {
  if (device.is_cpu()) return processor_has_bf16();
  return device.is_cuda() && gpu_generation(device.has_index() ? device.index() : 0) >= 8;
}

bool has_fp16_units(c10::Device device) {
  return device.is_cuda() && gpu_generation(device.has_index() ? device.index() : 0) >= 7;
}

int set_threads(int threads) {
  if (threads < 0) throw core::usage_error("threads must be 0 or more", "0 keeps what torch chose");
  if (threads > 0) at::set_num_threads(threads);
  return at::get_num_threads();
}

}  // namespace runtime
