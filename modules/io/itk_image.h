#pragma once
// ITK's readers of headers and writers of files; what is read was proven sound before. One at a time (a lock inside):
// the libraries below ITK keep their errors in globals.

#include <filesystem>

#include "volume/volume.h"

namespace itk {
class ImageIOBase;
}

namespace io {

// What our own look at the header found; ITK has to find the same.
struct Promise {
  volume::Shape shape;
  volume::VoxelType type = volume::VoxelType::kUInt8;
};

// Where the voxels lie, as ITK reads the header (its spaces turned to LPS); of the voxels ITK is told nothing, for its
// decoders zero-fill. Throws Error [ITK] when ITK throws or disagrees with the promise.
volume::Geometry geometry_with(itk::ImageIOBase& reader, const std::filesystem::path& path, const Promise& promise);

// Writes `path` through core::publish_file, the temporary with the extension that ITK needs. Compressed.
void write_with(itk::ImageIOBase& writer, const std::filesystem::path& path, const volume::Volume& volume);

}  // namespace io
