// Reading a .nii.gz, beside ITK. The limit is what cannot be done without: the file copied out of the page cache into a
// buffer that is kept, and libdeflate (with its checksum) into fresh memory of the kind that voxels get. What is
// measured against it is the header, the checks and our own detours.
#include <fcntl.h>
#include <itkImage.h>
#include <itkImageFileReader.h>
#include <itkNiftiImageIO.h>
#include <libdeflate.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

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

void read_bytes(const fs::path& path, std::string& bytes) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = ::read(file, bytes.data(), bytes.size());
  ::close(file);
  require_equal(got == static_cast<ssize_t>(bytes.size()), "nifti: read");
}

void inflate(const std::string& packed, std::size_t most) {
  static libdeflate_decompressor* const decompressor = libdeflate_alloc_decompressor();
  const volume::VoxelMemory raw(most, volume::VoxelMemory::Fill::kNone);
  std::size_t size = 0;
  const auto result =
      libdeflate_gzip_decompress(decompressor, packed.data(), packed.size(), raw.data(), raw.size(), &size);
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
  std::string packed(fs::file_size(path), '\0');
  if (!equal) fs::remove_all(folder);
  require_equal(equal, "nifti");
  const std::vector<double> seconds = median_seconds({[&] { io::read_image(path); }, [&] { read_by_itk(path); },
                                                      [&] {
                                                        read_bytes(path, packed);
                                                        inflate(packed, image.bytes().size() + 4096);
                                                      }},
                                                     options.repeats, processor_seconds);
  fs::remove_all(folder);
  return {{"read .nii.gz int16, CPU time", static_cast<double>(image.bytes().size()) / 1e6, "MB", "ITK NiftiImageIO",
           "read and libdeflate alone", seconds[0], seconds[1], seconds[2]}};
}

}  // namespace

extern const Workload nifti_workload;
const Workload nifti_workload{"nifti", "a .nii.gz into memory, beside ITK", run};

}  // namespace pipelines
