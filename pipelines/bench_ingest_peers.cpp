// Who else reads the series of bench ingest.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcrledec.h>
#include <dcmtk/dcmjpeg/djcparam.h>
#include <dcmtk/dcmjpeg/djdijg16.h>
#include <itkGDCMImageIO.h>
#include <itkGDCMSeriesFileNames.h>
#include <itkImage.h>
#include <itkImageSeriesReader.h>
#include <openjpeg2/openjpeg.h>

#include <cmath>
#include <cstring>
#include <memory>

#include "core/error.h"
#include "io/dicom_pixels.h"
#include "pipelines/bench_ingest_series.h"

// CharLS as DCMTK brings it, without a header of its own; a last argument of nullptr takes the size from the stream.
extern "C" int JpegLsDecode(void* target, std::size_t target_bytes, const void* source, std::size_t source_bytes,
                            void* told);

namespace pipelines {
namespace {

void require(bool sound, const char* who) {
  if (!sound) throw core::Error(std::string("bench ingest: ") + who + " cannot read what was written");
}

std::uint32_t word_at(const std::vector<std::byte>& bytes, std::size_t at) {
  std::uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, sizeof word);
  return word;
}

// PS3.5 annex G: the upper bytes of all pixels, then the lower ones.
void rle(DcmRLEDecoder& decoder, const std::vector<std::byte>& frame, std::span<std::uint16_t> target) {
  const std::size_t segments[] = {word_at(frame, 4), word_at(frame, 8), frame.size()};
  auto* const bytes = reinterpret_cast<unsigned char*>(target.data());
  for (std::size_t part = 0; part < 2; ++part) {
    decoder.clear();
    decoder.decompress(const_cast<std::byte*>(frame.data()) + segments[part], segments[part + 1] - segments[part]);
    require(decoder.size() >= target.size(), "DCMTK's RLE");
    const auto* const from = static_cast<const unsigned char*>(decoder.getOutputBuffer());
    for (std::size_t i = 0; i < target.size(); ++i) bytes[2 * i + 1 - part] = from[i];
  }
}

void jpeg(const DJCodecParameter& parameters, const std::vector<std::byte>& frame, std::span<std::uint16_t> target) {
  DJDecompressIJG16Bit decoder(parameters, false);
  auto* const from = reinterpret_cast<Uint8*>(const_cast<std::byte*>(frame.data()));
  require(decoder.init().good() &&
              decoder
                  .decode(from, static_cast<Uint32>(frame.size()), reinterpret_cast<Uint8*>(target.data()),
                          static_cast<Uint32>(target.size_bytes()), false)
                  .good(),
          "DCMTK's JPEG");
}

}  // namespace

void decode_bare(const BenchSeries& series, std::span<std::uint16_t> target) {
  const std::size_t voxels = target.size() / series.frames.size();
  const auto edge = static_cast<int>(std::lround(std::sqrt(static_cast<double>(voxels))));
  const io::PixelLayout layout{edge, edge, 16, 12, 11, false};
  DcmRLEDecoder decoder(voxels + 2);
  const DJCodecParameter parameters(ECC_lossyYCbCr, EDC_photometricInterpretation, EUC_default, EPC_default);
  for (std::size_t i = 0; i < series.frames.size(); ++i) {
    const std::vector<std::byte>& frame = series.frames[i];
    const std::span<std::uint16_t> slice = target.subspan(i * voxels, voxels);
    if (series.codec == BenchCodec::kRle) rle(decoder, frame, slice);
    if (series.codec == BenchCodec::kJpegLossless) jpeg(parameters, frame, slice);
    if (series.codec == BenchCodec::kJpegLs)
      require(JpegLsDecode(slice.data(), slice.size_bytes(), frame.data(), frame.size(), nullptr) == 0, "CharLS");
    if (series.codec == BenchCodec::kJpeg2000)
      io::decode_jpeg2000(frame, layout, std::as_writable_bytes(slice));  // OpenJPEG and one copy
  }
}

void read_by_dcmtk(const BenchSeries& series, std::span<std::uint16_t> target) {
  const std::size_t voxels = target.size() / series.files.size();
  for (std::size_t i = 0; i < series.files.size(); ++i) {
    DcmFileFormat format;
    const Uint16* words = nullptr;
    unsigned long count = 0;
    require(format.loadFile(OFFilename(series.files[i].c_str())).good() &&
                format.getDataset()->findAndGetUint16Array(DCM_PixelData, words, &count).good() && count >= voxels,
            "DCMTK");
    std::memcpy(target.data() + i * voxels, words, voxels * sizeof *words);
  }
}

void read_by_itk(const BenchSeries& series, bool sorted,
                 const std::function<void(std::span<const std::int16_t>)>& see) {
  using Image = itk::Image<std::int16_t, 3>;
  itk::ImageSeriesReader<Image>::FileNamesContainer names;
  if (sorted) {
    const auto finder = itk::GDCMSeriesFileNames::New();
    finder->SetDirectory(series.files.front().parent_path().string());
    names = finder->GetInputFileNames();
  } else {
    for (const auto& file : series.files) names.push_back(file.string());
  }
  const auto reader = itk::ImageSeriesReader<Image>::New();
  reader->SetImageIO(itk::GDCMImageIO::New());
  reader->SetFileNames(names);
  reader->Update();
  const Image& image = *reader->GetOutput();
  see({image.GetBufferPointer(), image.GetBufferedRegion().GetNumberOfPixels()});
}

}  // namespace pipelines
