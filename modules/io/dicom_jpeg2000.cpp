// JPEG 2000 (ISO/IEC 15444-1): a walk over the codestream, and OpenJPEG behind it.
#include <openjpeg2/openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "io/dicom_pixels.h"

namespace io {
namespace {

constexpr unsigned kStartOfStream = 0xFF4F, kSize = 0xFF51, kStartOfTile = 0xFF90, kStartOfData = 0xFF93,
                   kEndOfStream = 0xFFD9;
constexpr std::uint64_t kMostTiles = 65535;  // of the standard

std::uint64_t big_endian(std::span<const std::byte> bytes, std::size_t begin, std::size_t width) {
  if (begin > bytes.size() || bytes.size() - begin < width) throw damaged_frame("it ends within a segment");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i) value = value << 8 | std::to_integer<std::uint64_t>(bytes[begin + i]);
  return value;
}

// A.5.1: one grey component, as large as the header of the instance says.
void check_size(std::span<const std::byte> segment, const PixelLayout& layout) {
  const auto at = [&](std::size_t begin) { return big_endian(segment, begin, 4); };
  const std::uint64_t right = at(2), bottom = at(6), left = at(10), top = at(14);
  const std::uint64_t tile_width = at(18), tile_height = at(22), tile_left = at(26), tile_top = at(30);
  if (big_endian(segment, 34, 2) != 1) throw damaged_frame("it has several components");
  if (left >= right || top >= bottom || right - left != static_cast<std::uint64_t>(layout.columns) ||
      bottom - top != static_cast<std::uint64_t>(layout.rows))
    throw damaged_frame("its size is not the header's");
  const std::uint64_t depth = big_endian(segment, 36, 1);
  const bool whole_grid = big_endian(segment, 37, 1) == 1 && big_endian(segment, 38, 1) == 1;
  if (!whole_grid || (depth & 0x7F) + 1 > static_cast<std::uint64_t>(layout.bits_allocated))
    throw damaged_frame("its bits are not the header's");
  if (tile_width == 0 || tile_height == 0 || tile_left > left || tile_top > top || tile_left + tile_width <= left ||
      tile_top + tile_height <= top)
    throw damaged_frame("its tiles do not cover the image");
  const std::uint64_t across = (right - tile_left + tile_width - 1) / tile_width;
  const std::uint64_t down = (bottom - tile_top + tile_height - 1) / tile_height;
  if (across > kMostTiles || down > kMostTiles || across * down > kMostTiles)
    throw damaged_frame("it has too many tiles");
}

// The bytes of a frame, for OpenJPEG to read.
struct Source {
  std::span<const std::byte> bytes;
  std::size_t at = 0;
};

OPJ_SIZE_T read_bytes(void* target, OPJ_SIZE_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  const std::size_t now = std::min<std::size_t>(count, source.bytes.size() - source.at);
  if (now == 0) return static_cast<OPJ_SIZE_T>(-1);
  std::memcpy(target, source.bytes.data() + source.at, now);
  source.at += now;
  return now;
}

OPJ_OFF_T skip_bytes(OPJ_OFF_T count, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (count < 0 || static_cast<std::size_t>(count) > source.bytes.size() - source.at) return -1;
  source.at += static_cast<std::size_t>(count);
  return count;
}

OPJ_BOOL seek_bytes(OPJ_OFF_T to, void* user) {
  auto& source = *static_cast<Source*>(user);
  if (to < 0 || static_cast<std::size_t>(to) > source.bytes.size()) return OPJ_FALSE;
  source.at = static_cast<std::size_t>(to);
  return OPJ_TRUE;
}

// Codec and stream are both void* to OpenJPEG.
template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* what) const {
    kFree(what);
  }
};

}  // namespace

void check_jpeg2000(std::span<const std::byte> frame, const PixelLayout& layout) {
  if (big_endian(frame, 0, 2) != kStartOfStream || big_endian(frame, 2, 2) != kSize)
    throw damaged_frame("it does not begin as a JPEG 2000 stream");
  bool tiled = false;
  std::size_t at = 2;
  for (;;) {
    const std::uint64_t marker = big_endian(frame, at, 2);
    if (marker == kEndOfStream) break;
    const std::size_t length = static_cast<std::size_t>(big_endian(frame, at + 2, 2));
    if (marker < 0xFF00 || marker == kStartOfData || length < 2 || length > frame.size() - at - 2)
      throw damaged_frame("a segment ends behind the stream");
    if (marker == kSize) check_size(frame.subspan(at + 4, length - 2), layout);
    if (marker != kStartOfTile) {
      if (tiled) throw damaged_frame("a tile is not where it may be");
      at += 2 + length;
      continue;
    }
    // A.4.2: a part of a tile says how long it is; 0 = up to the end of the stream.
    tiled = true;
    const std::size_t part = static_cast<std::size_t>(big_endian(frame, at + 6, 4));
    if (part == 0) {
      const std::size_t end = frame.size() - (frame.back() == std::byte{0} ? 1 : 0);
      if (end < 2 || big_endian(frame, end - 2, 2) != kEndOfStream) throw damaged_frame("it has no end");
      break;
    }
    if (part < 14 || part > frame.size() - at) throw damaged_frame("a tile ends behind the stream");
    at += part;
  }
  if (!tiled) throw damaged_frame("it has no picture");
}

void decode_jpeg2000(std::span<const std::byte> frame, const PixelLayout& layout, std::span<std::byte> target) {
  Source source{frame};
  const std::unique_ptr<opj_codec_t, Free<opj_destroy_codec>> codec(opj_create_decompress(OPJ_CODEC_J2K));
  const std::unique_ptr<opj_stream_t, Free<opj_stream_destroy>> stream(opj_stream_create(frame.size(), OPJ_TRUE));
  opj_dparameters_t parameters;
  opj_set_default_decoder_parameters(&parameters);
  if (!codec || !stream || !opj_setup_decoder(codec.get(), &parameters)) throw std::bad_alloc();
  opj_stream_set_user_data(stream.get(), &source, nullptr);
  opj_stream_set_user_data_length(stream.get(), frame.size());
  opj_stream_set_read_function(stream.get(), read_bytes);
  opj_stream_set_skip_function(stream.get(), skip_bytes);
  opj_stream_set_seek_function(stream.get(), seek_bytes);
  opj_image_t* made = nullptr;
  const bool begun = opj_read_header(stream.get(), codec.get(), &made);
  const std::unique_ptr<opj_image_t, Free<opj_image_destroy>> image(made);
  if (!begun || !opj_decode(codec.get(), stream.get(), made) || !opj_end_decompress(codec.get(), stream.get()))
    throw damaged_frame("it cannot be decoded");
  const opj_image_comp_t& grey = made->comps[0];
  const std::size_t count = static_cast<std::size_t>(layout.rows) * static_cast<std::size_t>(layout.columns);
  if (made->numcomps != 1 || grey.data == nullptr || grey.w != static_cast<OPJ_UINT32>(layout.columns) ||
      grey.h != static_cast<OPJ_UINT32>(layout.rows))
    throw damaged_frame("its size is not the header's");
  for (std::size_t i = 0; i < count; ++i) {
    const auto value = static_cast<std::uint32_t>(grey.data[i]);
    if (layout.bits_allocated == 8) {
      target[i] = static_cast<std::byte>(value);
    } else {
      const auto word = static_cast<std::uint16_t>(value);
      std::memcpy(target.data() + 2 * i, &word, 2);
    }
  }
}

}  // namespace io
