// A volume as a series of classic single-frame images.
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <set>

#include "core/error.h"
#include "io/dicom.h"
#include "io/dicom_toolkit.h"

namespace io {
namespace {

namespace fs = std::filesystem;
using volume::Point;
using volume::Volume;

// How voxels become 16-bit numbers: stored = round((voxel - least) / step).
struct Packing16 {
  bool is_signed = true;
  double least = 0, step = 1;
};

Packing16 packing_for(const Volume& volume) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool whole = true;
  volume::with_type(volume.type(), [&]<class T>(T) {
    for (const T voxel : volume.voxels<T>()) {
      const double v = static_cast<double>(voxel);
      if (!std::isfinite(v)) throw core::Error("a voxel is NaN or infinite", "DICOM has no number for it");
      low = std::min(low, v);
      high = std::max(high, v);
      whole = whole && v == std::floor(v);
    }
  });
  if (whole && low >= 0 && high <= 65535 && volume.type() != volume::VoxelType::kInt16) return {false, 0, 1};
  if (whole && low >= -32768 && high <= 32767) return {true, 0, 1};
  if (low == high) return {false, low, 1};
  return {false, low, (high - low) / 65535};
}

std::vector<Uint16> packed(const Volume& volume, std::int64_t slice, const Packing16& packing) {
  const std::size_t count = static_cast<std::size_t>(volume.shape().height * volume.shape().width);
  std::vector<Uint16> words(count);
  volume::with_type(volume.type(), [&]<class T>(T) {
    const auto voxels = volume.voxels<T>().subspan(static_cast<std::size_t>(slice) * count, count);
    std::transform(voxels.begin(), voxels.end(), words.begin(), [&](T voxel) {
      const long stored = std::lround((static_cast<double>(voxel) - packing.least) / packing.step);
      return static_cast<Uint16>(stored);
    });
  });
  return words;
}

// A decimal string: at most 16 characters (PS3.5 6.2).
std::string decimal(double value) {
  char text[40];
  for (int digits = 16; digits > 0; --digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, value);
    if (std::string_view(text).size() <= 16) break;
  }
  return text;
}

template <class Values>
std::string decimals(const Values& values) {
  std::string text;
  for (const double value : values) text += (text.empty() ? "" : "\\") + decimal(value);
  return text;
}

// Text as an LO or PN may hold it.
std::string plain(std::string text) {
  for (char& c : text) {
    if (c == '\\' || c == '^' || c == '=' || static_cast<unsigned char>(c) < ' ') c = '_';
  }
  return text.substr(0, 64);
}

class Instance {
 public:
  Instance() : data_(*file_.getDataset()) {}

  void text(const DcmTagKey& tag, const std::string& value) { check(data_.putAndInsertString(tag, value.c_str())); }
  void number(const DcmTagKey& tag, unsigned value) {
    check(data_.putAndInsertUint16(tag, static_cast<Uint16>(value)));
  }
  void pixels(const std::vector<Uint16>& words) {
    check(data_.putAndInsertUint16Array(DCM_PixelData, words.data(), words.size()));
  }
  void save(const fs::path& path) {
    const fs::path temporary = path.string() + ".part";
    const OFCondition done = file_.saveFile(temporary.c_str(), EXS_LittleEndianExplicit, EET_ExplicitLength);
    if (done.bad()) {
      std::error_code ignored;
      fs::remove(temporary, ignored);
      throw core::Error("cannot write " + path.string() + ": " + done.text(), "check the disk's space and permissions");
    }
    std::error_code failed;
    fs::rename(temporary, path, failed);
    if (failed) throw core::Error("cannot write " + path.string() + ": " + failed.message());
  }

 private:
  static void check(const OFCondition& condition) {
    if (condition.bad()) throw core::Error(std::string("an attribute cannot be set: ") + condition.text());
  }

  DcmFileFormat file_;
  DcmDataset& data_;
};

void put_study(Instance& to, const DicomTags& tags) {
  const std::string study = tags.study.empty() ? tags.key : tags.study;
  to.text(DCM_SpecificCharacterSet, "ISO_IR 192");
  to.text(DCM_PatientID, plain(tags.patient));
  to.text(DCM_PatientName, plain(tags.patient));
  to.text(DCM_StudyInstanceUID, uid_from("study " + study));
  to.text(DCM_SeriesInstanceUID, uid_from("series " + tags.key));
  to.text(DCM_FrameOfReferenceUID, uid_from("frame " + study));
  to.text(DCM_Modality, tags.modality);
  to.text(DCM_Manufacturer, plain(tags.vendor));
  to.text(DCM_InstitutionName, plain(tags.site));
  to.text(DCM_SeriesDescription, plain(tags.description));
  to.text(DCM_StudyID, "1");
  to.text(DCM_SeriesNumber, "1");
  to.text(DCM_AcquisitionNumber, "1");
  for (const DcmTagKey& unknown : {DCM_PatientBirthDate, DCM_PatientSex, DCM_StudyDate, DCM_StudyTime,
                                   DCM_AccessionNumber, DCM_ReferringPhysicianName, DCM_PositionReferenceIndicator,
                                   DCM_PatientPosition, DCM_ContentDate, DCM_ContentTime})
    to.text(unknown, "");
  to.text(DCM_ImageType, "DERIVED\\PRIMARY\\AXIAL");
  if (tags.modality == "CT") {
    to.text(DCM_KVP, "");
    return;
  }
  to.text(DCM_ScanningSequence, "RM");
  to.text(DCM_SequenceVariant, "NONE");
  to.text(DCM_ScanOptions, "");
  to.text(DCM_MRAcquisitionType, "3D");
  to.text(DCM_RepetitionTime, "");
  to.text(DCM_EchoTime, "");
  to.text(DCM_EchoTrainLength, "");
}

