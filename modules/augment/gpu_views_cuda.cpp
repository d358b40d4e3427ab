// Compiled in every build that finds nvcc, never run: no GPU has been there yet.
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>

#include <algorithm>
#include <cstring>

#include "augment/gpu_views.h"
#include "core/error.h"
#include "runtime/staging.h"

namespace augment {
namespace {

using runtime::Staging;

constexpr std::size_t up16(std::size_t bytes) { return (bytes + 15) / 16 * 16; }

// What goes to the GPU in one piece: voxels of every channel, labels, then the tables.
class Freight {
 public:
  // Where these bytes will lie. They are read when the freight is loaded.
  std::size_t add(std::span<const std::byte> bytes) {
    const std::size_t at = size_;
    parts_.push_back({at, bytes});
    size_ += up16(bytes.size());
    return at;
  }
  std::size_t size_bytes() const { return size_; }
  void load(std::byte* to) const {
    for (const auto& [at, bytes] : parts_) std::memcpy(to + at, bytes.data(), bytes.size());
  }

 private:
  std::vector<std::pair<std::size_t, std::span<const std::byte>>> parts_;
  std::size_t size_ = 0;
};

bool read_as_it_lies(const volume::Volume& channel) {
  return channel.type() == volume::VoxelType::kInt16 || channel.type() == volume::VoxelType::kFloat32;
}

// Sources with offsets into the freight where pointers will be.
class Sources {
 public:
  explicit Sources(std::span<const Source> sources) {
    for (const Source& source : sources) {
      DeviceSource made;
      made.box = source.box;
      for (const volume::Volume* channel : source.channels) made.channels.push_back(channel_of(channel));
      if (source.labels != nullptr) {
        const volume::VoxelType type = source.labels->type();
        if (type != volume::VoxelType::kUInt8 && type != volume::VoxelType::kUInt16)
          throw core::Error("label maps are uint8 or uint16");
        made.label_bytes = static_cast<int>(volume::size_bytes(type));
        label_at_.push_back(freight_.add(source.labels->bytes()));
      } else {
        label_at_.push_back(kNone);
      }
      made_.push_back(std::move(made));
    }
  }

  const Freight& freight() const { return freight_; }
  bool has_labels(std::size_t sample) const { return label_at_[sample] != kNone; }
  std::vector<DeviceSource> at(std::byte* device) const {
    std::vector<DeviceSource> sources = made_;
    std::size_t next = 0;
    for (std::size_t n = 0; n < sources.size(); ++n) {
      for (DeviceChannel& channel : sources[n].channels) {
        const std::size_t at = channel_at_[next++];
        if (at != kNone) channel.voxels = device + at;
      }
      if (has_labels(n)) sources[n].labels = device + label_at_[n];
    }
    return sources;
  }

 private:
  static constexpr std::size_t kNone = ~std::size_t{0};

  DeviceChannel channel_of(const volume::Volume* channel) {
    if (channel == nullptr) {
      channel_at_.push_back(kNone);
      return {};
    }
    if (!read_as_it_lies(*channel))
      channel = turned_.emplace_back(std::make_unique<volume::Volume>(channel->as_float())).get();
    channel_at_.push_back(freight_.add(channel->bytes()));
    const bool int16 = channel->type() == volume::VoxelType::kInt16;
    return {nullptr, int16 ? Stored::kInt16 : Stored::kFloat32, static_cast<float>(channel->scale),
            static_cast<float>(channel->offset)};
  }

  Freight freight_;
  std::vector<std::unique_ptr<volume::Volume>> turned_;
  std::vector<DeviceSource> made_;
  std::vector<std::size_t> channel_at_, label_at_;
};

class OnGpu final : public GpuViews {
 public:
  explicit OnGpu(int device) : device_(device), staging_(device) {}

