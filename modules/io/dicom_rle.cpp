// RLE (PS3.5 annex G): PackBits, one segment for each byte of a pixel, the highest first.
#include <algorithm>
#include <cstring>

#include "io/dicom_pixels.h"

namespace io {
namespace {

std::size_t offset_in(std::span<const std::byte> frame, std::size_t segment) {
  std::uint32_t offset = 0;
  for (std::size_t i = 4; i-- > 0;) offset = offset << 8 | std::to_integer<std::uint32_t>(frame[4 + 4 * segment + i]);
  return offset;
}

// Fills `plane`, or throws.
void unpack(std::span<const std::byte> segment, std::span<std::byte> plane) {
  const std::byte* in = segment.data();
  const std::byte* const in_end = in + segment.size();
  std::byte* out = plane.data();
  std::byte* const out_end = out + plane.size();
  while (out < out_end) {
    if (in == in_end) throw damaged_frame("a segment unpacks to another size");
    const int head = static_cast<std::int8_t>(std::to_integer<std::uint8_t>(*in++));
    if (head == -128) continue;
    const std::size_t count = static_cast<std::size_t>(head >= 0 ? head + 1 : 1 - head);
    if (count > static_cast<std::size_t>(out_end - out)) throw damaged_frame("a segment unpacks to another size");
    const std::size_t needed = head >= 0 ? count : 1;
    if (needed > static_cast<std::size_t>(in_end - in)) throw damaged_frame("a run ends behind its segment");
    if (head >= 0)
      std::memcpy(out, in, count);
    else
      std::memset(out, std::to_integer<int>(*in), count);
    in += needed;
    out += count;
  }
}

// In blocks of one length, which the compiler turns into vector code.
void weave(const std::byte* high, const std::byte* low, std::span<std::byte> words) {
  constexpr std::size_t kBlock = 512;
  const std::size_t count = words.size() / 2, whole = count - count % kBlock;
  for (std::size_t block = 0; block < whole; block += kBlock) {
    std::uint16_t woven[kBlock];
    for (std::size_t i = 0; i < kBlock; ++i)
      woven[i] = static_cast<std::uint16_t>(std::to_integer<unsigned>(high[block + i]) << 8 |
                                            std::to_integer<unsigned>(low[block + i]));
    std::memcpy(words.data() + 2 * block, woven, sizeof woven);
  }
  for (std::size_t i = whole; i < count; ++i) words[2 * i] = low[i], words[2 * i + 1] = high[i];
}

}  // namespace

void decode_rle(std::span<const std::byte> frame, const PixelLayout& layout, std::span<std::byte> target) {
  const std::size_t planes = static_cast<std::size_t>(layout.bits_allocated / 8), pixels = target.size() / planes;
  thread_local std::vector<std::byte> unpacked;  // kept from frame to frame
  unpacked.resize(planes == 1 ? 0 : target.size());
  for (std::size_t plane = 0; plane < planes; ++plane) {
    const std::size_t begin = offset_in(frame, plane);
    const std::size_t end = plane + 1 < planes ? offset_in(frame, plane + 1) : frame.size();
    if (begin > end || end > frame.size()) throw damaged_frame("a segment lies outside");
    const std::span<std::byte> whole = planes == 1 ? target : std::span(unpacked);
    unpack(frame.subspan(begin, end - begin), whole.subspan(plane * pixels, pixels));
  }
  if (planes == 2) weave(unpacked.data(), unpacked.data() + pixels, target);
  if (planes <= 2) return;
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t plane = 0; plane < planes; ++plane)
      target[i * planes + planes - 1 - plane] = unpacked[plane * pixels + i];
  }
}

}  // namespace io
