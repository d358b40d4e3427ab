// A compressed frame, walked before a decoder sees it.
#include <algorithm>
#include <string>

#include "io/dicom_pixels.h"
#include "io/reject.h"

namespace io {
namespace {

std::uint64_t number(std::span<const std::byte> bytes, std::size_t begin, std::size_t width, bool big_endian) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < width; ++i)
    value |= std::to_integer<std::uint64_t>(bytes[begin + i]) << 8 * (big_endian ? width - 1 - i : i);
  return value;
}

// PackBits of one segment: how many bytes come out, to the first run that makes them enough. A padding byte may follow.
std::size_t unpacked_size(std::span<const std::byte> segment, std::size_t enough) {
  std::size_t in = 0, out = 0;
  while (in < segment.size() && out < enough) {
    const int head = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(segment[in++]));
    if (head >= 0) {
      if (segment.size() - in < static_cast<std::size_t>(head) + 1)
        throw damaged_frame("a run ends behind its segment");
      in += static_cast<std::size_t>(head) + 1;
      out += static_cast<std::size_t>(head) + 1;
    } else if (head != -128) {
      if (in >= segment.size()) throw damaged_frame("a run ends behind its segment");
      ++in;
      out += static_cast<std::size_t>(1 - head);
    }
  }
  return out;
}

// PS3.5 G: a header of 16 numbers, then one segment for each byte of a pixel.
void check_rle(std::span<const std::byte> frame, const PixelLayout& layout) {
  if (frame.size() < 64) throw damaged_frame("it is shorter than its header");
  const std::uint64_t count = number(frame, 0, 4, false);
  if (count != static_cast<std::uint64_t>(layout.bits_allocated / 8))
    throw damaged_frame("it has another number of segments");
  const std::size_t pixels = static_cast<std::size_t>(layout.rows) * static_cast<std::size_t>(layout.columns);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t begin = number(frame, 4 + 4 * i, 4, false);
    const std::uint64_t end = i + 1 < count ? number(frame, 8 + 4 * i, 4, false) : frame.size();
    if (begin < 64 || begin > end || end > frame.size()) throw damaged_frame("a segment lies outside");
    const std::size_t size = unpacked_size(frame.subspan(begin, end - begin), pixels);
    if (size != pixels) throw damaged_frame("a segment unpacks to another size");
  }
}

// Frame header of JPEG (T.81 B.2.2) and JPEG-LS (T.87 C.2.2), behind marker and length.
void check_frame_header(std::span<const std::byte> segment, const PixelLayout& layout) {
  if (segment.size() < 6) throw damaged_frame("its frame header is short");
  const std::uint64_t precision = number(segment, 0, 1, true), rows = number(segment, 1, 2, true),
                      columns = number(segment, 3, 2, true), components = number(segment, 5, 1, true);
  if (rows != static_cast<std::uint64_t>(layout.rows) || columns != static_cast<std::uint64_t>(layout.columns))
    throw damaged_frame("it has another size than the header");
  if (components != 1) throw damaged_frame("it has several components");
  if (precision < 2 || precision > static_cast<std::uint64_t>(std::min(layout.bits_allocated, 16)))
    throw damaged_frame("it has another precision than the header");
}

bool is_frame_header(unsigned marker, DicomCodec codec) {
  if (codec == DicomCodec::kJpegLs) return marker == 0xF7;
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Where the next marker's code is: behind filling bytes, or behind entropy-coded data.
std::size_t next_marker(std::span<const std::byte> frame, std::size_t at, bool in_scan, DicomCodec codec) {
  for (; at + 1 < frame.size(); ++at) {
    if (frame[at] != std::byte{0xFF}) {
      if (!in_scan) throw damaged_frame("a marker is missing");
      continue;
    }
    const unsigned code = std::to_integer<unsigned>(frame[at + 1]);
    if (code == 0xFF) continue;
    // Stuffed bytes and restarts belong to the scan.
    const bool stuffed = codec == DicomCodec::kJpegLs ? code < 0x80 : code == 0;
    if (in_scan && (stuffed || (code >= 0xD0 && code <= 0xD7))) continue;
    return at + 1;
  }
  throw damaged_frame("it has no end");
}

// Markers from start to end of image; what a conforming encoder does not write is refused, among it TEM, at which some
// decoders wait for ever.
void check_jpeg(std::span<const std::byte> frame, const PixelLayout& layout, DicomCodec codec) {
  if (frame.size() < 4 || number(frame, 0, 2, true) != 0xFFD8)
    throw damaged_frame("it does not begin as a JPEG stream");
  bool sized = false, scanned = false;
  for (std::size_t at = next_marker(frame, 2, false, codec);; at = next_marker(frame, at, scanned, codec)) {
    const unsigned marker = std::to_integer<unsigned>(frame[at++]);
    if (marker == 0xD9) {
      if (!scanned) throw damaged_frame("it has no picture");
      return;
    }
    if (marker < 0xC0 || (marker >= 0xD0 && marker <= 0xD8)) throw damaged_frame("it has a marker out of place");
    if (frame.size() - at < 2) throw damaged_frame("it has no end");
    const std::size_t length = static_cast<std::size_t>(number(frame, at, 2, true));
    if (length < 2 || length > frame.size() - at) throw damaged_frame("a segment ends behind the stream");
    if (is_frame_header(marker, codec)) {
      if (sized) throw damaged_frame("it has two frame headers");
      check_frame_header(frame.subspan(at + 2, length - 2), layout);
      sized = true;
    }
    if (marker == 0xDA && !sized) throw damaged_frame("its picture comes before its frame header");
    scanned = scanned || marker == 0xDA;
    at += length;
  }
}

}  // namespace

core::Error damaged_frame(const std::string& what) {
  return reject("CODEC", "the compressed image is damaged: " + what, "fetch the series again");
}

void check_codestream(DicomCodec codec, std::span<const std::byte> frame, const PixelLayout& layout) {
  if (codec == DicomCodec::kRle) check_rle(frame, layout);
  if (codec == DicomCodec::kJpeg || codec == DicomCodec::kJpegLs) check_jpeg(frame, layout, codec);
  if (codec == DicomCodec::kJpeg2000) check_jpeg2000(frame, layout);
}

}  // namespace io
