#pragma once
// The header of NIfTI-1 and NIfTI-2, in either byte order, with every field proven that decides where a voxel lies or
// how long the data are. Free text (descrip, aux_file, db_name, intent_name) and extensions are never looked at: they
// may name the patient. Standard: nifti.nimh.nih.gov, nifti1.h and nifti2.h.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "volume/volume.h"

namespace io {

inline constexpr std::size_t kNifti1Bytes = 348, kNifti2Bytes = 540;

struct NiftiHeader {
  bool swapped = false;    // the file's byte order is not this machine's
  bool two_files = false;  // magic "ni1"/"ni2": voxels in the .img
  std::uint64_t voxel_begin = 0;
  volume::Shape shape;       // of one volume
  std::int64_t volumes = 1;  // of a 4-D file (times, echoes, b-values), one behind the other
  double step_s = 0;         // from one volume to the next; 0 where the header does not tell it in seconds
  // The type kept; 64-bit integers in the file (`wide`) become int32 where all values fit.
  volume::VoxelType type = volume::VoxelType::kInt16;
  bool wide = false, wide_unsigned = false;
  double scale = 1, offset = 0;
  volume::Geometry geometry;  // LPS millimetres

  std::uint64_t bytes_per_voxel() const { return wide ? 8 : volume::size_bytes(type); }
  std::uint64_t bytes_per_volume() const { return static_cast<std::uint64_t>(shape.voxels()) * bytes_per_voxel(); }
  // Throws Error [NIFTI_4D] for several volumes.
  void require_one_volume() const;
};

// The version (1 or 2) told by sizeof_hdr in the first four bytes. Throws Error [NOT_NIFTI].
int nifti_version(std::span<const std::byte> first_four);
// Throws Error [NOT_NIFTI], [NIFTI_DIM], [NIFTI_4D] (for five and more), [TOO_FEW_SLICES], [NIFTI_DTYPE],
// [NOT_GRAYSCALE], [NIFTI_OFFSET], [NIFTI_SCALE], [NIFTI_SPACING] or [NIFTI_AFFINE].
NiftiHeader parse_nifti(std::span<const std::byte> bytes);

// Of a file, without its voxels. Throws what parse_nifti and ByteSource throw.
NiftiHeader read_nifti_header(const std::filesystem::path& path);

// A single-file header up to the first voxel (352 or 544 bytes): NIfTI-1, or NIfTI-2 where a side is beyond 32767;
// little endian as the machine, sform and qform both set to the same place (code 1, scanner).
std::vector<std::byte> make_nifti(const volume::Volume& volume, bool two_files);

}  // namespace io
