#include "io/dicom_mosaic.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "io/reject.h"

namespace io {
namespace {

// Reads on while there is enough; `sound` turns false and stays so at the end.
struct Cursor {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
  bool sound = true;

  std::string text(std::size_t length) {
    if (!sound || bytes.size() - at < length) {
      sound = false;
      return "";
    }
    std::string value(reinterpret_cast<const char*>(bytes.data()) + at, length);
    at += length;
    return value.substr(0, value.find('\0'));
  }
  std::uint32_t number() {
    std::uint32_t value = 0;
    if (!sound || bytes.size() - at < 4) {
      sound = false;
      return 0;
    }
    for (std::size_t i = 0; i < 4; ++i) value |= std::to_integer<std::uint32_t>(bytes[at + i]) << 8 * i;
    at += 4;
    return value;
  }
};

core::Error no_mosaic(const std::string& what) {
  return reject("MOSAIC", what, "export the series as classic single-slice images");
}

}  // namespace

std::optional<Mosaic> parse_csa(std::span<const std::byte> csa) {
  Cursor in{csa};
  if (in.text(4) != "SV10") return std::nullopt;
  in.text(4);
  const std::uint32_t tags = in.number();
  in.number();
  if (tags > 1000) return std::nullopt;
  Mosaic mosaic;
  std::size_t normals = 0;
  for (std::uint32_t tag = 0; tag < tags && in.sound; ++tag) {
    const std::string name = in.text(64);
    for (int unused = 0; unused < 3; ++unused) in.number();  // multiplicity, representation, its number
    const std::uint32_t items = in.number();
    in.number();
    for (std::uint32_t item = 0; item < items && in.sound; ++item) {
      in.number();
      const std::uint32_t length = in.number();
      in.number();
      in.number();
      const auto numbers = decimal_numbers(in.text(length));
      in.text((4 - length % 4) % 4);
      if (!numbers || numbers->size() != 1) continue;
      if (name == "NumberOfImagesInMosaic" && (*numbers)[0] >= 1 && (*numbers)[0] <= 4096)
        mosaic.count = static_cast<int>((*numbers)[0]);
      if (name == "SliceNormalVector" && normals < 3) mosaic.normal[normals++] = (*numbers)[0];
    }
  }
  if (!in.sound || mosaic.count < 1 || normals != 3) return std::nullopt;
  return mosaic;
}

int tiles_per_side(const Mosaic& mosaic) { return static_cast<int>(std::ceil(std::sqrt(mosaic.count) - 1e-9)); }

std::vector<DicomHeader> slices_of(const DicomHeader& header) {
  const Mosaic& mosaic = *header.mosaic;
  const int side = tiles_per_side(mosaic);
  if (header.pixels.rows % side != 0 || header.pixels.columns % side != 0)
    throw no_mosaic("the mosaic's size is no multiple of its tiles");
  if (!header.slice_spacing_mm) throw no_mosaic("the mosaic does not tell the distance of its slices");
  const double length = std::hypot(mosaic.normal[0], mosaic.normal[1], mosaic.normal[2]);
  if (!(std::abs(length - 1) < 2e-3)) throw no_mosaic("the mosaic's normal is no unit vector");
  DicomHeader slice = header;
  slice.mosaic->picture = header.pixels;
  slice.pixels.rows /= side;
  slice.pixels.columns /= side;
  slice.promised = 0;
  // The position told is that of the corner, had the whole picture the middle of the first slice.
  const double right = 0.5 * (header.pixels.columns - slice.pixels.columns) * header.spacing_mm[1];
  const double down = 0.5 * (header.pixels.rows - slice.pixels.rows) * header.spacing_mm[0];
  std::vector<DicomHeader> slices;
  for (int i = 0; i < mosaic.count; ++i) {
    slice.mosaic->tile = i;
    for (std::size_t c = 0; c < 3; ++c) {
      slice.position_mm[c] = header.position_mm[c] + right * header.row[c] + down * header.column[c] +
                             i * *header.slice_spacing_mm * mosaic.normal[c] / length;
    }
    slices.push_back(slice);
  }
  return slices;
}

void copy_tile(const DicomHeader& slice, std::span<const std::byte> picture, std::span<std::byte> target) {
  const Mosaic& mosaic = *slice.mosaic;
  const int side = tiles_per_side(mosaic);
  const std::size_t voxel = volume::size_bytes(slice.pixels.type());
  const std::size_t rows = static_cast<std::size_t>(slice.pixels.rows);
  const std::size_t line = static_cast<std::size_t>(slice.pixels.columns) * voxel;
  const std::size_t stride = static_cast<std::size_t>(mosaic.picture.columns) * voxel;
  const std::size_t top = static_cast<std::size_t>(mosaic.tile / side) * rows,
                    left = static_cast<std::size_t>(mosaic.tile % side) * line;
  GADOLIN_CHECK(target.size() == rows * line && picture.size() == mosaic.picture.bytes());
  for (std::size_t row = 0; row < rows; ++row)
    std::memcpy(target.data() + row * line, picture.data() + (top + row) * stride + left, line);
}

}  // namespace io
