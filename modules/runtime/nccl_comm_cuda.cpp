// NCCL by its C interface (nccl.h 2.x), found when it is needed: LibTorch's wheels bring the library and no header.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/Event.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <dlfcn.h>

#include <cstring>

#include "core/error.h"
#include "core/log.h"
#include "runtime/gather.h"
#include "runtime/nccl_comm.h"

namespace runtime {
namespace {

struct UniqueId {
  char bytes[128];
};
using Handle = void*;  // ncclComm_t
using Result = int;    // 0: well
using Stream = CUstream_st*;
constexpr int kSum = 0, kBytes = 1;  // ncclSum, ncclUint8

// ncclDataType_t of what can be added up.
int type_of(at::ScalarType type) {
  switch (type) {
    case at::kByte:
      return 1;
    case at::kInt:
      return 2;
    case at::kLong:
      return 4;
    case at::kHalf:
      return 6;
    case at::kFloat:
      return 7;
    case at::kDouble:
      return 8;
    case at::kBFloat16:
      return 9;
    default:
      throw core::Error(std::string("ranks cannot add up ") + at::toString(type));
  }
}

struct Library {
  Result (*get_unique_id)(UniqueId*) = nullptr;
  Result (*init_rank)(Handle*, int, UniqueId, int) = nullptr;
  Result (*abort)(Handle) = nullptr;
  Result (*all_reduce)(const void*, void*, std::size_t, int, int, Handle, Stream) = nullptr;
  Result (*all_gather)(const void*, void*, std::size_t, int, Handle, Stream) = nullptr;
  Result (*broadcast)(const void*, void*, std::size_t, int, int, Handle, Stream) = nullptr;
  const char* (*error_text)(Result) = nullptr;

  // Whether all of it was found.
  bool load() {
    void* const library = ::dlopen("libnccl.so.2", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) return false;
    return find(library, "ncclGetUniqueId", get_unique_id) && find(library, "ncclCommInitRank", init_rank) &&
           find(library, "ncclCommAbort", abort) && find(library, "ncclAllReduce", all_reduce) &&
           find(library, "ncclAllGather", all_gather) && find(library, "ncclBroadcast", broadcast) &&
           find(library, "ncclGetErrorString", error_text);
  }
  void require(Result result, const char* what) const {
    if (result != 0) throw core::Error(std::string("NCCL: ") + what + ": " + error_text(result));
  }

 private:
  template <class Function>
  static bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    return function != nullptr;
  }
};

class NcclSum : public Sum {
 public:
  NcclSum(at::Tensor tensor, at::Tensor plain, const c10::Stream& stream)
      : tensor_(std::move(tensor)), plain_(std::move(plain)), done_(c10::kCUDA) {
    done_.record(stream);
  }
  void wait() override {
    done_.block(c10::cuda::getCurrentCUDAStream(plain_.device().index()).unwrap());
    if (!plain_.is_same(tensor_)) tensor_.copy_(plain_);
  }

 private:
  at::Tensor tensor_, plain_;
  c10::Event done_;
};

class NcclComm : public GatheringComm {
 public:
  NcclComm(const Library& library, std::unique_ptr<Comm> host, c10::Device device)
      : library_(library),
        host_(std::move(host)),
        device_(device),
        side_(c10::cuda::getStreamFromPool(/*isHighPriority=*/true, device.index())) {
    const c10::cuda::CUDAGuard guard(device_);
    for (Handle* const handle : {&calls_, &sums_}) {
      at::Tensor id = at::zeros({static_cast<std::int64_t>(sizeof(UniqueId))}, at::kByte);
      UniqueId own{};
      if (rank() == 0) library_.require(library_.get_unique_id(&own), "a new communicator");
      std::memcpy(id.mutable_data_ptr(), own.bytes, sizeof own.bytes);
      host_->broadcast(id, 0);
      std::memcpy(own.bytes, id.const_data_ptr(), sizeof own.bytes);
      library_.require(library_.init_rank(handle, size(), own, rank()), "meeting the other GPUs");
    }
  }
  // Whatever is under way ends with it, also where another rank will never come to it.
  ~NcclComm() override {
    for (const Handle handle : {calls_, sums_}) {
      if (handle != nullptr) library_.abort(handle);
    }
  }

  int rank() const override { return host_->rank(); }
  int size() const override { return host_->size(); }
  void barrier() override { host_->barrier(); }