  struct OnItsWay final : Begun {
    explicit OnItsWay(Staging& staging, std::size_t bytes) : staging(staging), slot(staging.take(bytes)) {}
    ~OnItsWay() override { staging.give_back(slot); }
    Staging& staging;
    Staging::Slot& slot;
    PackedBatch packed;
    std::size_t tables_at = 0;
    std::vector<bool> has_labels;
    bool hides = false;
    std::vector<volume::Transform> voxel_to_case;
  };

  std::unique_ptr<Begun> begin(std::span<const Drawing> drawings, std::span<const Source> sources) override {
    const Sources all(sources);
    const std::size_t voxels = all.freight().size_bytes();
    // The tables' size does not depend on where voxels lie.
    const std::size_t tables = pack(drawings, all.at(nullptr)).tables.size();
    auto begun = std::make_unique<OnItsWay>(staging_, voxels + tables);
    Staging::Slot& slot = begun->slot;
    begun->packed = pack(drawings, all.at(slot.device()));
    begun->tables_at = voxels;
    all.freight().load(slot.host());
    std::memcpy(slot.host() + voxels, begun->packed.tables.data(), tables);
    staging_.upload(slot, voxels + tables);
    for (std::size_t n = 0; n < drawings.size(); ++n) {
      begun->has_labels.push_back(all.has_labels(n));
      begun->voxel_to_case.push_back(voxel_to_case(drawings[n]));
      begun->hides = begun->hides || std::ranges::any_of(drawings[n].ops,
                                                         [](const Drawn& drawn) { return op_named(drawn.op).hides(); });
    }
    return begun;
  }

  ViewBatch finish(Begun& of) override {
    auto* const begun = dynamic_cast<OnItsWay*>(&of);
    GADOLIN_CHECK(begun != nullptr && "a batch of another maker");
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
    CUstream_st* const stream = runtime::current_stream(device_);
    const PackedBatch& packed = begun->packed;
    const volume::Shape& shape = packed.shape;
    const std::vector<std::int64_t> mask{packed.samples, shape.depth, shape.height, shape.width};
    ViewBatch made;
    made.image = tensor({packed.samples, packed.channels, shape.depth, shape.height, shape.width}, at::kFloat);
    made.valid = tensor(mask, at::kByte);
    if (std::ranges::find(begun->has_labels, true) != begun->has_labels.end()) made.labels = tensor(mask, at::kLong);
    if (begun->hides) made.hidden = tensor(mask, at::kByte);
    const at::Tensor scratch = tensor({static_cast<std::int64_t>(scratch_bytes(packed)) + 1}, at::kByte);
    staging_.await(begun->slot, stream);
    gpu::run(packed, begun->slot.device() + begun->tables_at,
             {made.image.data_ptr<float>(), false, begin_of<std::int64_t>(made.labels),
              begin_of<std::uint8_t>(made.valid), begin_of<std::uint8_t>(made.hidden)},
             reinterpret_cast<std::byte*>(scratch.data_ptr<std::uint8_t>()), stream);
    staging_.release(begun->slot, stream);
    for (std::size_t n = 0; made.labels.defined() && n < begun->has_labels.size(); ++n) {
      if (!begun->has_labels[n]) made.labels[static_cast<std::int64_t>(n)].fill_(-1);
    }
    made.voxel_to_case = begun->voxel_to_case;
    return made;
  }

 private:
  at::Tensor tensor(const std::vector<std::int64_t>& sizes, at::ScalarType type) const {
    return at::empty(sizes, at::TensorOptions(type).device(at::kCUDA, static_cast<c10::DeviceIndex>(device_)));
  }
  template <class T>
  static T* begin_of(const at::Tensor& tensor) {
    return tensor.defined() ? tensor.data_ptr<T>() : nullptr;
  }

  const int device_;
  Staging staging_;
};

}  // namespace

std::unique_ptr<GpuViews> gpu_views(int device) { return std::make_unique<OnGpu>(device); }

}  // namespace augment
