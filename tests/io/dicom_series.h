#pragma once
// Written series, spoilt on purpose, and pictures compared by where their voxels lie.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcrleerg.h>
#include <dcmtk/dcmdata/dcrlerp.h>
#include <dcmtk/dcmjpeg/djencode.h>
#include <dcmtk/dcmjpeg/djrplol.h>
#include <dcmtk/dcmjpls/djencode.h>
#include <dcmtk/dcmjpls/djrparam.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include "io/dicom.h"
#include "io/dicom_pixels.h"
#include "io/reject.h"
#include "scratch.h"

using Files = std::vector<std::filesystem::path>;

// Opens a file with DCMTK, changes it, and writes it over itself.
inline void edit(const std::filesystem::path& file, const std::function<void(DcmDataset&)>& change,
                 E_TransferSyntax syntax = EXS_LittleEndianExplicit, const DcmRepresentationParameter* how = nullptr) {
  DcmFileFormat format;
  ASSERT_TRUE(format.loadFile(OFFilename(file.c_str())).good());
  format.loadAllDataIntoMemory();
  change(*format.getDataset());
  ASSERT_TRUE(format.getDataset()->chooseRepresentation(syntax, how).good());
  ASSERT_TRUE(format.saveFile(OFFilename(file.c_str()), syntax).good());
}

// The transfer syntaxes without loss that DCMTK can write, and what edit() needs to write them.
inline std::vector<std::pair<E_TransferSyntax, const DcmRepresentationParameter*>> written_syntaxes() {
  DcmRLEEncoderRegistration::registerCodecs();
  DJEncoderRegistration::registerCodecs();
  DJLSEncoderRegistration::registerCodecs();
  static const DcmRLERepresentationParameter rle;
  static const DJ_RPLossless lossless(1, 0);
  static const DJLSRepresentationParameter jpegls(0, OFTrue);
  return {{EXS_LittleEndianImplicit, nullptr},
          {EXS_BigEndianExplicit, nullptr},
          {EXS_DeflatedLittleEndianExplicit, nullptr},
          {EXS_RLELossless, &rle},
          {EXS_JPEGProcess14SV1, &lossless},
          {EXS_JPEGProcess14, &lossless},
          {EXS_JPEGLSLossless, &jpegls}};
}

inline void put(DcmDataset& data, const DcmTagKey& tag, const std::string& value) {
  data.putAndInsertString(tag, value.c_str());
}

// A written CT series of a volume.
inline Files written(const std::filesystem::path& folder, const volume::Volume& volume, const std::string& key = "key",
                     const std::string& patient = "Doe4711") {
  return io::write_dicom(folder, volume, {.key = key, .patient = patient, .modality = "CT", .site = "Clinic"});
}

// The code with which reading fails; "" when it succeeds.
inline std::string refusal(const Files& files) {
  try {
    io::read_dicom(files);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

inline double value_at(const volume::Volume& volume, std::size_t i) {
  return volume::with_type(volume.type(), [&]<class T>(T) {
    return static_cast<double>(volume.voxels<T>()[i]) * volume.scale + volume.offset;
  });
}

// Both hold the same values at the same places of the world, in whatever order their axes are.
inline void expect_same_picture(const volume::Volume& a, const volume::Volume& b, double value_tolerance = 0,
                                double mm = 1e-6) {
  ASSERT_EQ(a.shape().voxels(), b.shape().voxels());
  double farthest = 0, largest = 0;
  std::size_t i = 0;
  for (std::int64_t d = 0; d < a.shape().depth; ++d) {
    for (std::int64_t h = 0; h < a.shape().height; ++h) {
      for (std::int64_t w = 0; w < a.shape().width; ++w, ++i) {
        const volume::Point world =
            a.geometry.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
        volume::Index at = b.geometry.index(world);
        for (double& c : at) c = std::round(c);
        for (int axis = 0; axis < 3; ++axis) {
          const auto c = at[static_cast<std::size_t>(axis)];
          ASSERT_TRUE(c >= 0 && c < static_cast<double>(b.shape()[axis])) << "a voxel lies outside of the other";
        }
        const volume::Point other = b.geometry.world(at);
        farthest = std::max(farthest, std::hypot(world[0] - other[0], world[1] - other[1], world[2] - other[2]));
        const auto row = static_cast<std::int64_t>(at[0]) * b.shape().height + static_cast<std::int64_t>(at[1]);
        const auto j = static_cast<std::size_t>(row * b.shape().width + static_cast<std::int64_t>(at[2]));
        largest = std::max(largest, std::abs(value_at(a, i) - value_at(b, j)));
      }
    }
  }
  EXPECT_LE(farthest, mm);
  EXPECT_LE(largest, value_tolerance);
}

// The code with which reading the headers and pixels of one file fails; "" when it succeeds.
inline std::string pixel_code(const std::filesystem::path& file) {
  try {
    const std::vector<io::DicomHeader> slices = io::read_slices(file);
    if (slices.front().pixels.bytes() * slices.size() > 1 << 20) return "";
    std::vector<std::byte> pixels(slices.front().pixels.bytes());
    io::PixelReader reader;
    for (const io::DicomHeader& slice : slices) reader.read(slice, pixels);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

// A file ended before each `step`-th byte.
inline void expect_cuts_refused(std::size_t step) {
  const Scratch folder;
  const Files files = written(folder / "s", oblique({4, 3, 4}, volume::VoxelType::kInt16));
  const std::string whole = bytes_of(files[0]);
  for (std::size_t size = 0; size < whole.size(); size += step) {
    write_bytes(folder / "cut.dcm", whole.substr(0, size));
    const std::string code = pixel_code(folder / "cut.dcm");
    EXPECT_NE(code, "") << size;
    EXPECT_NE(code, "OTHER") << size;
  }
  EXPECT_EQ(pixel_code(files[0]), "");
}

// Each `step`-th byte changed.
inline void expect_damage_survived(std::size_t step) {
  const Scratch folder;
  const Files files = written(folder / "s", oblique({4, 3, 4}, volume::VoxelType::kInt16));
  const std::string whole = bytes_of(files[0]);
  for (std::size_t at = 128; at < whole.size(); at += step) {
    for (const char mask : {'\xFF', '\x01'}) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ mask);
      write_bytes(folder / "damaged.dcm", damaged);
      EXPECT_NE(pixel_code(folder / "damaged.dcm"), "OTHER") << at;
    }
  }
}
