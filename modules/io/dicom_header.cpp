#include "io/dicom_header.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "io/dicom_mosaic.h"
#include "io/dicom_toolkit.h"
#include "io/format.h"
#include "io/join.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr const char* kExportAgain = "export the series again from the scanner or the archive";

std::string trimmed(std::string text) {
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

// The attributes of a file up to its pixels.
class Attributes {
 public:
  explicit Attributes(const std::filesystem::path& path) {
    const OFCondition done = file_.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                                    DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
    if (done.bad()) throw reject("STRUCTURE", "DCMTK cannot parse the header", kExportAgain);
  }

  DcmDataset& data() { return *file_.getDataset(); }

  // All values with the backslashes between them; empty when absent.
  std::string text(const DcmTagKey& tag) {
    OFString value;
    return data().findAndGetOFStringArray(tag, value).good() ? trimmed(std::string(value.c_str(), value.size())) : "";
  }

  std::vector<std::string> words(const DcmTagKey& tag) {
    std::vector<std::string> all;
    const std::string whole = text(tag);
    for (std::size_t begin = 0; begin <= whole.size() && !whole.empty();) {
      const std::size_t end = std::min(whole.find('\\', begin), whole.size());
      all.push_back(trimmed(whole.substr(begin, end - begin)));
      begin = end + 1;
    }
    return all;
  }

  // An unsigned short; nothing when absent.
  std::optional<int> number(const DcmTagKey& tag) {
    DcmElement* element = nullptr;
    if (data().findAndGetElement(tag, element).bad() || element->getLength() == 0) return std::nullopt;
    Uint16 value = 0;
    if (element->ident() != EVR_US || element->getVM() != 1 || element->getUint16(value).bad())
      throw reject("BAD_VR", std::string("attribute ") + tag.toString().c_str() + " is not one unsigned short",
                   kExportAgain);
    return value;
  }

  // Exactly `count` decimals; empty when absent. Throws Error [BAD_NUMBER].
  std::vector<double> decimals(const DcmTagKey& tag, std::size_t count) {
    const std::string whole = text(tag);
    if (whole.empty()) return {};
    const auto numbers = decimal_numbers(whole);
    if (!numbers || numbers->size() != count)
      throw reject("BAD_NUMBER",
                   std::string("attribute ") + tag.toString().c_str() + " does not hold " + std::to_string(count) +
                       " decimal numbers",
                   kExportAgain);
    return *numbers;
  }

  void check_uid(const DcmTagKey& tag, bool required) {
    const std::string value = text(tag);
    const bool sound =
        !value.empty() && value.size() <= 64 && value.find_first_not_of("0123456789.") == std::string::npos;
    if ((required || !value.empty()) && !sound)
      throw reject("BAD_UID", std::string("attribute ") + tag.toString().c_str() + " is no UID", kExportAgain);
  }

 private:
  DcmFileFormat file_;
};

// Segmentations and dose are pictures of another kind.
bool is_picture_class(const std::string& sop_class) {
  return !sop_class.starts_with("1.2.840.10008.5.1.4.1.1.66.") &&
         !sop_class.starts_with("1.2.840.10008.5.1.4.1.1.481.");
}

void name_patient(Attributes& from, const DeidKey& key, DicomIdentity& who) {
  who.patient_link =
      patient_link(from.text(DCM_PatientID), from.text(DCM_IssuerOfPatientID), from.text(DCM_PatientName),
                   from.text(DCM_PatientBirthDate), from.text(DCM_StudyInstanceUID));
  who.patient = key.pseudonym('p', who.patient_link.text());
}

std::string modality_of_class(const std::string& sop_class) {
  const auto is = [&](std::string_view begin) {
    return sop_class == begin || sop_class.starts_with(std::string(begin) + ".");
  };
  if (is(UID_CTImageStorage)) return "CT";
  if (is(UID_MRImageStorage)) return "MR";
  if (is(UID_PositronEmissionTomographyImageStorage)) return "PT";
  return "";
}

DicomIdentity identity(Attributes& from, bool has_pixels, const DeidKey& key) {
  DicomIdentity who;
  who.series = key.pseudonym('s', from.text(DCM_SeriesInstanceUID));
  name_patient(from, key, who);
  const std::string sop_class = from.text(DCM_SOPClassUID), told = from.text(DCM_Modality);
  who.modality = modality_of_class(sop_class);
  if (who.modality.empty()) who.modality = told.size() <= 16 && !told.empty() ? told : "OT";
  const std::string institution = from.text(DCM_InstitutionName);
  if (!institution.empty()) {
    who.site_link = {"InstitutionName", institution};
    who.site = key.pseudonym('i', institution);
  }
  who.vendor = vendor_named(from.text(DCM_Manufacturer));
  who.keys = hashed_keys({from.text(DCM_PatientID), from.text(DCM_AccessionNumber), from.text(DCM_StudyInstanceUID),
                          from.text(DCM_SeriesInstanceUID)});
  who.image = has_pixels && is_picture_class(sop_class);
  return who;
}

// PS3.3 C.7.6.3.
void read_pixel_layout(Attributes& from, DicomHeader& header) {
  const auto wrong = [](const std::string& what) { return reject("IMAGE_PIXEL", what, kExportAgain); };
  const int samples = from.number(DCM_SamplesPerPixel).value_or(1);
  if (samples != 1 && samples != 3 && samples != 4) throw wrong(std::to_string(samples) + " samples a pixel");
  const std::string photometric = from.text(DCM_PhotometricInterpretation);
  if (samples != 1 || (photometric != "MONOCHROME2" && photometric != "MONOCHROME1"))
    throw reject("NOT_GRAYSCALE", "the images are colour images", "choose the series of the scanner's own images");
  if (photometric == "MONOCHROME1") header.notes.emplace_back("MONOCHROME1");
  PixelLayout& p = header.pixels;
  p.rows = from.number(DCM_Rows).value_or(0);
  p.columns = from.number(DCM_Columns).value_or(0);
  p.bits_allocated = from.number(DCM_BitsAllocated).value_or(0);
  p.bits_stored = from.number(DCM_BitsStored).value_or(p.bits_allocated);
  p.high_bit = from.number(DCM_HighBit).value_or(p.bits_stored - 1);
  const int representation = from.number(DCM_PixelRepresentation).value_or(0);
  p.is_signed = representation == 1;
  if (p.rows < 1 || p.columns < 1) throw wrong("the image has no rows or no columns");
  if (p.bits_allocated != 8 && p.bits_allocated != 16 && p.bits_allocated != 32)
    throw wrong(std::to_string(p.bits_allocated) + " bits allocated a pixel");
  if (p.bits_stored < 1 || p.bits_stored > p.bits_allocated || p.high_bit >= p.bits_allocated ||
      p.high_bit + 1 < p.bits_stored)
    throw wrong("bits stored, bits allocated and high bit contradict each other");
  if (representation > 1) throw wrong("the pixel representation is neither signed nor unsigned");
}

// More than one frame, or an enhanced object, whose geometry lies in functional groups.
void require_single_frame(Attributes& from, const PixelLayout& pixels) {
  const std::string text = from.text(DCM_NumberOfFrames);
  std::int64_t frames = 1;
  if (!text.empty()) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), frames);
    if (code != std::errc() || end != text.data() + text.size() || frames < 1 || frames > INT32_MAX ||
        static_cast<std::uint64_t>(frames) > kLargestImageBytes / pixels.bytes())
      throw reject("IMAGE_PIXEL", "the number of frames is damaged", kExportAgain);
  }
  if (frames > 1 || from.data().tagExists(DCM_PerFrameFunctionalGroupsSequence))
    throw reject("MULTI_FRAME", "enhanced multi-frame objects are not read yet",
                 "export the series as classic single-frame images");
}

