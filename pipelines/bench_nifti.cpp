// Reading a .nii.gz, beside ITK; the limit is libdeflate alone.
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkNiftiImageIO.h>
#include <libdeflate.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "core/files.h"
#include "io/format.h"
#include "pipelines/bench.h"
#include "volume/phantom.h"

namespace pipelines {
namespace {

namespace fs = std::filesystem;
using ItkImage = itk::Image<std::int16_t, 3>;

ItkImage::Pointer read_by_itk(const fs::path& path) {
  auto reader = itk::ImageFileReader<ItkImage>::New();
  reader->SetImageIO(itk::NiftiImageIO::New());
  reader->SetFileName(path.string());
  reader->Update();
  return reader->GetOutput();
}

void inflate(const std::string& packed, std::vector<char>& raw) {
  libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
  std::size_t size = 0;
  const auto result =
      libdeflate_gzip_decompress(decompressor, packed.data(), packed.size(), raw.data(), raw.size(), &size);
  libdeflate_free_decompressor(decompressor);
  require_equal(result == LIBDEFLATE_SUCCESS, "nifti: libdeflate");
}

std::vector<BenchResult> run(const BenchOptions& options) {
  volume::PhantomOptions phantom;
  phantom.size = options.size;
  phantom.axis_orders = false;
  const volume::Case one = volume::phantom_case(phantom, 0);
  const volume::Volume& image = one.reference();
  const fs::path folder = fs::temp_directory_path() / ("gadolin-bench-" + std::to_string(::getpid()));
  const fs::path path = folder / "volume.nii.gz";
  fs::create_directories(folder);
  io::write_image(path, image);
  const volume::Volume ours = io::read_image(path);
  const ItkImage::Pointer peer = read_by_itk(path);
  const bool equal = peer->GetBufferedRegion().GetNumberOfPixels() == static_cast<std::size_t>(ours.shape().voxels()) &&
                     std::memcmp(peer->GetBufferPointer(), ours.bytes().data(), ours.bytes().size()) == 0;
  const std::string packed = core::read_text(path);
  std::vector<char> raw(image.bytes().size() + 4096);
  if (!equal) fs::remove_all(folder);
  require_equal(equal, "nifti");
  const std::vector<double> seconds = median_seconds(
      {[&] { io::read_image(path); }, [&] { read_by_itk(path); }, [&] { inflate(packed, raw); }}, options.repeats);
  fs::remove_all(folder);
  return {{"read .nii.gz int16", static_cast<double>(image.bytes().size()) / 1e6, "MB", "ITK NiftiImageIO",
           "libdeflate alone", seconds[0], seconds[1], seconds[2]}};
}

}  // namespace

extern const Workload nifti_workload;
const Workload nifti_workload{"nifti", "a .nii.gz into memory, beside ITK", run};

}  // namespace pipelines
