#include "volume/volume.h"

#include <array>
#include <cstring>
#include <limits>

#include "core/error.h"

namespace volume {
namespace {

constexpr std::array<std::string_view, 8> kNames{"uint8",  "int8",  "uint16",  "int16",
                                                 "uint32", "int32", "float32", "float64"};

std::size_t checked_bytes(const Shape& shape, VoxelType type) {
  std::int64_t bytes = static_cast<std::int64_t>(size_bytes(type));
  for (int axis = 0; axis < 3; ++axis) {
    if (shape[axis] <= 0 || __builtin_mul_overflow(bytes, shape[axis], &bytes)) {
      throw core::Error("a volume of " + std::to_string(shape.depth) + " x " + std::to_string(shape.height) + " x " +
                            std::to_string(shape.width) + " voxels cannot be",
                        "the header is damaged; export the image again");
    }
  }
  return static_cast<std::size_t>(bytes);
}

}  // namespace

std::size_t size_bytes(VoxelType type) {
  return with_type(type, [](auto value) { return sizeof(value); });
}

std::string_view name(VoxelType type) { return kNames[static_cast<std::size_t>(type)]; }

VoxelType voxel_type_named(std::string_view wanted) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == wanted) return static_cast<VoxelType>(i);
  }
  throw core::Error("no voxel type is called '" + std::string(wanted) + "'");
}

Volume::Volume(Shape shape, VoxelType type, Geometry where)
    : geometry(where), shape_(shape), type_(type), voxels_(checked_bytes(shape, type)) {}

Volume::Volume(Shape shape, VoxelType type, Geometry where, VoxelMemory voxels)
    : geometry(where), shape_(shape), type_(type), voxels_(std::move(voxels)) {
  GADOLIN_CHECK(voxels_.size() == checked_bytes(shape, type));
}

Volume Volume::clone() const {
  Volume copy;
  copy.geometry = geometry;
  copy.scale = scale;
  copy.offset = offset;
  copy.shape_ = shape_;
  copy.type_ = type_;
  if (voxels_.size() > 0) {
    copy.voxels_ = VoxelMemory(voxels_.size(), VoxelMemory::Fill::kNone);
    std::memcpy(copy.voxels_.data(), voxels_.data(), voxels_.size());
  }
  return copy;
}

Volume Volume::as_float() const {
  Volume result(shape_, VoxelType::kFloat32, geometry);
  const std::span<float> out = result.voxels<float>();
  with_type(type_, [&]<class T>(T) {
    const std::span<const T> in = voxels<T>();
    for (std::size_t i = 0; i < in.size(); ++i)
      out[i] = static_cast<float>(static_cast<double>(in[i]) * scale + offset);
  });
  return result;
}

void Volume::require(VoxelType type) const { GADOLIN_CHECK(type == type_); }

}  // namespace volume
