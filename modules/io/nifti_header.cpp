#include "io/nifti_header.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string>

#include "io/format.h"
#include "io/reject.h"

namespace io {
namespace {

using volume::VoxelType;

constexpr const char* kDamaged = "the header is damaged; export the image again";
using Affine = std::array<std::array<double, 4>, 3>;  // RAS+ millimetres from {i, j, k, 1}

struct TypeCode {
  int code;
  VoxelType type;
};
constexpr TypeCode kTypes[] = {{2, VoxelType::kUInt8},    {4, VoxelType::kInt16},    {8, VoxelType::kInt32},
                               {16, VoxelType::kFloat32}, {64, VoxelType::kFloat64}, {256, VoxelType::kInt8},
                               {512, VoxelType::kUInt16}, {768, VoxelType::kUInt32}};
constexpr int kInt64 = 1024, kUInt64 = 1280, kRgb = 128, kRgba = 2304;

// Where the fields of both versions lie, read as the widest type.
class Fields {
 public:
  Fields(std::span<const std::byte> bytes, int version, bool swapped)
      : bytes_(bytes), version_(version), swapped_(swapped) {}

  bool second() const { return version_ == 2; }
  std::int64_t dim(std::size_t i) const {
    return second() ? get<std::int64_t>(16 + 8 * i) : get<std::int16_t>(40 + 2 * i);
  }
  double pixdim(std::size_t i) const { return second() ? get<double>(104 + 8 * i) : get<float>(76 + 4 * i); }
  int datatype() const { return get<std::int16_t>(second() ? 12 : 70); }
  int bitpix() const { return get<std::int16_t>(second() ? 14 : 72); }
  double vox_offset() const {
    return second() ? static_cast<double>(get<std::int64_t>(168)) : static_cast<double>(get<float>(108));
  }
  double slope() const { return second() ? get<double>(176) : get<float>(112); }
  double inter() const { return second() ? get<double>(184) : get<float>(116); }
  int units() const { return second() ? get<std::int32_t>(500) : get<std::uint8_t>(123); }
  int qform() const { return second() ? get<std::int32_t>(344) : get<std::int16_t>(252); }
  int sform() const { return second() ? get<std::int32_t>(348) : get<std::int16_t>(254); }
  // b, c, d, then the three offsets.
  double quatern(std::size_t i) const { return second() ? get<double>(352 + 8 * i) : get<float>(256 + 4 * i); }
  double srow(std::size_t row, std::size_t column) const {
    const std::size_t i = row * 4 + column;
    return second() ? get<double>(400 + 8 * i) : get<float>(280 + 4 * i);
  }
  std::string magic() const {
    return {reinterpret_cast<const char*>(bytes_.data()) + (second() ? 4 : 344), second() ? 8U : 4U};
  }

 private:
  template <class T>
  T get(std::size_t at) const {
    std::array<std::byte, sizeof(T)> raw;
    std::memcpy(raw.data(), bytes_.data() + at, sizeof(T));
    if (swapped_) std::reverse(raw.begin(), raw.end());
    T value;
    std::memcpy(&value, raw.data(), sizeof(T));
    return value;
  }

  std::span<const std::byte> bytes_;
  int version_;
  bool swapped_;
};

std::int32_t first_word(std::span<const std::byte> bytes, bool swapped) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data(), 4);
  return static_cast<std::int32_t>(swapped ? __builtin_bswap32(word) : word);
}

core::Error several_volumes(std::int64_t count) {
  return reject("NIFTI_4D", "the image has more than three dimensions (" + std::to_string(count) + " volumes)",
                "split it into 3-D images, one a channel or time point");
}

void read_shape(const Fields& f, NiftiHeader& header) {
  const std::int64_t rank = f.dim(0);
  if (rank < 1 || rank > 7)
    throw reject("NIFTI_DIM", "the header promises " + std::to_string(rank) + " dimensions", kDamaged);
  std::int64_t further = 1;
  for (std::size_t i = 1; i <= static_cast<std::size_t>(rank); ++i) {
    if (f.dim(i) <= 0) throw reject("NIFTI_DIM", "side " + std::to_string(i) + " has no voxels", kDamaged);
    if (i > 4) further = std::max(further, f.dim(i));
  }
  if (further > 1) throw several_volumes(further);
  if (rank >= 4) header.volumes = f.dim(4);
  const int unit = f.units() & 0x38;  // of time: seconds, milli, micro
  const double step = f.pixdim(4) * (unit == 8 ? 1 : unit == 16 ? 1e-3 : unit == 24 ? 1e-6 : 0);
  if (step > 0 && step < 1e6) header.step_s = step;
  if (rank < 3 || f.dim(3) == 1 || f.dim(2) == 1 || f.dim(1) == 1)
    throw reject("TOO_FEW_SLICES", "the image is a single slice", "gadolin works on 3-D images");
  header.shape = {f.dim(3), f.dim(2), f.dim(1)};
}