void require_pixel_length(DicomHeader& header) {
  const std::uint64_t needed = header.pixels.bytes(), there = header.outline.pixel_bytes;
  if (header.outline.syntax->codec != DicomCodec::kNone) return;
  if (there < needed)
    throw reject("PIXEL_LENGTH",
                 "pixel data has " + std::to_string(there) + " bytes, the header promises " + std::to_string(needed),
                 "the transfer was cut; fetch the series again");
  if (there > needed + needed % 2) header.notes.emplace_back("PIXEL_PADDING");
}

double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

// PS3.3 C.7.6.2.
void read_place(Attributes& from, DicomHeader& header) {
  const std::vector<double> position = from.decimals(DCM_ImagePositionPatient, 3),
                            orientation = from.decimals(DCM_ImageOrientationPatient, 6),
                            spacing = from.decimals(DCM_PixelSpacing, 2);
  if (position.empty() || orientation.empty() || spacing.empty())
    throw reject("GEOMETRY_MISSING", "position, orientation or pixel spacing is not told", kExportAgain);
  if (!(spacing[0] > 0 && spacing[1] > 0))
    throw reject("BAD_SPACING", "the pixel spacing is not positive", kExportAgain);
  std::copy(position.begin(), position.end(), header.position_mm.begin());
  std::copy(spacing.begin(), spacing.end(), header.spacing_mm.begin());
  std::copy_n(orientation.begin(), 3, header.row.begin());
  std::copy_n(orientation.begin() + 3, 3, header.column.begin());
  // Files tell four to six digits; what they leave open is taken from the column direction.
  const double along = std::sqrt(dot(header.row, header.row)), across = std::sqrt(dot(header.column, header.column));
  const double lean = dot(header.row, header.column);
  if (!(std::abs(along - 1) < 2e-3 && std::abs(across - 1) < 2e-3 && std::abs(lean) < 2e-3))
    throw reject("BAD_ORIENTATION", "the image's row and column directions are not orthonormal", kExportAgain);
  for (double& c : header.row) c /= along;
  const double rest = dot(header.row, header.column);
  for (std::size_t c = 0; c < 3; ++c) header.column[c] -= rest * header.row[c];
  const double length = std::sqrt(dot(header.column, header.column));
  for (double& c : header.column) c /= length;
  if (const auto between = decimal_numbers(from.text(DCM_SpacingBetweenSlices));
      between && between->size() == 1 && (*between)[0] > 0)
    header.slice_spacing_mm = (*between)[0];
}

