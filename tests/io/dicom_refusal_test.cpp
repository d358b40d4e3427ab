// What is no volume is refused with its code: written series, spoilt one tag, one byte or one level at a time.
#include <gtest/gtest.h>

#include <cstring>

#include "dicom_series.h"
#include "io/dicom_mosaic.h"
#include "io/dicom_outline.h"

using volume::Volume;
using volume::VoxelType;

namespace {

using Change = std::function<void(DcmDataset&, int slice)>;

struct Spoilt {
  const char* name;
  const char* code;  // "" = read, with `note`
  Change change;
  const char* note = "";
};

Volume five_slices() { return oblique({5, 6, 7}, VoxelType::kInt16); }

Change in_slice(int which, std::function<void(DcmDataset&)> change) {
  return [which, change](DcmDataset& data, int slice) {
    if (slice == which) change(data);
  };
}

Change text(const DcmTagKey& tag, const std::string& value, int which = 2) {
  return in_slice(which, [tag, value](DcmDataset& data) { put(data, tag, value); });
}

Change everywhere(const DcmTagKey& tag, const std::string& value) {
  return [tag, value](DcmDataset& data, int) { put(data, tag, value); };
}

Change number(const DcmTagKey& tag, Uint16 value) {
  return in_slice(2, [tag, value](DcmDataset& data) { data.putAndInsertUint16(tag, value); });
}

Change gone(const DcmTagKey& tag, int which = 2) {
  return in_slice(which, [tag](DcmDataset& data) { data.findAndDeleteElement(tag); });
}

// Slice i at the place given, in millimetres along z; all upright.
Change places(std::vector<double> z, double aside_per_slice = 0) {
  return [z, aside_per_slice](DcmDataset& data, int slice) {
    put(data, DCM_ImageOrientationPatient, "1\\0\\0\\0\\1\\0");
    put(data, DCM_ImagePositionPatient,
        std::to_string(aside_per_slice * slice) + "\\0\\" + std::to_string(z[static_cast<std::size_t>(slice)]));
  };
}

std::vector<Spoilt> spoilt_places() {
  return {
      {"an even stack", "", places({0, 2, 4, 6, 8})},
      {"a slice missing", "MISSING_SLICE", places({0, 2, 4, 8, 10})},
      {"two slices missing", "MISSING_SLICE", places({0, 2, 4, 6, 12})},
      {"1.5 % of jitter", "IRREGULAR_SPACING", places({0, 2, 4.03, 6, 8})},
      {"0.5 % of jitter", "", places({0, 2, 4.005, 6, 8})},
      {"a gap of half a slice", "IRREGULAR_SPACING", places({0, 2, 4, 7, 9})},
      {"two slices at one place", "DUPLICATE_POSITION", places({0, 2, 2, 4, 6})},
      {"one place only", "MULTI_VOLUME", places({3, 3, 3, 3, 3})},
      {"a tilt", "", places({0, 2, 4, 6, 8}, 0.5), "GANTRY_TILT"},
      {"a tilt of more than 45 degrees", "SLICES_ASIDE", places({0, 2, 4, 6, 8}, 2.1)},
      {"one slice aside", "SLICES_ASIDE", text(DCM_ImagePositionPatient, "3\\-3\\1")},
      {"rounding aside", "", places({0, 2, 4, 6, 8}, 0.01)},
      {"no position", "GEOMETRY_MISSING", gone(DCM_ImagePositionPatient)},
      {"an empty position", "GEOMETRY_MISSING", text(DCM_ImagePositionPatient, "")},
      {"no orientation", "GEOMETRY_MISSING", gone(DCM_ImageOrientationPatient)},
      {"no pixel spacing", "GEOMETRY_MISSING", gone(DCM_PixelSpacing)},
      {"a spacing of 0", "BAD_SPACING", text(DCM_PixelSpacing, "0\\1")},
      {"another spacing in a slice", "SPACING_MISMATCH", text(DCM_PixelSpacing, "1\\1")},
      {"commas", "BAD_NUMBER", text(DCM_PixelSpacing, "0,5\\0,75")},
      {"NaN", "BAD_NUMBER", text(DCM_ImagePositionPatient, "nan\\0\\1")},
      {"infinity", "BAD_NUMBER", text(DCM_ImagePositionPatient, "1\\0\\1e999")},
      {"two numbers of three", "BAD_NUMBER", text(DCM_ImagePositionPatient, "1\\2")},
      {"directions too short", "BAD_ORIENTATION", text(DCM_ImageOrientationPatient, "0.9\\0\\0\\0\\0.9\\0")},
      {"directions not square", "BAD_ORIENTATION", text(DCM_ImageOrientationPatient, "1\\0\\0\\0.5\\0.866\\0")},
      {"a turned slice", "MIXED_ORIENTATION", text(DCM_ImageOrientationPatient, "1\\0\\0\\0\\0\\-1")},
      {"another frame of reference", "FRAME_OF_REFERENCE", text(DCM_FrameOfReferenceUID, "1.2.3")},
      {"a lying slice spacing", "", everywhere(DCM_SpacingBetweenSlices, "7"), "SPACING_CONFLICT"},
      {"a promise of more slices", "", everywhere(DCM_ImagesInAcquisition, "9"), "COUNT_MISMATCH"},
  };
}

std::vector<Spoilt> spoilt_images() {
  const auto replace_pixels = [](std::size_t words) {
    return in_slice(2, [words](DcmDataset& data) {
      const std::vector<Uint16> pixels(words);
      data.putAndInsertUint16Array(DCM_PixelData, pixels.data(), words);
    });
  };
  return {
      {"two patients", "PATIENT_MISMATCH", text(DCM_PatientID, "Roe")},
      {"a localizer", "LOCALIZER", text(DCM_ImageType, "ORIGINAL\\PRIMARY\\LOCALIZER")},
      {"a mosaic without its header", "MOSAIC", text(DCM_ImageType, "ORIGINAL\\PRIMARY\\M\\MOSAIC")},
      {"colour", "NOT_GRAYSCALE", number(DCM_SamplesPerPixel, 3)},
      {"a palette", "NOT_GRAYSCALE", text(DCM_PhotometricInterpretation, "PALETTE COLOR")},
      {"no photometric interpretation", "NOT_GRAYSCALE", gone(DCM_PhotometricInterpretation)},
      {"two samples", "IMAGE_PIXEL", number(DCM_SamplesPerPixel, 2)},
      {"no rows", "IMAGE_PIXEL", number(DCM_Rows, 0)},
      {"12 bits allocated", "IMAGE_PIXEL", number(DCM_BitsAllocated, 12)},
      {"17 bits stored", "IMAGE_PIXEL", number(DCM_BitsStored, 17)},
      {"the highest bit too low", "IMAGE_PIXEL", number(DCM_HighBit, 3)},
      {"neither signed nor unsigned", "IMAGE_PIXEL", number(DCM_PixelRepresentation, 7)},
      {"frames that are a word", "IMAGE_PIXEL", text(DCM_NumberOfFrames, "many")},
      {"two frames", "MULTI_FRAME", text(DCM_NumberOfFrames, "2")},
      {"fewer rows", "MATRIX_MISMATCH", number(DCM_Rows, 5)},
      {"more rows than pixels", "PIXEL_LENGTH", number(DCM_Rows, 60)},
      {"short pixels", "PIXEL_LENGTH", replace_pixels(20)},
      {"long pixels", "", replace_pixels(60), "PIXEL_PADDING"},
      {"an unsigned slice", "PIXEL_FORMAT", number(DCM_PixelRepresentation, 0)},
      {"a slope of 0", "BAD_NUMBER", text(DCM_RescaleSlope, "0")},
      {"a slope that is a word", "BAD_NUMBER", text(DCM_RescaleSlope, "steep")},
      {"no slope", "", gone(DCM_RescaleSlope), "RESCALE_MISSING"},
      {"an unknown character set", "", everywhere(DCM_SpecificCharacterSet, "ISO_IR 99"), "CHARSET"},
      {"two known character sets", "", everywhere(DCM_SpecificCharacterSet, "\\ISO 2022 IR 87")},
      {"a modality that lies", "", everywhere(DCM_Modality, "SR"), "MODALITY_CONFLICT"},
      {"no instance UID", "BAD_UID", gone(DCM_SOPInstanceUID)},
      {"an instance UID that is a path", "BAD_UID", text(DCM_SOPInstanceUID, "/etc/passwd")},
      {"no series UID", "BAD_UID", gone(DCM_SeriesInstanceUID)},
      {"another series", "SEVERAL_SERIES", text(DCM_SeriesInstanceUID, "1.2.3")},
  };
}

void expect_refused(const std::vector<Spoilt>& table) {
  const Scratch folder;
  int count = 0;
  for (const Spoilt& spoilt : table) {
    SCOPED_TRACE(spoilt.name);
    const Files files = written(folder / std::to_string(count++), five_slices());
    int slice = 0;
    for (const auto& file : files) edit(file, [&](DcmDataset& data) { spoilt.change(data, slice++); });
    EXPECT_EQ(refusal(files), spoilt.code);
    const std::string story = error_of([&] { io::read_dicom(files); });
    for (const char* secret : {"Doe", "4711", "Roe", "Clinic", "2.25."})
      EXPECT_EQ(story.find(secret), std::string::npos) << story;
    if (*spoilt.code != '\0') continue;
    const auto notes = io::read_dicom(files).notes;
    EXPECT_EQ(std::count(notes.begin(), notes.end(), spoilt.note), *spoilt.note != '\0' ? 1 : 0);
  }
}

// A file of an explicit little endian data set whose bytes are given.
std::string file_of(const std::string& data_set, const std::string& syntax = "1.2.840.10008.1.2.1") {
  std::string uid = syntax;
  if (uid.size() % 2 != 0) uid += '\0';
  std::string file(128, '\0');
  file += "DICM";
  file += std::string("\x02\x00\x10\x00UI", 6) + static_cast<char>(uid.size()) + '\0' + uid;
  return file + data_set;
}

std::string nested(std::size_t levels, bool open) {
  const auto length = [&](std::size_t n) {
    std::string raw(4, '\xFF');
    for (std::size_t i = 0; !open && i < 4; ++i) raw[i] = static_cast<char>(n >> 8 * i & 0xFF);
    return raw;
  };
  std::string all;
  for (std::size_t inside = levels; inside-- > 0;) {  // a sequence has 12 bytes before its item, an item 8
    all += std::string("\x08\x00\x40\x11SQ\0\0", 8) + length(20 * inside + 8);
    all += std::string("\xFE\xFF\x00\xE0", 4) + length(20 * inside);
  }
  for (std::size_t level = 0; open && level < levels; ++level)
    all += std::string("\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0", 16);
  return all;
}

std::string outline_code(const std::filesystem::path& file) {
  try {
    io::DicomBytes bytes(file);
    io::outline_of(bytes);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

}  // namespace

TEST(DicomRefusal, PlacesThatMakeNoGrid) { expect_refused(spoilt_places()); }

TEST(DicomRefusal, ImagesThatAreNoSlices) { expect_refused(spoilt_images()); }

TEST(DicomRefusal, IdenticalCopiesAreLeftOutAndAlteredOnesAreRefused) {
  const Scratch folder;
  Files files = written(folder / "s", five_slices());
  std::filesystem::copy_file(files[1], folder / "s/copy.dcm");
  files.push_back(folder / "s/copy.dcm");
  EXPECT_EQ(io::read_dicom(files).notes, std::vector<std::string>{"DUPLICATE"});
  edit(files.back(), [](DcmDataset& data) { put(data, DCM_ImagePositionPatient, "0\\0\\0"); });
  EXPECT_EQ(refusal(files), "DUPLICATE_UID");
  EXPECT_EQ(refusal({files[0], files[1], files[2]}), "TOO_FEW_SLICES");
  EXPECT_EQ(refusal({}), "EMPTY");
  EXPECT_EQ(refusal({folder / "gone.dcm"}), "FILE_MISSING");
}

// dicom_slow_test.cpp does both at every byte.
TEST(DicomRefusal, AFileCutShortIsAnErrorWithACode) { expect_cuts_refused(13); }

TEST(DicomRefusal, ADamagedByteIsAnErrorOrAnImage) { expect_damage_survived(29); }

TEST(DicomRefusal, SequencesNestSixtyFourDeepAndNoDeeper) {
  const Scratch folder;
  const std::filesystem::path file = folder / "nested.dcm";
  for (const bool open : {false, true}) {
    write_bytes(file, file_of(nested(64, open)));
    EXPECT_EQ(outline_code(file), "");
    write_bytes(file, file_of(nested(65, open)));
    EXPECT_EQ(outline_code(file), "NESTING_LIMIT");
    write_bytes(file, file_of(nested(100000, open)));
    EXPECT_EQ(outline_code(file), "NESTING_LIMIT");
    EXPECT_EQ(io::scan_dicom(folder.path).damaged.at(0).why.code, "NESTING_LIMIT");
  }
}

TEST(DicomRefusal, LengthsStayWithinWhatHoldsThem) {
  const Scratch folder;
  const auto code = [&](const std::string& data_set, const std::string& syntax = "1.2.840.10008.1.2.1") {
    write_bytes(folder / "f.dcm", file_of(data_set, syntax));
    return outline_code(folder / "f.dcm");
  };
  EXPECT_EQ(code(""), "");
  EXPECT_EQ(code(std::string("\x09\x00\x10\x10OB\0\0\xFE\xFF\xFF\xFE", 12)), "LENGTH_OVERFLOW");
  EXPECT_EQ(code(std::string("\x09\x00\x10\x10OB\0\0\xFF\xFF\xFF\xFF", 12)), "STRUCTURE");
  EXPECT_EQ(code(std::string("\x08\x00\x05\x00"
                             "CS\x0A\x00"
                             "ISO",
                             11)),
            "TRUNCATED");
  EXPECT_EQ(code(std::string("\x08\x00\x05\x00"
                             "qq\0\0\x02\0\0\0ab",
                             14)),
            "BAD_VR");
  EXPECT_EQ(code(std::string("\x08\x00\x05\x00\0\0\x02\0\0\0\0\0", 12)), "BAD_VR");  // DCMTK finds its length elsewhere
  EXPECT_EQ(code(std::string("\xFE\xFF\x00\xE0\0\0\0\0", 8)), "STRUCTURE");
  // An item longer than the sequence it is in.
  EXPECT_EQ(code(std::string("\x08\x00\x40\x11SQ\0\0\x08\0\0\0\xFE\xFF\x00\xE0\x08\0\0\0", 20) + "12345678"),
            "LENGTH_OVERFLOW");
  EXPECT_EQ(code("", "1.2.840.10008.1.2.4.92"), "TRANSFER_SYNTAX");
  EXPECT_EQ(code("", "9.9"), "TRANSFER_SYNTAX");
  write_bytes(folder / "f.dcm", "MZ, but no image");
  EXPECT_EQ(outline_code(folder / "f.dcm"), "NOT_DICOM");
}

TEST(DicomRefusal, AWrongLengthOfTheMetaInformationIsPutRightOrRefused) {
  const Scratch folder;
  const auto say = [&](const std::filesystem::path& file, std::int64_t more) {
    std::string bytes = bytes_of(file);
    const std::size_t at = bytes.find(std::string("\x02\x00\x00\x00UL\x04\x00", 8)) + 8;
    std::uint32_t said = 0;
    std::memcpy(&said, bytes.data() + at, 4);
    said += static_cast<std::uint32_t>(more);
    std::memcpy(bytes.data() + at, &said, 4);
    write_bytes(file, bytes);
  };
  const Files files = written(folder / "s", five_slices());
  const Volume sound = std::move(io::read_dicom(files).image);
  say(files[0], 40);  // into the data set
  say(files[1], -8);  // ends within the meta information
  const Volume read = std::move(io::read_dicom(files).image);
  EXPECT_TRUE(std::ranges::equal(read.bytes(), sound.bytes()));
  say(files[2], 100000);
  EXPECT_EQ(outline_code(files[2]), "TRUNCATED");
  say(files[3], 0xff000000);
  EXPECT_EQ(outline_code(files[3]), "LENGTH_OVERFLOW");
}

namespace {

// A CSA header as syngo MR writes it, with the two facts a mosaic needs.
std::string csa_header(const std::string& count, const std::array<std::string, 3>& normal) {
  const auto number = [](std::uint32_t n) {
    std::string raw(4, '\0');
    std::memcpy(raw.data(), &n, 4);
    return raw;
  };
  const auto tag = [&](std::string name, const std::vector<std::string>& items) {
    name.resize(64);
    std::string raw = name + number(1) + "FD" + std::string(2, '\0') + number(4) +
                      number(static_cast<std::uint32_t>(items.size())) + number(77);
    for (std::string item : items) {
      item += '\0';
      const auto length = static_cast<std::uint32_t>(item.size());
      raw += number(length) + number(length) + number(77) + number(length) + item;
      raw += std::string((4 - length % 4) % 4, '\0');
    }
    return raw;
  };
  return "SV10" + std::string("\4\3\2\1", 4) + number(2) + number(77) + tag("NumberOfImagesInMosaic", {count}) +
         tag("SliceNormalVector", {normal[0], normal[1], normal[2]});
}

}  // namespace

TEST(DicomMosaic, TilesBecomeSlicesAlongTheirNormal) {
  for (const std::string& sense : {std::string("1.0"), std::string("-1.0")}) {
    const Scratch folder;
    Volume sheet({1, 6, 8}, VoxelType::kInt16, {});  // 2 x 2 tiles of 3 x 4
    auto pixels = sheet.voxels<std::int16_t>();
    for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<std::int16_t>(i);
    const Files files = io::write_dicom(folder / "s", sheet, {.key = "m", .patient = "m"});
    const std::string csa = csa_header("4", {"0.0", "0.0", sense});
    edit(files[0], [&](DcmDataset& data) {
      put(data, DCM_ImageType, "ORIGINAL\\PRIMARY\\M\\ND\\MOSAIC");
      put(data, DCM_SpacingBetweenSlices, "3");
      data.putAndInsertString(DcmTag(0x0029, 0x0010, EVR_LO), "SIEMENS CSA HEADER");
      data.putAndInsertUint8Array(DcmTag(0x0029, 0x1010, EVR_OB), reinterpret_cast<const Uint8*>(csa.data()),
                                  csa.size());
    });
    const Volume read = io::read_dicom(files).image;
    ASSERT_EQ(read.shape(), (volume::Shape{4, 3, 4}));
    EXPECT_EQ(read.geometry.spacing_mm, (std::array<double, 3>{3, 1, 1}));
    // The corner moves by half of what the sheet is larger than a tile.
    const bool up = sense[0] != '-';
    EXPECT_EQ(read.geometry.origin_mm, (volume::Point{2, 1.5, up ? 0.0 : -9.0}));
    const std::size_t third = up ? 2 : 1;  // tile 2 begins at row 3, column 0
    EXPECT_EQ(std::as_const(read).voxels<std::int16_t>()[third * 12], 3 * 8);
  }
}

TEST(DicomMosaic, ADamagedPrivateHeaderTellsNothing) {
  const std::string whole = csa_header("4", {"0.0", "0.0", "1.0"});
  EXPECT_TRUE(io::parse_csa(std::as_bytes(std::span(whole))));
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(io::parse_csa(std::as_bytes(std::span(whole).first(size)))) << size;
  const std::string none = csa_header("0", {"0.0", "0.0", "1.0"});
  EXPECT_FALSE(io::parse_csa(std::as_bytes(std::span(none))));
}
