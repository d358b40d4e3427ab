// io::require_no_text: all pictures of one DICOM object, of whatever kind, looked at for text.
#include "io/burned_look.h"
#include "io/burned_rules.h"
#include "io/dicom_header.h"
#include "io/dicom_pixels.h"
#include "io/format.h"
#include "io/reject.h"

namespace io {
namespace {

// Segmentations and dose are numbers on a grid, not pictures (PS3.3 A.51, A.18.3).
bool of_numbers(const std::string& sop_class) {
  return sop_class.starts_with("1.2.840.10008.5.1.4.1.1.66.") || sop_class == "1.2.840.10008.5.1.4.1.1.481.2";
}

core::Error cannot_look(const std::string& why) {
  return reject("BURNED_IN_TEXT", "its pixels cannot be looked at for text: " + why,
                "have a person look at it, or convert it to uncompressed gray or RGB first");
}

// What is told of the pixels, proven as far as looking at them needs it.
struct Pictures {
  DicomHeader header;  // of one plane as it lies in the file: planes of colour lie beside or below each other
  int samples = 1;
  bool planar = false;
};

Pictures pictures_of(const std::filesystem::path& object, const Attributes& from,
                     std::shared_ptr<const DicomOutline> outline) {
  Pictures pictures;
  pictures.samples = from.number(DCM_SamplesPerPixel).value_or(1);
  pictures.planar = from.number(DCM_PlanarConfiguration).value_or(0) == 1;
  const std::string photometric = from.text(DCM_PhotometricInterpretation);
  const bool gray = pictures.samples == 1 && photometric.starts_with("MONOCHROME"),
             colour = pictures.samples == 3 && (photometric == "RGB" || photometric == "YBR_FULL");
  if (!gray && !colour) throw cannot_look("neither gray nor plain colour");
  if (colour && outline->syntax->codec != DicomCodec::kNone) throw cannot_look("compressed colour");
  PixelLayout& p = pictures.header.pixels;
  p.rows = from.number(DCM_Rows).value_or(0);
  p.columns = from.number(DCM_Columns).value_or(0);
  p.bits_allocated = from.number(DCM_BitsAllocated).value_or(0);
  p.bits_stored = from.number(DCM_BitsStored).value_or(p.bits_allocated);
  p.high_bit = from.number(DCM_HighBit).value_or(p.bits_stored - 1);
  p.is_signed = from.number(DCM_PixelRepresentation).value_or(0) == 1;
  if (p.rows < 1 || p.columns < 1) throw reject("IMAGE_PIXEL", "the image has no rows or no columns", kExportAgain);
  if (p.bits_allocated != 8 && p.bits_allocated != 16 && p.bits_allocated != 32)
    throw cannot_look(std::to_string(p.bits_allocated) + " bits a pixel");
  if (p.bits_stored < 1 || p.bits_stored > p.bits_allocated || p.high_bit >= p.bits_allocated ||
      p.high_bit + 1 < p.bits_stored)
    throw reject("IMAGE_PIXEL", "bits stored, bits allocated and high bit contradict each other", kExportAgain);
  if (colour) (pictures.planar ? p.rows : p.columns) *= 3;
  pictures.header.path = object;
  pictures.header.outline = std::move(outline);
  pictures.header.frames = static_cast<int>(from.whole(DCM_NumberOfFrames, 1, INT32_MAX).value_or(1));
  return pictures;
}

// Colours that lie beside each other, pixel for pixel, as planes.
volume::Volume parted(const volume::Volume& beside) {
  const std::int64_t rows = beside.shape().height, columns = beside.shape().width / 3;
  volume::Volume planes({3, rows, columns}, beside.type(), {});
  volume::with_type(beside.type(), [&]<class T>(T) {
    const auto from = beside.voxels<T>();
    const auto to = planes.voxels<T>();
    const auto plane = static_cast<std::size_t>(rows * columns);
    for (std::size_t i = 0; i < plane; ++i) {
      for (std::size_t c = 0; c < 3; ++c) to[c * plane + i] = from[3 * i + c];
    }
  });
  return planes;
}

}  // namespace

std::vector<std::string> require_no_text(const std::filesystem::path& object) {
  TextSearch search;
  if (object.empty()) return search.finish();
  DicomBytes bytes(object);
  auto outline = std::make_shared<const DicomOutline>(outline_of(bytes));
  DicomFile file(object);
  const Attributes from = file.attributes();
  if (!outline->has_pixels || of_numbers(from.text(DCM_SOPClassUID))) return {};
  if (const BurnedRule* rule = burned_rule(from)) throw usual_text(rule->what);
  Pictures pictures = pictures_of(object, from, std::move(outline));
  DicomHeader& slice = pictures.header;
  PixelReader reader;
  for (slice.frame = 0; slice.frame < slice.frames; ++slice.frame) {
    const volume::Shape shape{1, slice.pixels.rows, slice.pixels.columns};
    checked_size(shape, slice.pixels.type(), "IMAGE_PIXEL");
    volume::Volume stored(shape, slice.pixels.type(), {});
    reader.read(slice, stored.bytes());
    if (pictures.samples == 3 && !pictures.planar) stored = parted(stored);
    search.look_at(stored, slice.frame);
  }
  return search.finish();
}

}  // namespace io