void put_place(Instance& to, const Volume& volume, std::int64_t slice) {
  const volume::Geometry& g = volume.geometry;
  const Point &row = g.direction[2], &column = g.direction[1];
  to.text(DCM_ImagePositionPatient, decimals(g.world({static_cast<double>(slice), 0, 0})));
  to.text(DCM_ImageOrientationPatient, decimals(std::array{row[0], row[1], row[2], column[0], column[1], column[2]}));
  to.text(DCM_PixelSpacing, decimals(std::array{g.spacing_mm[1], g.spacing_mm[2]}));
  to.text(DCM_SliceThickness, decimal(g.spacing_mm[0]));
  to.text(DCM_SpacingBetweenSlices, decimal(g.spacing_mm[0]));
  to.text(DCM_InstanceNumber, std::to_string(slice + 1));
}

void put_pixels(Instance& to, const Volume& volume, std::int64_t slice, const Packing16& packing,
                const char* rescale_type) {
  to.number(DCM_SamplesPerPixel, 1);
  to.text(DCM_PhotometricInterpretation, "MONOCHROME2");
  to.number(DCM_Rows, static_cast<unsigned>(volume.shape().height));
  to.number(DCM_Columns, static_cast<unsigned>(volume.shape().width));
  to.number(DCM_BitsAllocated, 16);
  to.number(DCM_BitsStored, 16);
  to.number(DCM_HighBit, 15);
  to.number(DCM_PixelRepresentation, packing.is_signed ? 1 : 0);
  if (rescale_type != nullptr) {
    to.text(DCM_RescaleSlope, decimal(packing.step * volume.scale));
    to.text(DCM_RescaleIntercept, decimal(packing.least * volume.scale + volume.offset));
    to.text(DCM_RescaleType, rescale_type);
  }
  to.pixels(packed(volume, slice, packing));
}

fs::path slice_path(const fs::path& folder, std::int64_t slice) {
  char name[40];
  std::snprintf(name, sizeof name, "slice%04lld.dcm", static_cast<long long>(slice));
  return folder / name;
}

// Afterwards it is there and holds nothing that will not be overwritten, for what is left would be read as part of the
// series.
void make_folder(const fs::path& folder, const std::vector<fs::path>& files) {
  const std::set<fs::path> ours(files.begin(), files.end());
  std::error_code failed;
  fs::create_directories(folder, failed);
  const fs::directory_iterator all(folder, failed);
  if (failed) throw core::Error("cannot make the folder " + folder.string() + ": " + failed.message());
  for (const auto& there : all) {
    if (ours.count(there.path()) == 0)
      throw core::usage_error("the folder " + folder.string() + " already holds other files",
                              "a series needs a folder of its own");
  }
}

}  // namespace

std::vector<fs::path> write_dicom(const fs::path& folder, const Volume& volume, const DicomTags& tags) {
  return core::with_context("write DICOM into " + folder.filename().string(), [&] {
    prepare_dcmtk();
    const volume::Shape& shape = volume.shape();
    if (shape.voxels() <= 0) throw core::Error("the volume is empty");
    if (shape.height > 65535 || shape.width > 65535) throw core::Error("a slice has more than 65535 rows or columns");
    if (tags.key.empty() || tags.patient.empty()) throw core::Error("a series needs a key and a patient");
    volume.geometry.check();
    const Packing16 packing = packing_for(volume);
    const bool ct = tags.modality == "CT";
    const bool rescale = packing.step * volume.scale != 1 || packing.least * volume.scale + volume.offset != 0;
    std::vector<fs::path> files;
    for (std::int64_t slice = 0; slice < shape.depth; ++slice) files.push_back(slice_path(folder, slice));
    make_folder(folder, files);
    for (std::int64_t slice = 0; slice < shape.depth; ++slice) {
      Instance instance;
      instance.text(DCM_SOPClassUID, ct ? UID_CTImageStorage : UID_MRImageStorage);
      instance.text(DCM_SOPInstanceUID, uid_from("image " + tags.key + " " + std::to_string(slice)));
      put_study(instance, tags);
      put_place(instance, volume, slice);
      put_pixels(instance, volume, slice, packing, ct ? "HU" : rescale ? "US" : nullptr);
      instance.save(files[static_cast<std::size_t>(slice)]);
    }
    return files;
  });
}

}  // namespace io
