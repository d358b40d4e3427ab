#include "runtime/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>

#include <array>
#include <charconv>

#include "core/error.h"

namespace runtime {
namespace {

int gpu_count() {
  return at::globalContext().hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
}

// The driver's own name of a device: this needs no CUDA headers, so that a build without the toolkit can name it too.
std::string gpu_name(int index) {
  const auto library = [] { return ::dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL); }();
  if (library == nullptr) return "";
  const auto init = reinterpret_cast<int (*)(unsigned)>(::dlsym(library, "cuInit"));
  const auto get = reinterpret_cast<int (*)(int*, int)>(::dlsym(library, "cuDeviceGet"));
  const auto name = reinterpret_cast<int (*)(char*, int, int)>(::dlsym(library, "cuDeviceGetName"));
  const auto memory = reinterpret_cast<int (*)(std::size_t*, int)>(::dlsym(library, "cuDeviceTotalMem_v2"));
  std::array<char, 256> text{};
  std::size_t bytes = 0;
  int device = 0;
  if (!init || !get || !name || !memory || init(0) != 0 || get(&device, index) != 0 ||
      name(text.data(), static_cast<int>(text.size()) - 1, device) != 0 || memory(&bytes, device) != 0) {
    return "";
  }
  return std::string(text.data()) + " (" + std::to_string(bytes >> 30) + " GiB)";
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

int set_threads(int threads) {
  if (threads < 0) throw core::usage_error("threads must be 0 or more", "0 keeps what torch chose");
  if (threads > 0) at::set_num_threads(threads);
  return at::get_num_threads();
}

}  // namespace runtime