void read_rescale(Attributes& from, DicomHeader& header) {
  if (from.data().tagExists(DCM_ModalityLUTSequence))
    throw reject("MODALITY_LUT", "values go through a look-up table, not a slope", kExportAgain);
  const std::vector<double> slope = from.decimals(DCM_RescaleSlope, 1),
                            intercept = from.decimals(DCM_RescaleIntercept, 1);
  if (!slope.empty()) header.slope = slope[0];
  if (!intercept.empty()) header.intercept = intercept[0];
  if (header.slope == 0) throw reject("BAD_NUMBER", "the rescale slope is 0", kExportAgain);
  if (header.who.modality == "CT" && (slope.empty() || intercept.empty())) header.notes.emplace_back("RESCALE_MISSING");
}

std::optional<Mosaic> csa_mosaic(Attributes& from) {
  for (unsigned block = 0x10; block <= 0xFF; ++block) {
    if (from.text(DcmTagKey(0x0029, static_cast<Uint16>(block))) != "SIEMENS CSA HEADER") continue;
    const Uint8* bytes = nullptr;
    unsigned long count = 0;
    if (from.data()
            .findAndGetUint8Array(DcmTagKey(0x0029, static_cast<Uint16>(block << 8 | 0x10)), bytes, &count)
            .good() &&
        bytes != nullptr)
      return parse_csa(std::as_bytes(std::span(bytes, count)));
  }
  return std::nullopt;
}

