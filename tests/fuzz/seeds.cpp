// Writes the seeds of the corpora into a folder.
#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>

#include <fstream>

#include "io/dicom_toolkit.h"
#include "io/format.h"
#include "series_input.h"

namespace {

namespace fs = std::filesystem;

std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write(const fs::path& path, const std::string& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << bytes;
}

volume::Volume picture(volume::VoxelType type) {
  volume::Volume image({4, 3, 2}, type, {});
  for (std::size_t i = 0; i < image.bytes().size(); ++i) image.bytes()[i] = static_cast<std::byte>(i % 5);
  return image;
}

// A slice in the encodings that have no codec, without and with a sequence in it.
void dicom_headers(const fs::path& folder, const fs::path& scratch) {
  const auto files = io::write_dicom(scratch / "s", picture(volume::VoxelType::kInt16),
                                     {.key = "k", .patient = "p", .modality = "CT"});
  for (const E_TransferSyntax syntax :
       {EXS_LittleEndianExplicit, EXS_LittleEndianImplicit, EXS_BigEndianExplicit, EXS_DeflatedLittleEndianExplicit}) {
    for (const bool nested : {false, true}) {
      DcmFileFormat format;
      if (format.loadFile(OFFilename(files[0].c_str())).bad()) std::abort();
      format.loadAllDataIntoMemory();
      DcmItem* item = nullptr;
      if (nested && format.getDataset()->findOrCreateSequenceItem(DCM_SharedFunctionalGroupsSequence, item).good() &&
          item->findOrCreateSequenceItem(DCM_PixelMeasuresSequence, item).good())
        item->putAndInsertString(DCM_PixelSpacing, "1\\1");
      const E_EncodingType lengths = nested ? EET_UndefinedLength : EET_ExplicitLength;
      if (format.saveFile(OFFilename((scratch / "x").c_str()), syntax, lengths).bad()) std::abort();
      write(folder / (std::to_string(syntax) + (nested ? "-nested" : "-flat")), bytes_of(scratch / "x"));
    }
  }
}

void series(const fs::path& folder, const fs::path& scratch) {
  const SeriesInput input(scratch / "series");
  const auto record = [&](char file, std::uint32_t tag, const std::string& value) {
    return std::string{file, static_cast<char>(input.number_of(tag)), static_cast<char>(value.size())} + value;
  };
  constexpr std::uint32_t kPlace = 0x00200032, kTurn = 0x00200037, kUid = 0x00080018, kNumber = 0x00200013,
                          kAcquisition = 0x00200012, kSlope = 0x00280100, kPatient = 0x00100020;
  write(folder / "sound", record(0, kNumber, "1 "));
  write(folder / "missing", std::string("\x02\xFE\x00", 3));
  write(folder / "uneven", record(2, kPlace, "0\\0\\5.9"));
  write(folder / "aside", record(2, kPlace, "9\\0\\5"));
  write(folder / "turned", record(1, kTurn, "1\\0\\0\\0\\0\\1"));
  write(folder / "same-instance", record(1, kUid, "1.2.3") + record(2, kUid, "1.2.3"));
  write(folder / "two-patients", record(1, kPatient, "q"));
  write(folder / "bits", record(6, kSlope, std::string("\x20\0", 2)));
  std::string twice;
  for (char i = 0; i < 6; ++i)
    twice += record(i, kPlace, std::string("0\\0\\") + static_cast<char>('0' + i % 3)) +
             record(i, kAcquisition, i < 3 ? "1" : "2");
  write(folder / "two-at-a-place", twice);
}

void nifti(const fs::path& folder, const fs::path& scratch) {
  for (const auto& [name, type] : {std::pair("int16", volume::VoxelType::kInt16),
                                   {"float", volume::VoxelType::kFloat32},
                                   {"uint8", volume::VoxelType::kUInt8}}) {
    io::write_image(scratch / "a.nii", picture(type));
    std::string bytes = bytes_of(scratch / "a.nii");
    write(folder / name, '\0' + bytes);
    write(folder / (std::string(name) + "-packed"), '\1' + bytes);
    io::write_image(scratch / "a.nii.gz", picture(type));
    write(folder / (std::string(name) + "-gz"), '\0' + bytes_of(scratch / "a.nii.gz"));
    bytes[40] = 4, bytes[46] = 2, bytes[48] = 2;  // two volumes of two slices
    write(folder / (std::string(name) + "-4d"), '\0' + bytes);
    write(folder / (std::string(name) + "-4d-packed"), '\1' + bytes);
  }
}

}  // namespace

int main(int count, char** words) {
  if (count != 2) return 2;
  const fs::path folder = words[1];
  const FuzzFolder scratch;
  io::prepare_dcmtk();
  dicom_headers(folder / "dicom_header", scratch.path());
  series(folder / "dicom_series", scratch.path());
  nifti(folder / "nifti", scratch.path());
  return 0;
}