void read_type(const Fields& f, NiftiHeader& header) {
  const int code = f.datatype();
  if (code == kRgb || code == kRgba)
    throw reject("NOT_GRAYSCALE", "the voxels are colours", "convert the image to one value a voxel");
  header.wide = code == kInt64 || code == kUInt64;
  header.wide_unsigned = code == kUInt64;
  const auto* known =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeCode& t) { return t.code == code; });
  if (header.wide) {
    header.type = VoxelType::kInt32;
  } else if (known != std::end(kTypes)) {
    header.type = known->type;
  } else {
    throw reject("NIFTI_DTYPE", "voxel type " + std::to_string(code) + " is not one gadolin reads",
                 "save the image as integers or floats");
  }
  if (f.bitpix() != 0 && static_cast<std::uint64_t>(f.bitpix()) != header.bytes_per_voxel() * 8) {
    throw reject("NIFTI_DTYPE",
                 "voxel type " + std::to_string(code) + " with " + std::to_string(f.bitpix()) + " bits a voxel",
                 kDamaged);
  }
}

void read_offset(const Fields& f, NiftiHeader& header) {
  const double at = f.vox_offset();
  const double least = header.two_files ? 0 : f.second() ? kNifti2Bytes + 4 : kNifti1Bytes + 4;
  if (!(at >= least) || at > 1e9 || at != std::floor(at))
    throw reject("NIFTI_OFFSET", "the voxels are said to begin at byte " + std::to_string(at), kDamaged);
  header.voxel_begin = static_cast<std::uint64_t>(at);
}

void read_scale(const Fields& f, NiftiHeader& header) {
  const double slope = f.slope(), inter = f.inter();
  if (!std::isfinite(slope) || (slope != 0 && !std::isfinite(inter)))
    throw reject("NIFTI_SCALE", "scl_slope or scl_inter is no number", "set scl_slope to 1 and scl_inter to 0");
  if (slope == 0) return;  // the standard: values are as stored
  header.scale = slope;
  header.offset = inter;
}

Affine from_quaternion(const Fields& f) {
  double b = f.quatern(0), c = f.quatern(1), d = f.quatern(2);
  const double square = b * b + c * c + d * d;
  if (!(square <= 1 + 1e-4)) throw reject("NIFTI_AFFINE", "the quaternion of the qform is no rotation", kDamaged);
  double a = 0;
  if (1 - square > 1e-7) {  // closer to a half turn the floats of the header cannot tell
    a = std::sqrt(1 - square);
  } else {
    const double length = std::sqrt(square);
    b /= length, c /= length, d /= length;
  }
  const double rotation[3][3] = {{a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)},
                                 {2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)},
                                 {2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c}};
  const double turn = f.pixdim(0) < 0 ? -1 : 1;
  Affine affine{};
  for (std::size_t row = 0; row < 3; ++row) {
    for (std::size_t axis = 0; axis < 3; ++axis)
      affine[row][axis] = rotation[row][axis] * f.pixdim(axis + 1) * (axis == 2 ? turn : 1);
    affine[row][3] = f.quatern(3 + row);
  }
  return affine;
}