void read_kind(Attributes& from, DicomHeader& header) {
  const std::vector<std::string> type = from.words(DCM_ImageType);
  const auto has = [&](const char* word) { return std::find(type.begin(), type.end(), word) != type.end(); };
  header.localizer = has("LOCALIZER");
  if (has("MOSAIC")) {
    header.mosaic = csa_mosaic(from);
    if (!header.mosaic)
      throw reject("MOSAIC", "the mosaic's private header with number and direction of its slices is gone",
                   "export the series with its private attributes, or as classic single-slice images");
  }
  const std::string told = from.text(DCM_Modality);
  if (!told.empty() && told != header.who.modality) header.notes.emplace_back("MODALITY_CONFLICT");
  if (!from.text(DCM_ImagesInAcquisition).empty()) {
    const auto promised = decimal_numbers(from.text(DCM_ImagesInAcquisition));
    if (promised && promised->size() == 1 && (*promised)[0] >= 1 && (*promised)[0] < 1e6)
      header.promised = static_cast<std::int64_t>((*promised)[0]);
  }
  if (from.data().tagExists(DCM_PixelPaddingValue)) header.notes.emplace_back("PADDING_VALUE");
  if (from.data().tagExists(DcmTagKey(0x6000, 0x0010))) header.notes.emplace_back("OVERLAY");
  if (header.outline.syntax->lossy) header.notes.emplace_back("LOSSY");
}

}  // namespace

volume::VoxelType PixelLayout::type() const {
  using volume::VoxelType;
  if (bits_allocated == 8) return is_signed ? VoxelType::kInt8 : VoxelType::kUInt8;
  if (bits_allocated == 16) return is_signed ? VoxelType::kInt16 : VoxelType::kUInt16;
  return is_signed ? VoxelType::kInt32 : VoxelType::kUInt32;
}

std::uint64_t PixelLayout::bytes() const {
  return static_cast<std::uint64_t>(rows) * static_cast<std::uint64_t>(columns) *
         static_cast<std::uint64_t>(bits_allocated / 8);
}

std::optional<std::vector<double>> decimal_numbers(const std::string& text) {
  std::vector<double> numbers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('\\', begin), text.size());
    std::string word = trimmed(text.substr(begin, end - begin));
    if (word.size() > 1 && word[0] == '+' && word[1] != '-') word.erase(0, 1);
    double value = 0;
    const auto [stop, code] = std::from_chars(word.data(), word.data() + word.size(), value);
    if (code != std::errc() || stop != word.data() + word.size() || !std::isfinite(value)) return std::nullopt;
    numbers.push_back(value);
    begin = end + 1;
  }
  return numbers;
}

DicomIdentity read_identity(const std::filesystem::path& path, const DeidKey& key) {
  DicomBytes bytes(path);
  const DicomOutline outline = outline_of(bytes, true);
  Attributes from(path);
  from.check_uid(DCM_SeriesInstanceUID, outline.has_pixels);
  return identity(from, outline.has_pixels, key);
}

DicomHeader read_header(const std::filesystem::path& path, const DeidKey& key) {
  DicomHeader header;
  header.path = path;
  DicomBytes bytes(path);
  header.outline = outline_of(bytes);
  Attributes from(path);
  header.who = identity(from, header.outline.has_pixels, key);
  if (!header.who.image) throw reject("NOT_AN_IMAGE", "the object holds no picture", "leave it out of the series");
  read_pixel_layout(from, header);
  require_single_frame(from, header.pixels);
  require_pixel_length(header);
  read_kind(from, header);
  read_place(from, header);
  read_rescale(from, header);
  from.check_uid(DCM_SeriesInstanceUID, true);
  from.check_uid(DCM_SOPInstanceUID, true);
  from.check_uid(DCM_FrameOfReferenceUID, false);
  header.instance = key.pseudonym('o', from.text(DCM_SOPInstanceUID));
  header.frame_of_reference = key.pseudonym('f', from.text(DCM_FrameOfReferenceUID));
  return header;
}

}  // namespace io
