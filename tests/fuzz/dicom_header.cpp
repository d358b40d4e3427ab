// The walk before DCMTK, and the header behind it.
#include "io/dicom_header.h"

#include "core/error.h"
#include "memory_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const MemoryFile file({data, size});
  try {
    io::read_identity(file.path());
  } catch (const core::Error&) {
  }
  try {
    io::read_slices(file.path());
  } catch (const core::Error&) {
  }
  return 0;
}
