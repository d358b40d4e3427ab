#include "io/dicom_pixels.h"

#include <algorithm>
#include <cstring>

#include "io/dicom_mosaic.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr const char* kFetch = "fetch the series again";

std::vector<std::uint64_t> offset_table(DicomBytes& bytes, const DicomOutline::Fragment& table, int frames) {
  if (table.length == 0) return {};
  if (table.length != 4 * static_cast<std::uint64_t>(frames))
    throw reject("CODEC", "the offset table does not list every frame once", kFetch);
  std::vector<std::byte> raw(table.length);
  bytes.read(table.begin, raw);
  std::vector<std::uint64_t> offsets(static_cast<std::size_t>(frames));
  for (std::size_t i = 0; i < raw.size(); ++i) offsets[i / 4] |= std::to_integer<std::uint64_t>(raw[i]) << 8 * (i % 4);
  return offsets;
}

void swap_words(std::span<std::byte> bytes) {
  for (std::size_t i = 0; i + 1 < bytes.size(); i += 2) std::swap(bytes[i], bytes[i + 1]);
}

// The frame's bytes in the file, in little endian. A frame of bytes in words may begin in the middle of one.
void read_native(DicomBytes& bytes, const DicomHeader& slice, std::span<std::byte> target) {
  const DicomOutline& outline = *slice.outline;
  const std::uint64_t begin = static_cast<std::uint64_t>(slice.frame) * target.size();
  if (begin + target.size() > outline.pixel_bytes)
    throw reject("PIXEL_LENGTH", "pixel data end before the frame does", kFetch);
  if (!(outline.syntax->big_endian && outline.pixel_words)) {
    bytes.read(outline.pixel_begin + begin, target);
    return;
  }
  const std::uint64_t before = begin % 2, whole = before + target.size() + (before + target.size()) % 2;
  std::vector<std::byte> words(std::min(whole, outline.pixel_bytes - begin + before));
  bytes.read(outline.pixel_begin + begin - before, words);
  swap_words(words);
  std::memcpy(target.data(), words.data() + before, target.size());
}

void read_compressed(DicomBytes& bytes, const DicomHeader& slice, const PixelLayout& layout,
                     std::span<std::byte> target) {
  const std::uint64_t most = layout.bytes() * 2 + 65536;
  std::vector<std::byte> frame;
  for (const DicomOutline::Fragment& part : fragments_of(bytes, *slice.outline, slice.frames, slice.frame)) {
    if (frame.size() + part.length > most)
      throw reject("CODEC", "the compressed image is larger than it would be uncompressed", kFetch);
    frame.resize(frame.size() + part.length);
    bytes.read(part.begin, std::span(frame).last(part.length));
  }
  check_codestream(slice.outline->syntax->codec, frame, layout);
  decode_frame(*slice.outline->syntax, frame, layout, target);
}

// In blocks of one length, which the compiler turns into vector code.
template <class Word>
void extract(std::span<std::byte> bytes, const PixelLayout& layout) {
  constexpr std::size_t kBlock = 512;
  GADOLIN_CHECK(reinterpret_cast<std::uintptr_t>(bytes.data()) % sizeof(Word) == 0);
  Word* const words = reinterpret_cast<Word*>(bytes.data());
  const int down = layout.high_bit + 1 - layout.bits_stored;
  const auto mask = static_cast<Word>((std::uint64_t{1} << layout.bits_stored) - 1);
  const auto sign = static_cast<Word>(layout.is_signed ? std::uint64_t{1} << (layout.bits_stored - 1) : 0);
  const auto each = [&](auto&& change) {
    const std::size_t count = bytes.size() / sizeof(Word), whole = count - count % kBlock;
    for (std::size_t block = 0; block < whole; block += kBlock) {
      for (std::size_t i = 0; i < kBlock; ++i) words[block + i] = change(words[block + i]);
    }
    for (std::size_t i = whole; i < count; ++i) words[i] = change(words[i]);
  };
  // Flipping the sign's bit and taking it off again fills the bits above it.
  if (down == 0)
    each([mask, sign](Word word) { return static_cast<Word>(((word & mask) ^ sign) - sign); });
  else
    each([mask, sign, down](Word word) { return static_cast<Word>((((word >> down) & mask) ^ sign) - sign); });
}

}  // namespace

std::span<const DicomOutline::Fragment> fragments_of(DicomBytes& bytes, const DicomOutline& outline, int frames,
                                                     int frame) {
  const std::span<const DicomOutline::Fragment> all = outline.fragments;
  if (all.size() < 2) throw reject("CODEC", "there is no compressed image", kFetch);
  const std::span<const DicomOutline::Fragment> parts = all.subspan(1);
  const std::vector<std::uint64_t> offsets = offset_table(bytes, all.front(), frames);
  const auto one = static_cast<std::size_t>(frame), count = static_cast<std::size_t>(frames);
  if (offsets.empty()) {
    if (count == 1) return parts;
    if (parts.size() != count) throw reject("CODEC", "nothing tells where a frame begins", kFetch);
    return parts.subspan(one, 1);
  }
  const std::uint64_t origin = parts.front().begin;
  const auto place_of = [&](std::size_t i) {
    const auto found = std::lower_bound(parts.begin(), parts.end(), origin + offsets[i],
                                        [](const auto& part, std::uint64_t begin) { return part.begin < begin; });
    if (found == parts.end() || found->begin != origin + offsets[i])
      throw reject("CODEC", "the offset table points elsewhere", kFetch);
    return static_cast<std::size_t>(found - parts.begin());
  };
  const std::size_t begin = place_of(one), end = one + 1 < count ? place_of(one + 1) : parts.size();
  if (end <= begin || (one == 0 && begin != 0)) throw reject("CODEC", "the offset table points elsewhere", kFetch);
  return parts.subspan(begin, end - begin);
}

void extract_bits(std::span<std::byte> bytes, const PixelLayout& layout) {
  if (layout.bits_stored == layout.bits_allocated) return;
  if (layout.bits_allocated == 8) extract<std::uint8_t>(bytes, layout);
  if (layout.bits_allocated == 16) extract<std::uint16_t>(bytes, layout);
  if (layout.bits_allocated == 32) extract<std::uint32_t>(bytes, layout);
}

struct PixelReader::Open {
  std::filesystem::path path;
  DicomBytes bytes;
  std::vector<std::byte> picture;  // whole, of a mosaic

  explicit Open(const DicomHeader& slice) : path(slice.path), bytes(slice.path) {
    if (slice.outline->syntax->deflated) bytes.inflate_from(slice.outline->data_begin);
  }

  void read(const DicomHeader& slice, const PixelLayout& layout, std::span<std::byte> target) {
    if (slice.outline->syntax->codec == DicomCodec::kNone)
      read_native(bytes, slice, target);
    else
      read_compressed(bytes, slice, layout, target);
    extract_bits(target, layout);
  }
};

PixelReader::PixelReader() = default;
PixelReader::~PixelReader() = default;

void PixelReader::read(const DicomHeader& slice, std::span<std::byte> target) {
  GADOLIN_CHECK(target.size() == slice.pixels.bytes());
  if (!open_ || open_->path != slice.path) open_ = std::make_unique<Open>(slice);
  if (!slice.mosaic) return open_->read(slice, slice.pixels, target);
  const PixelLayout& whole = slice.mosaic->picture;
  if (open_->picture.empty()) {
    open_->picture.resize(static_cast<std::size_t>(whole.bytes()));
    open_->read(slice, whole, open_->picture);
  }
  copy_tile(slice, open_->picture, target);
}

}  // namespace io