  void all_reduce_sum(at::Tensor& tensor) override {
    if (!tensor.is_cuda()) return host_->all_reduce_sum(tensor);
    const at::NoGradGuard no_gradient;
    agree(0, tensor, 0);
    const at::Tensor plain = tensor.detach().contiguous();
    add_up(plain, calls_, c10::cuda::getCurrentCUDAStream(device_.index()));
    if (plain.const_data_ptr() != tensor.const_data_ptr()) tensor.copy_(plain);
  }

  std::unique_ptr<Sum> begin_sum(at::Tensor tensor) override {
    if (!tensor.is_cuda()) return host_->begin_sum(std::move(tensor));
    const at::NoGradGuard no_gradient;
    tensor = tensor.detach();
    at::Tensor plain = tensor.contiguous();
    c10::Event ready(c10::kCUDA);
    ready.record(c10::cuda::getCurrentCUDAStream(device_.index()).unwrap());
    ready.block(side_.unwrap());
    add_up(plain, sums_, side_);
    return std::make_unique<NcclSum>(std::move(tensor), std::move(plain), side_.unwrap());
  }

  at::Tensor gather_values(const at::Tensor& tensor) override {
    const at::NoGradGuard no_gradient;
    if (!tensor.is_cuda()) return host_->all_gather(tensor.detach());
    agree(1, tensor, 0);
    const at::Tensor plain = tensor.detach().contiguous();
    std::vector<std::int64_t> sizes = tensor.sizes().vec();
    sizes.at(0) *= size();
    at::Tensor all = at::empty(sizes, plain.options());
    if (plain.numel() == 0) return all;
    const c10::cuda::CUDAGuard guard(device_);
    library_.require(library_.all_gather(plain.const_data_ptr(), all.mutable_data_ptr(), plain.nbytes(), kBytes, calls_,
                                         c10::cuda::getCurrentCUDAStream(device_.index()).stream()),
                     "all_gather");
    return all;
  }

  void broadcast(at::Tensor& tensor, int root) override {
    if (!tensor.is_cuda()) return host_->broadcast(tensor, root);
    const at::NoGradGuard no_gradient;
    agree(2, tensor, root);
    const at::Tensor plain = tensor.detach().contiguous();
    if (plain.numel() == 0) return;
    const c10::cuda::CUDAGuard guard(device_);
    library_.require(library_.broadcast(plain.const_data_ptr(), plain.mutable_data_ptr(), plain.nbytes(), kBytes, root,
                                        calls_, c10::cuda::getCurrentCUDAStream(device_.index()).stream()),
                     "broadcast");
    if (plain.const_data_ptr() != tensor.const_data_ptr()) tensor.copy_(plain);
  }

 private:
  void add_up(const at::Tensor& plain, Handle handle, const c10::cuda::CUDAStream& stream) const {
    if (plain.numel() == 0) return;
    const c10::cuda::CUDAGuard guard(device_);
    library_.require(
        library_.all_reduce(plain.const_data_ptr(), plain.mutable_data_ptr(), static_cast<std::size_t>(plain.numel()),
                            type_of(plain.scalar_type()), kSum, handle, stream.stream()),
        "all_reduce_sum");
  }

  // NCCL itself would wait for ever, or mix up bytes.
  void agree(std::int64_t call, const at::Tensor& tensor, int root) const {
    std::vector<std::int64_t> own{call, static_cast<std::int64_t>(tensor.scalar_type()), root, tensor.dim()};
    for (std::int64_t axis = 0; axis < 6; ++axis) own.push_back(axis < tensor.dim() ? tensor.size(axis) : -1);
    const at::Tensor mine = at::tensor(own, at::kLong).unsqueeze(0);
    if (!host_->all_gather(mine).eq(mine).all().item<bool>())
      throw core::Error("ranks do not do the same, or brought tensors of different shapes or types",
                        "all ranks need the same command, settings and run folder");
  }

  Library library_;
  std::unique_ptr<Comm> host_;
  c10::Device device_;
  c10::cuda::CUDAStream side_;
  Handle calls_ = nullptr, sums_ = nullptr;
};

}  // namespace

std::unique_ptr<Comm> over_nccl(std::unique_ptr<Comm> host, c10::Device device) {
  Library library;
  at::Tensor without = at::full({1}, library.load() ? 0 : 1, at::kLong);
  host->all_reduce_sum(without);
  if (without.item<std::int64_t>() == 0) return std::make_unique<NcclComm>(library, std::move(host), device);
  core::log_warn("not every rank has NCCL (libnccl.so.2): tensors of the GPUs go through the host's memory");
  return host;
}

}  // namespace runtime