// The standard's methods: 3 (sform), else 2 (qform), else 1 (spacing alone).
Affine read_affine(const Fields& f) {
  Affine affine{};
  const bool by_sform = f.sform() > 0;
  for (std::size_t axis = 1; axis <= 3; ++axis) {
    const double spacing = f.pixdim(axis);
    if (!std::isfinite(spacing) || spacing == 0 || (!by_sform && spacing < 0)) {
      throw reject("NIFTI_SPACING",
                   "the voxel size along axis " + std::to_string(axis) + " is " + std::to_string(spacing) + " mm",
                   kDamaged);
    }
  }
  if (by_sform) {
    for (std::size_t row = 0; row < 3; ++row) {
      for (std::size_t column = 0; column < 4; ++column) affine[row][column] = f.srow(row, column);
    }
  } else if (f.qform() > 0) {
    affine = from_quaternion(f);
  } else {
    for (std::size_t axis = 0; axis < 3; ++axis) affine[axis][axis] = f.pixdim(axis + 1);
  }
  const int unit = f.units() & 7;
  const double to_mm = unit == 1 ? 1000 : unit == 3 ? 1e-3 : 1;
  for (auto& row : affine) {
    for (double& value : row) value *= to_mm;
  }
  return affine;
}

volume::Geometry to_lps(const Affine& ras) {
  volume::Geometry geometry;
  geometry.origin_mm = {-ras[0][3], -ras[1][3], ras[2][3]};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const std::size_t column = 2 - axis;  // {d, h, w} = {k, j, i}
    const double x = -ras[0][column], y = -ras[1][column], z = ras[2][column];
    const double length = std::hypot(x, y, z);
    if (!(length > 0) || !std::isfinite(length))
      throw reject("NIFTI_AFFINE", "the matrix of the header is singular", kDamaged);
    geometry.spacing_mm[axis] = length;
    geometry.direction[axis] = {x / length, y / length, z / length};
  }
  try {
    geometry.check();
  } catch (const core::Error& error) {
    throw reject("NIFTI_AFFINE", error.story(), error.hint());
  }
  return geometry;
}

template <class T>
void put(std::vector<std::byte>& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

// Quaternion {b, c, d} and qfac of a rotation given by its columns {i, j, k} in RAS.
std::array<double, 4> quaternion_of(std::array<std::array<double, 3>, 3> r) {
  const double determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1]) -
                             r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0]) +
                             r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
  const double turn = determinant < 0 ? -1 : 1;
  for (auto& row : r) row[2] *= turn;
  // Each component's square from the diagonal; the largest decides the signs of the others.
  const double squares[4] = {1 + r[0][0] + r[1][1] + r[2][2], 1 + r[0][0] - r[1][1] - r[2][2],
                             1 - r[0][0] + r[1][1] - r[2][2], 1 - r[0][0] - r[1][1] + r[2][2]};
  const std::size_t largest = static_cast<std::size_t>(std::max_element(squares, squares + 4) - squares);
  const double s = 2 * std::sqrt(squares[largest]);  // four times the largest component
  const double w = r[2][1] - r[1][2], v = r[0][2] - r[2][0], u = r[1][0] - r[0][1];
  const double xy = r[0][1] + r[1][0], xz = r[0][2] + r[2][0], yz = r[1][2] + r[2][1];
  std::array<double, 4> q{};
  if (largest == 0) q = {s / 4, w / s, v / s, u / s};
  if (largest == 1) q = {w / s, s / 4, xy / s, xz / s};
  if (largest == 2) q = {v / s, xy / s, s / 4, yz / s};
  if (largest == 3) q = {u / s, xz / s, yz / s, s / 4};
  const double sign = q[0] < 0 ? -1 : 1;
  return {sign * q[1], sign * q[2], sign * q[3], turn};
}

}  // namespace

void NiftiHeader::require_one_volume() const {
  if (volumes > 1) throw several_volumes(volumes);
}

int nifti_version(std::span<const std::byte> first_four) {
  for (const bool swapped : {false, true}) {
    const std::int32_t size = first_word(first_four, swapped);
    if (size == static_cast<std::int32_t>(kNifti1Bytes)) return 1;
    if (size == static_cast<std::int32_t>(kNifti2Bytes)) return 2;
  }
  throw reject("NOT_NIFTI", "the file does not begin with a NIfTI header", "check that it is the file you mean");
}

