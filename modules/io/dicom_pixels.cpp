#include "io/dicom_pixels.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcpixel.h>

#include <cstring>

#include "io/reject.h"

namespace io {
namespace {

constexpr const char* kFetch = "fetch the series again";

// The compressed frame in one piece, and its offset table proven (PS3.5 A.4).
std::vector<std::byte> joined(const DicomHeader& header) {
  const auto& fragments = header.outline.fragments;
  if (fragments.size() < 2) throw reject("CODEC", "there is no compressed image", kFetch);
  DicomBytes bytes(header.path);
  const DicomOutline::Fragment& table = fragments.front();
  if (table.length > 4) throw reject("CODEC", "the offset table lists several frames", kFetch);
  std::vector<std::byte> raw(table.length);
  bytes.read(table.begin, raw);
  for (const std::byte part : raw) {
    if (part != std::byte{0}) throw reject("CODEC", "the offset table points elsewhere", kFetch);
  }
  raw.clear();
  for (std::size_t i = 1; i < fragments.size(); ++i) {
    if (raw.size() + fragments[i].length > header.pixels.bytes() * 2 + 65536)
      throw reject("CODEC", "the compressed image is larger than it would be uncompressed", kFetch);
    raw.resize(raw.size() + fragments[i].length);
    bytes.read(fragments[i].begin, std::span(raw).last(fragments[i].length));
  }
  return raw;
}

template <class Word>
void copy_words(DcmElement& element, std::span<std::byte> target) {
  void* words = nullptr;
  OFCondition done;
  if constexpr (sizeof(Word) == 1) {
    Uint8* at = nullptr;
    done = element.getUint8Array(at);
    words = at;
  } else {
    Uint16* at = nullptr;
    done = element.getUint16Array(at);
    words = at;
  }
  if (done.bad() || words == nullptr) throw reject("STRUCTURE", "DCMTK does not give the pixels", kFetch);
  if (element.getLength() < target.size())
    throw reject("PIXEL_LENGTH",
                 "pixel data has " + std::to_string(element.getLength()) + " bytes, the header promises " +
                     std::to_string(target.size()),
                 kFetch);
  std::memcpy(target.data(), words, target.size());
}

}  // namespace

void extract_bits(std::span<std::byte> bytes, const PixelLayout& layout) {
  const int width = layout.bits_allocated, down = layout.high_bit + 1 - layout.bits_stored;
  if (layout.bits_stored == width) return;
  const auto each = [&]<class Word>(Word) {
    const Word mask = static_cast<Word>((std::uint64_t{1} << layout.bits_stored) - 1);
    const Word sign = static_cast<Word>(std::uint64_t{1} << (layout.bits_stored - 1));
    for (std::size_t at = 0; at < bytes.size(); at += sizeof(Word)) {
      Word word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      word = static_cast<Word>((word >> down) & mask);
      if (layout.is_signed && (word & sign) != 0) word = static_cast<Word>(word | static_cast<Word>(~mask));
      std::memcpy(bytes.data() + at, &word, sizeof word);
    }
  };
  if (width == 8) each(std::uint8_t{});
  if (width == 16) each(std::uint16_t{});
  if (width == 32) each(std::uint32_t{});
}

void read_pixels(const DicomHeader& header, std::span<std::byte> target) {
  GADOLIN_CHECK(target.size() == header.pixels.bytes());
  const DicomCodec codec = header.outline.syntax->codec;
  if (codec != DicomCodec::kNone) check_codestream(codec, joined(header), header.pixels);
  DcmFileFormat file;
  if (file.loadFile(OFFilename(header.path.c_str())).bad())
    throw reject("STRUCTURE", "DCMTK cannot parse the file", kFetch);
  if (file.getDataset()->chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad())
    throw reject("CODEC", "the compressed image cannot be decoded", kFetch);
  DcmElement* element = nullptr;
  if (file.getDataset()->findAndGetElement(DCM_PixelData, element).bad() || element == nullptr)
    throw reject("STRUCTURE", "DCMTK does not give the pixels", kFetch);
  if (header.pixels.bits_allocated == 8)
    copy_words<std::uint8_t>(*element, target);
  else
    copy_words<std::uint16_t>(*element, target);
  extract_bits(target, header.pixels);
}

}  // namespace io
