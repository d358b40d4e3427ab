#include "pipelines/bench_ingest_series.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>
#include <openjpeg2/openjpeg.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "core/error.h"
#include "core/rng.h"
#include "io/dicom.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;

constexpr int kBits = 12, kLargest = (1 << kBits) - 1, kWater = 1024;

void require(bool sound, const char* what) {
  if (!sound) throw core::Error(std::string("bench ingest: ") + what + " failed while the input was made");
}

struct Representation {
  E_TransferSyntax syntax;
  const DcmRepresentationParameter* how;
};

Representation representation(BenchCodec codec) {
  DcmRLEEncoderRegistration::registerCodecs();
  DJEncoderRegistration::registerCodecs();
  DJLSEncoderRegistration::registerCodecs();
  static const DcmRLERepresentationParameter rle;
  static const DJ_RPLossless lossless(1, 0);
  static const DJLSRepresentationParameter jpegls(0, OFTrue);
  switch (codec) {
    case BenchCodec::kRle:
      return {EXS_RLELossless, &rle};
    case BenchCodec::kJpegLossless:
      return {EXS_JPEGProcess14SV1, &lossless};
    case BenchCodec::kJpegLs:
      return {EXS_JPEGLSLossless, &jpegls};
    case BenchCodec::kJpeg2000:
      return {EXS_JPEG2000LosslessOnly, nullptr};
    default:
      return {EXS_LittleEndianExplicit, nullptr};
  }
}

OPJ_SIZE_T append_bytes(void* from, OPJ_SIZE_T count, void* user) {
  auto& bytes = *static_cast<std::vector<std::byte>*>(user);
  const auto* const at = static_cast<const std::byte*>(from);
  bytes.insert(bytes.end(), at, at + count);
  return count;
}

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* what) const {
    kFree(what);
  }
};

std::vector<std::byte> jpeg2000_of(const Uint16* words, unsigned rows, unsigned columns) {
  opj_image_cmptparm_t component{};
  component.dx = component.dy = 1;
  component.w = columns, component.h = rows, component.prec = kBits;
  const std::unique_ptr<opj_image_t, Free<opj_image_destroy>> image(opj_image_create(1, &component, OPJ_CLRSPC_GRAY));
  image->x1 = columns, image->y1 = rows;
  std::copy(words, words + std::size_t{rows} * columns, image->comps[0].data);
  opj_cparameters_t parameters;
  opj_set_default_encoder_parameters(&parameters);
  parameters.tcp_numlayers = 1, parameters.cp_disto_alloc = 1;
  const std::unique_ptr<opj_codec_t, Free<opj_destroy_codec>> codec(opj_create_compress(OPJ_CODEC_J2K));
  const std::unique_ptr<opj_stream_t, Free<opj_stream_destroy>> stream(opj_stream_default_create(OPJ_FALSE));
  std::vector<std::byte> bytes;
  opj_stream_set_user_data(stream.get(), &bytes, nullptr);
  opj_stream_set_write_function(stream.get(), append_bytes);
  require(opj_setup_encoder(codec.get(), &parameters, image.get()) &&
              opj_start_compress(codec.get(), image.get(), stream.get()) && opj_encode(codec.get(), stream.get()) &&
              opj_end_compress(codec.get(), stream.get()),
          "OpenJPEG");
  if (bytes.size() % 2 != 0) bytes.push_back(std::byte{0});
  return bytes;
}