NiftiHeader parse_nifti(std::span<const std::byte> bytes) {
  const int version = nifti_version(bytes);
  GADOLIN_CHECK(bytes.size() >= (version == 1 ? kNifti1Bytes : kNifti2Bytes));
  NiftiHeader header;
  const std::int32_t size = first_word(bytes, false);
  header.swapped = size != static_cast<std::int32_t>(version == 1 ? kNifti1Bytes : kNifti2Bytes);
  const Fields f(bytes, version, header.swapped);
  const std::string magic = f.magic(), digit = std::to_string(version);
  const std::string end = version == 2 ? std::string("\0\r\n\032\n", 5) : std::string(1, '\0');
  header.two_files = magic == "ni" + digit + end;
  if (!header.two_files && magic != "n+" + digit + end) {
    throw reject("NOT_NIFTI", "the header has no NIfTI magic (Analyze 7.5 files have none either)",
                 "convert it to NIfTI: Analyze does not say which side is left");
  }
  read_shape(f, header);
  read_type(f, header);
  const std::uint64_t one = checked_size(header.shape, header.wide ? VoxelType::kFloat64 : header.type, "NIFTI_DIM");
  if (static_cast<std::uint64_t>(header.volumes) > static_cast<std::uint64_t>(INT64_MAX) / one)
    throw reject("NIFTI_DIM", "the header promises " + std::to_string(header.volumes) + " volumes", kDamaged);
  read_offset(f, header);
  read_scale(f, header);
  header.geometry = to_lps(read_affine(f));
  return header;
}

std::vector<std::byte> make_nifti(const volume::Volume& volume, bool two_files) {
  const volume::Shape& shape = volume.shape();
  const bool second = std::max({shape.depth, shape.height, shape.width}) > 32767;
  const std::size_t size = second ? kNifti2Bytes : kNifti1Bytes;
  std::vector<std::byte> bytes(two_files ? size : size + 4);
  put(bytes, 0, static_cast<std::int32_t>(size));
  const std::string magic = second ? std::string(two_files ? "ni2" : "n+2") + std::string("\0\r\n\032\n", 5)
                                   : std::string(two_files ? "ni1" : "n+1");
  std::memcpy(bytes.data() + (second ? 4 : 344), magic.data(), magic.size());
  const auto real = [&](std::size_t at1, std::size_t at2, std::size_t i, double value) {
    second ? put(bytes, at2 + 8 * i, value) : put(bytes, at1 + 4 * i, static_cast<float>(value));
  };
  const auto code = [&](std::size_t at1, std::size_t at2, int value) {
    second ? put(bytes, at2, std::int32_t{value}) : put(bytes, at1, static_cast<std::int16_t>(value));
  };
  const std::int64_t dims[8] = {3, shape.width, shape.height, shape.depth, 1, 1, 1, 1};
  for (std::size_t i = 0; i < 8; ++i)
    second ? put(bytes, 16 + 8 * i, dims[i]) : put(bytes, 40 + 2 * i, static_cast<std::int16_t>(dims[i]));
  const auto* type =
      std::find_if(std::begin(kTypes), std::end(kTypes), [&](const TypeCode& t) { return t.type == volume.type(); });
  put(bytes, second ? 12 : 70, static_cast<std::int16_t>(type->code));
  put(bytes, second ? 14 : 72, static_cast<std::int16_t>(volume::size_bytes(volume.type()) * 8));
  if (second) {
    put(bytes, 168, static_cast<std::int64_t>(two_files ? 0 : size + 4));
    put(bytes, 500, std::int32_t{2});
  } else {
    put(bytes, 108, static_cast<float>(two_files ? 0 : size + 4));
    put(bytes, 123, std::uint8_t{2});
  }
  real(112, 176, 0, volume.scale);
  real(116, 184, 0, volume.offset);
  code(252, 344, 1);
  code(254, 348, 1);
  const volume::Geometry& g = volume.geometry;
  std::array<std::array<double, 3>, 3> rotation{};
  for (std::size_t row = 0; row < 3; ++row) {
    const double turn = row < 2 ? -1 : 1;  // LPS to RAS
    for (std::size_t column = 0; column < 3; ++column) {
      rotation[row][column] = turn * g.direction[2 - column][row];
      real(280, 400, row * 4 + column, rotation[row][column] * g.spacing_mm[2 - column]);
    }
    real(280, 400, row * 4 + 3, turn * g.origin_mm[row]);
    real(256, 352, 3 + row, turn * g.origin_mm[row]);
    real(76, 104, row + 1, g.spacing_mm[2 - row]);
  }
  const std::array<double, 4> q = quaternion_of(rotation);
  for (std::size_t i = 0; i < 3; ++i) real(256, 352, i, q[i]);
  real(76, 104, 0, q[3]);
  return bytes;
}

}  // namespace io
