#include "io/itk_image.h"

#include <itkImageIOBase.h>
#include <itkObject.h>

#include <mutex>

#include "core/files.h"
#include "io/reject.h"

namespace io {
namespace {

using Component = itk::ImageIOBase::IOComponentEnum;
using volume::VoxelType;

std::mutex& itk_lock() {
  static std::mutex lock;
  itk::Object::GlobalWarningDisplayOff();
  return lock;
}

bool is_signed(Component type) {
  return type == Component::CHAR || type == Component::SHORT || type == Component::INT || type == Component::LONG ||
         type == Component::LONGLONG;
}

bool same_type(const itk::ImageIOBase& reader, VoxelType type) {
  const Component found = reader.GetComponentType();
  const bool real = found == Component::FLOAT || found == Component::DOUBLE;
  const bool wants_real = type == VoxelType::kFloat32 || type == VoxelType::kFloat64;
  const bool wants_signed = type == VoxelType::kInt8 || type == VoxelType::kInt16 || type == VoxelType::kInt32;
  return reader.GetComponentSize() == volume::size_bytes(type) && real == wants_real &&
         (real || is_signed(found) == wants_signed);
}

Component component_of(VoxelType type) {
  static constexpr Component kComponents[] = {Component::UCHAR, Component::CHAR, Component::USHORT, Component::SHORT,
                                              Component::UINT,  Component::INT,  Component::FLOAT,  Component::DOUBLE};
  return kComponents[static_cast<std::size_t>(type)];
}

volume::Geometry geometry_of(const itk::ImageIOBase& reader) {
  volume::Geometry geometry;
  for (unsigned axis = 0; axis < 3; ++axis) {
    const std::size_t ours = 2 - axis;
    geometry.origin_mm[axis] = reader.GetOrigin(axis);
    geometry.spacing_mm[ours] = reader.GetSpacing(axis);
    const std::vector<double> direction = reader.GetDirection(axis);
    for (std::size_t i = 0; i < 3; ++i) geometry.direction[ours][i] = direction.at(i);
  }
  return geometry;
}

itk::ImageIORegion whole(const volume::Shape& shape) {
  itk::ImageIORegion region(3);
  for (unsigned axis = 0; axis < 3; ++axis) {
    region.SetIndex(axis, 0);
    region.SetSize(axis, static_cast<itk::SizeValueType>(shape[2 - static_cast<int>(axis)]));
  }
  return region;
}

}  // namespace

volume::Geometry geometry_with(itk::ImageIOBase& reader, const std::filesystem::path& path, const Promise& promise) {
  const std::lock_guard hold(itk_lock());
  try {
    reader.SetFileName(path.string());
    reader.ReadImageInformation();
    bool same =
        reader.GetNumberOfDimensions() == 3 && reader.GetNumberOfComponents() == 1 && same_type(reader, promise.type);
    for (unsigned axis = 0; same && axis < 3; ++axis)
      same = static_cast<std::int64_t>(reader.GetDimensions(axis)) == promise.shape[2 - static_cast<int>(axis)];
    if (!same) throw reject("ITK", "ITK understands the header otherwise", "save the image as NIfTI");
    return geometry_of(reader);
  } catch (const itk::ExceptionObject& error) {
    throw reject("ITK", std::string("ITK: ") + error.GetDescription(), "the file is damaged; export the image again");
  }
}

void write_with(itk::ImageIOBase& writer, const std::filesystem::path& path, const volume::Volume& given) {
  const bool plain = given.scale == 1 && given.offset == 0;
  const volume::Volume scaled = plain ? volume::Volume() : given.as_float();
  const volume::Volume& volume = plain ? given : scaled;
  const std::lock_guard hold(itk_lock());
  core::publish_file(path, [&](const std::filesystem::path& temporary) {
    const std::filesystem::path named = temporary.string() + path.extension().string();
    try {
      writer.SetFileName(named.string());
      writer.SetNumberOfDimensions(3);
      for (unsigned axis = 0; axis < 3; ++axis) {
        const std::size_t ours = 2 - axis;
        const volume::Point& d = volume.geometry.direction[ours];
        writer.SetDimensions(axis, static_cast<itk::SizeValueType>(volume.shape()[static_cast<int>(ours)]));
        writer.SetOrigin(axis, volume.geometry.origin_mm[axis]);
        writer.SetSpacing(axis, volume.geometry.spacing_mm[ours]);
        writer.SetDirection(axis, std::vector<double>(d.begin(), d.end()));
      }
      writer.SetPixelType(itk::IOPixelEnum::SCALAR);
      writer.SetNumberOfComponents(1);
      writer.SetComponentType(component_of(volume.type()));
      writer.SetIORegion(whole(volume.shape()));
      writer.UseCompressionOn();
      writer.WriteImageInformation();
      writer.Write(volume.bytes().data());
      std::filesystem::rename(named, temporary);
    } catch (const std::exception& error) {
      std::error_code ignored;
      std::filesystem::remove(named, ignored);
      throw core::Error(std::string("ITK cannot write: ") + error.what(), "is the disk full?");
    }
  });
}

}  // namespace io