// The uncompressed pixels of a data set in place of which the frame stands afterwards.
void put_jpeg2000(DcmDataset& data) {
  const Uint16* words = nullptr;
  Uint16 rows = 0, columns = 0;
  require(data.findAndGetUint16Array(DCM_PixelData, words).good() && data.findAndGetUint16(DCM_Rows, rows).good() &&
              data.findAndGetUint16(DCM_Columns, columns).good(),
          "DCMTK");
  const std::vector<std::byte> frame = jpeg2000_of(words, rows, columns);
  auto sequence = std::make_unique<DcmPixelSequence>(DCM_PixelSequenceTag);
  for (const std::size_t size : {std::size_t{0}, frame.size()}) {  // an empty offset table first
    auto item = std::make_unique<DcmPixelItem>(DCM_PixelItemTag);
    if (size > 0) require(item->putUint8Array(reinterpret_cast<const Uint8*>(frame.data()), size).good(), "DCMTK");
    require(sequence->insert(item.release()).good(), "DCMTK");
  }
  auto pixels = std::make_unique<DcmPixelData>(DCM_PixelData);
  pixels->putOriginalRepresentation(EXS_JPEG2000LosslessOnly, nullptr, sequence.release());
  require(data.insert(pixels.release(), true).good(), "DCMTK");
}

std::vector<std::byte> frame_in(DcmDataset& data, const Representation& as) {
  DcmElement* element = nullptr;
  DcmPixelSequence* sequence = nullptr;
  DcmPixelItem* item = nullptr;
  Uint8* bytes = nullptr;
  require(data.findAndGetElement(DCM_PixelData, element).good(), "DCMTK");
  auto& pixels = *dynamic_cast<DcmPixelData*>(element);
  require(pixels.getEncapsulatedRepresentation(as.syntax, as.how, sequence).good() &&
              sequence->getItem(item, 1).good() && item->getUint8Array(bytes).good(),
          "DCMTK");
  const auto* const at = reinterpret_cast<const std::byte*>(bytes);
  return {at, at + item->getLength()};
}

}  // namespace

volume::Volume bench_ct(std::int64_t edge, std::int64_t slices) {
  volume::PhantomOptions options;
  options.size = std::clamp<std::int64_t>(edge / 4, 32, 128);
  options.modality = "CT";
  options.axis_orders = false;
  const volume::Case one = volume::phantom_case(options, 0);
  const volume::Shape from = one.reference().shape();
  const auto source = one.reference().voxels<std::int16_t>();
  volume::Volume ct({slices, edge, edge}, volume::VoxelType::kUInt16, {});
  ct.geometry.spacing_mm = {1.25, 0.75, 0.75};
  ct.offset = -kWater;
  core::Rng rng({1, 0, 0, 0});
  const auto target = ct.voxels<std::uint16_t>();
  for (std::int64_t d = 0, i = 0; d < slices; ++d) {
    for (std::int64_t h = 0; h < edge; ++h) {
      for (std::int64_t w = 0; w < edge; ++w, ++i) {
        const std::int64_t place =
            ((d * from.depth / slices) * from.height + h * from.height / edge) * from.width + w * from.width / edge;
        const auto noise = static_cast<int>(rng.below(16) + rng.below(16)) - 15;  // about 7 HU
        const int value = source[static_cast<std::size_t>(place)] + kWater + noise;
        target[static_cast<std::size_t>(i)] = static_cast<std::uint16_t>(std::clamp(value, 0, kLargest));
      }
    }
  }
  return ct;
}

BenchSeries bench_series(const fs::path& folder, const volume::Volume& ct, BenchCodec codec) {
  BenchSeries series{codec, {}, {}};
  series.files = io::write_dicom(folder, ct, {.key = "bench", .patient = "bench", .modality = "CT"});
  const Representation as = representation(codec);
  for (const fs::path& file : series.files) {
    DcmFileFormat format;
    require(format.loadFile(OFFilename(file.c_str())).good(), "DCMTK");
    format.loadAllDataIntoMemory();
    DcmDataset& data = *format.getDataset();
    data.putAndInsertUint16(DCM_BitsStored, kBits);
    data.putAndInsertUint16(DCM_HighBit, kBits - 1);
    if (codec == BenchCodec::kJpeg2000) put_jpeg2000(data);
    require(data.chooseRepresentation(as.syntax, as.how).good(), "DCMTK's encoder");
    if (codec != BenchCodec::kNone) series.frames.push_back(frame_in(data, as));
    require(format.saveFile(OFFilename(file.c_str()), as.syntax).good(), "DCMTK");
  }
  return series;
}

}  // namespace pipelines
