// Slices of a series, from their files to a volume.
#include <fstream>

#include "core/error.h"
#include "io/dicom.h"
#include "series_input.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const FuzzFolder folder;
  static const SeriesInput input(folder.path() / "written");
  static const std::filesystem::path place = folder.path() / "series";
  std::filesystem::create_directories(place);
  const std::vector<std::string> files = input.files_of({data, size});
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::filesystem::path path = place / std::to_string(i);
    if (files[i].empty())
      std::filesystem::remove(path);
    else
      std::ofstream(path, std::ios::binary) << files[i];
  }
  const io::DicomScan scan = io::scan_dicom(place);  // throws nothing for bad files
  for (const io::DicomSeries& series : io::whole_series(scan)) {
    for (const io::DicomSeries& one : io::volumes_of(series)) {
      try {
        io::read_dicom(one);
      } catch (const core::Error&) {
      }
    }
  }
  return 0;
}
