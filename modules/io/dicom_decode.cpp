// io::decode_frame: one frame through the codecs of DCMTK.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdatset.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcxfer.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg12.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <dcmtk/dcmjpeg/djdijg8.h>

#include <cstring>
#include <memory>
#include <string>

#include "io/dicom_pixels.h"
#include "io/dicom_toolkit.h"
#include "io/reject.h"

namespace io {
namespace {

core::Error not_decoded() {
  return reject("CODEC", "the compressed image cannot be decoded", "fetch the series again");
}

// A data set of nothing but this frame, for codecs ask the data set how large it is.
void make_image(DcmDataset& data, const PixelLayout& layout) {
  const auto number = [&](const DcmTagKey& tag, int value) {
    if (data.putAndInsertUint16(tag, static_cast<Uint16>(value)).bad()) throw not_decoded();
  };
  number(DCM_SamplesPerPixel, 1);
  if (data.putAndInsertString(DCM_PhotometricInterpretation, "MONOCHROME2").bad()) throw not_decoded();
  number(DCM_Rows, layout.rows);
  number(DCM_Columns, layout.columns);
  number(DCM_BitsAllocated, layout.bits_allocated);
  number(DCM_BitsStored, layout.bits_stored);
  number(DCM_HighBit, layout.high_bit);
  number(DCM_PixelRepresentation, layout.is_signed ? 1 : 0);
}

void put_frame(DcmDataset& data, E_TransferSyntax syntax, std::span<const std::byte> frame) {
  std::string padded(reinterpret_cast<const char*>(frame.data()), frame.size());
  if (padded.size() % 2 != 0) padded += '\0';
  auto sequence = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
  for (const std::string& bytes : {std::string(), padded}) {  // an empty offset table first
    auto item = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
    if (!bytes.empty() && item->putUint8Array(reinterpret_cast<const Uint8*>(bytes.data()), bytes.size()).bad())
      throw not_decoded();
    if (sequence->insert(item.get()).bad()) throw not_decoded();
    item.release();
  }
  auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
  pixels->putOriginalRepresentation(syntax, nullptr, sequence.release());
  if (data.insert(pixels.get(), true).bad()) throw not_decoded();
  pixels.release();
}

// The precision told by the frame header (T.81 B.2.2), which check_codestream() has found to be there.
unsigned precision_of(std::span<const std::byte> frame) {
  for (std::size_t at = 2; at + 9 < frame.size();) {
    const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(frame[at + i]); };
    if (byte(0) == 0xFF && byte(1) == 0xFF) {  // fill
      ++at;
      continue;
    }
    const unsigned marker = byte(1);
    const bool table = marker == 0xC4 || marker == 0xC8 || marker == 0xCC;
    if (marker >= 0xC0 && marker <= 0xCF && !table) return byte(4);
    at += 2 + (byte(2) << 8 | byte(3));
  }
  throw not_decoded();
}

// By the library that DCMTK has for this precision, straight into the target: DCMTK's own way there is a data set and
// three copies.
void decode_jpeg(std::span<const std::byte> frame, const PixelLayout& layout, std::span<std::byte> target) {
  const unsigned precision = precision_of(frame);
  const DJCodecParameter plain(ECC_lossyYCbCr, EDC_photometricInterpretation, EUC_default, EPC_default);
  std::unique_ptr<DJDecoder> decoder;
  if (precision > 12)
    decoder = std::make_unique<DJDecompressIJG16Bit>(plain, OFFalse);
  else if (precision > 8)
    decoder = std::make_unique<DJDecompressIJG12Bit>(plain, OFFalse);
  else
    decoder = std::make_unique<DJDecompressIJG8Bit>(plain, OFFalse);
  if (decoder->bytesPerSample() * 8 != layout.bits_allocated || decoder->init().bad()) throw not_decoded();
  const OFCondition done =
      decoder->decode(reinterpret_cast<Uint8*>(const_cast<std::byte*>(frame.data())), static_cast<Uint32>(frame.size()),
                      reinterpret_cast<Uint8*>(target.data()), static_cast<Uint32>(target.size()), layout.is_signed);
  if (done.bad()) throw not_decoded();
}

}  // namespace

void decode_frame(const TransferSyntax& syntax, std::span<const std::byte> frame, const PixelLayout& layout,
                  std::span<std::byte> target) {
  if (syntax.codec == DicomCodec::kRle) return decode_rle(frame, layout, target);
  if (syntax.codec == DicomCodec::kJpeg2000) return decode_jpeg2000(frame, layout, target);
  prepare_dcmtk();
  if (syntax.codec == DicomCodec::kJpeg) return decode_jpeg(frame, layout, target);
  DcmDataset data;
  make_image(data, layout);
  put_frame(data, DcmXfer(std::string(syntax.uid).c_str()).getXfer(), frame);
  DcmElement* element = nullptr;
  if (data.chooseRepresentation(EXS_LittleEndianExplicit, nullptr).bad() ||
      data.findAndGetElement(DCM_PixelData, element).bad() || element == nullptr)
    throw not_decoded();
  void* words = nullptr;
  OFCondition done;
  if (layout.bits_allocated == 8) {
    Uint8* at = nullptr;
    done = element->getUint8Array(at);
    words = at;
  } else {
    Uint16* at = nullptr;
    done = element->getUint16Array(at);
    words = at;
  }
  if (done.bad() || words == nullptr || element->getLength() < target.size()) throw not_decoded();
  std::memcpy(target.data(), words, target.size());
}

}  // namespace io
