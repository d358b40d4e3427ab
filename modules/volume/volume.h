#pragma once
// A picture: voxels and where they lie.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "volume/geometry.h"
#include "volume/voxel_memory.h"

namespace volume {

// The voxel's own type, kept from the source to the store.
enum class VoxelType : std::uint8_t { kUInt8, kInt8, kUInt16, kInt16, kUInt32, kInt32, kFloat32, kFloat64 };

std::size_t size_bytes(VoxelType type);
std::string_view name(VoxelType type);              // "int16"
VoxelType voxel_type_named(std::string_view name);  // throws Error on another name

template <class T>
constexpr VoxelType voxel_type_of();

// Calls `f(T{})` with a value of the voxel's C++ type.
template <class F>
decltype(auto) with_type(VoxelType type, F&& f) {
  switch (type) {
    case VoxelType::kUInt8:
      return f(std::uint8_t{});
    case VoxelType::kInt8:
      return f(std::int8_t{});
    case VoxelType::kUInt16:
      return f(std::uint16_t{});
    case VoxelType::kInt16:
      return f(std::int16_t{});
    case VoxelType::kUInt32:
      return f(std::uint32_t{});
    case VoxelType::kInt32:
      return f(std::int32_t{});
    case VoxelType::kFloat32:
      return f(float{});
    case VoxelType::kFloat64:
      break;
  }
  return f(double{});
}

// Owns its voxels (C order {D, H, W}, width fastest; zeroed when made) and its geometry; moved, never copied by
// accident. The value a person means is voxel * scale + offset (DICOM's rescale slope and intercept): CT in HU, PET in
// SUV or Bq/ml. Safe to read from many threads.
class Volume {
 public:
  Volume() = default;
  // Throws Error when the shape is empty or its size in bytes does not fit into 63 bits.
  Volume(Shape shape, VoxelType type, Geometry geometry);
  // Over voxels that lie there already; `voxels` must have the size of the shape, anything else is our bug.
  Volume(Shape shape, VoxelType type, Geometry geometry, VoxelMemory voxels);
  Volume(Volume&&) = default;
  Volume& operator=(Volume&&) = default;
  Volume clone() const;

  const Shape& shape() const { return shape_; }
  VoxelType type() const { return type_; }
  std::span<std::byte> bytes() { return {voxels_.data(), voxels_.size()}; }
  std::span<const std::byte> bytes() const { return {voxels_.data(), voxels_.size()}; }
  const VoxelMemory& memory() const { return voxels_; }

  // T must be the voxel's own type; anything else is our bug.
  template <class T>
  std::span<T> voxels() {
    require(voxel_type_of<T>());
    return {reinterpret_cast<T*>(voxels_.data()), static_cast<std::size_t>(shape_.voxels())};
  }
  template <class T>
  std::span<const T> voxels() const {
    require(voxel_type_of<T>());
    return {reinterpret_cast<const T*>(voxels_.data()), static_cast<std::size_t>(shape_.voxels())};
  }

  // The same picture as float32 with scale and offset applied (scale 1, offset 0 afterwards).
  Volume as_float() const;

  Geometry geometry;
  double scale = 1.0;
  double offset = 0.0;

 private:
  void require(VoxelType type) const;

  Shape shape_;
  VoxelType type_ = VoxelType::kFloat32;
  VoxelMemory voxels_;
};

template <>
constexpr VoxelType voxel_type_of<std::uint8_t>() {
  return VoxelType::kUInt8;
}
template <>
constexpr VoxelType voxel_type_of<std::int8_t>() {
  return VoxelType::kInt8;
}
template <>
constexpr VoxelType voxel_type_of<std::uint16_t>() {
  return VoxelType::kUInt16;
}
template <>
constexpr VoxelType voxel_type_of<std::int16_t>() {
  return VoxelType::kInt16;
}
template <>
constexpr VoxelType voxel_type_of<std::uint32_t>() {
  return VoxelType::kUInt32;
}
template <>
constexpr VoxelType voxel_type_of<std::int32_t>() {
  return VoxelType::kInt32;
}
template <>
constexpr VoxelType voxel_type_of<float>() {
  return VoxelType::kFloat32;
}
template <>
constexpr VoxelType voxel_type_of<double>() {
  return VoxelType::kFloat64;
}

}  // namespace volume
