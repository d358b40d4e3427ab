#include "io/dicom_header.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcuid.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "io/burned_rules.h"
#include "io/dicom_attached.h"
#include "io/dicom_attributes.h"
#include "io/dicom_facts.h"
#include "io/dicom_mosaic.h"
#include "io/dicom_toolkit.h"
#include "io/format.h"
#include "io/join.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::string_view kCharacterSets[] = {"6",   "13",  "100", "101", "109", "110", "126",
                                               "127", "138", "144", "148", "166", "192", "203"};  // behind ISO_IR

// Segmentations and dose are pictures of another kind.
bool is_picture_class(const std::string& sop_class) {
  return !sop_class.starts_with("1.2.840.10008.5.1.4.1.1.66.") &&
         !sop_class.starts_with("1.2.840.10008.5.1.4.1.1.481.");
}

void name_patient(const Attributes& from, const DeidKey& key, DicomIdentity& who) {
  who.patient_link = patient_link(from);
  who.patient = key.pseudonym('p', who.patient_link.text());
}

std::string modality_of_class(const std::string& sop_class) {
  const auto is = [&](std::string_view begin) {
    return sop_class == begin || sop_class.starts_with(std::string(begin) + ".");
  };
  if (is(UID_CTImageStorage)) return "CT";
  if (is(UID_MRImageStorage)) return "MR";
  if (is(UID_PositronEmissionTomographyImageStorage) || is(UID_EnhancedPETImageStorage)) return "PT";
  return "";
}

// Position and orientation to a hundredth of a millimetre, as one number; 0 where they are not told.
std::uint64_t place_of(const Attributes& from) {
  std::uint64_t hash = 0;
  for (const auto& [tag, count] :
       {std::pair(DCM_ImagePositionPatient, 3U), std::pair(DCM_ImageOrientationPatient, 6U)}) {
    const auto numbers = decimal_numbers(from.text(tag));
    if (!numbers || numbers->size() != count) return 0;
    for (const double value : *numbers) {
      if (!(std::abs(value) < 1e9)) return 0;
      hash = (hash ^ static_cast<std::uint64_t>(std::llround(value * 100))) * 0x9E3779B97F4A7C15ULL;
      hash ^= hash >> 29;
    }
  }
  return std::max<std::uint64_t>(hash, 1);
}

DicomIdentity identity(const Attributes& from, bool has_pixels, const DeidKey& key) {
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
  const std::vector<std::string> type = from.words(DCM_ImageType);
  who.many =
      from.has(DCM_PerFrameFunctionalGroupsSequence) || std::find(type.begin(), type.end(), "MOSAIC") != type.end();
  who.place = place_of(from);
  return who;
}

// PS3.3 C.7.6.3.
void read_pixel_layout(const Attributes& from, DicomHeader& header) {
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

// How many frames there are; those of an enhanced object have a functional group each (PS3.3 C.7.6.6, C.7.6.16).
int frames_in(const Attributes& from, const PixelLayout& pixels) {
  const std::string text = from.text(DCM_NumberOfFrames);
  std::int64_t frames = 1;
  if (!text.empty()) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), frames);
    if (code != std::errc() || end != text.data() + text.size() || frames < 1 || frames > INT32_MAX ||
        static_cast<std::uint64_t>(frames) > kLargestImageBytes / pixels.bytes())
      throw reject("IMAGE_PIXEL", "the number of frames is damaged", kExportAgain);
  }
  const bool enhanced = from.has(DCM_PerFrameFunctionalGroupsSequence);
  if ((frames > 1 || enhanced) && from.items(DCM_PerFrameFunctionalGroupsSequence) != static_cast<std::size_t>(frames))
    throw reject("MULTI_FRAME", "there is not one functional group for each frame, so their places are not known",
                 "export the series as enhanced or as classic single-frame images");
  return static_cast<int>(frames);
}

void require_pixel_length(DicomHeader& header) {
  const std::uint64_t needed = header.pixels.bytes() * static_cast<std::uint64_t>(header.frames),
                      there = header.outline->pixel_bytes;
  if (header.outline->syntax->codec != DicomCodec::kNone) return;
  if (there < needed)
    throw reject("PIXEL_LENGTH",
                 "pixel data has " + std::to_string(there) + " bytes, the header promises " + std::to_string(needed),
                 "the transfer was cut; fetch the series again");
  if (there > needed + needed % 2) header.notes.emplace_back("PIXEL_PADDING");
}

double dot(const std::array<double, 3>& a, const std::array<double, 3>& b) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

void read_rescale(const FrameAttributes& from, DicomHeader& header) {
  if (from.whole().has(DCM_ModalityLUTSequence))
    throw reject("MODALITY_LUT", "values go through a look-up table, not a slope", kExportAgain);
  const Attributes transformation = from.group(DCM_PixelValueTransformationSequence);
  const std::vector<double> slope = transformation.decimals(DCM_RescaleSlope, 1),
                            intercept = transformation.decimals(DCM_RescaleIntercept, 1);
  if (!slope.empty()) header.slope = slope[0];
  if (!intercept.empty()) header.intercept = intercept[0];
  if (header.slope == 0) throw reject("BAD_NUMBER", "the rescale slope is 0", kExportAgain);
  if (header.who.modality == "CT" && (slope.empty() || intercept.empty())) header.notes.emplace_back("RESCALE_MISSING");
}

std::optional<Mosaic> csa_mosaic(const Attributes& from) {
  const auto tag = from.private_tag(0x0029, "SIEMENS CSA HEADER", 0x10);
  if (!tag) return std::nullopt;
  const std::vector<std::uint8_t> csa = from.bytes(*tag);
  return parse_csa(std::as_bytes(std::span(csa)));
}

// Terms that PS3.3 C.12.1.1.2 defines, by how they begin; the first of several may be empty.
bool known_character_sets(const Attributes& from) {
  const auto known = [](const std::string& term) {
    return term.empty() || term == "GB18030" || term == "GBK" || term.starts_with("ISO 2022 IR ") ||
           (term.starts_with("ISO_IR ") && std::find(std::begin(kCharacterSets), std::end(kCharacterSets),
                                                     std::string_view(term).substr(7)) != std::end(kCharacterSets));
  };
  const std::vector<std::string> terms = from.words(DCM_SpecificCharacterSet);
  return std::all_of(terms.begin(), terms.end(), known);
}

// What is told of the object as a whole.
void read_kind(const Attributes& from, DicomHeader& header) {
  const std::vector<std::string> type = from.words(DCM_ImageType);
  const auto has = [&](const char* word) { return std::find(type.begin(), type.end(), word) != type.end(); };
  header.localizer = has("LOCALIZER");
  if (const BurnedRule* rule = burned_rule(from)) header.text_kind = rule->what;
  if (has("MOSAIC") && header.frames == 1) {
    header.mosaic = csa_mosaic(from);
    if (!header.mosaic)
      throw reject("MOSAIC", "the mosaic's private header with number and direction of its slices is gone",
                   "export the series with its private attributes, or as classic single-slice images");
  }
  const std::string told = from.text(DCM_Modality);
  if (!told.empty() && told != header.who.modality) header.notes.emplace_back("MODALITY_CONFLICT");
  header.promised = from.whole(DCM_ImagesInAcquisition, 1, 999999).value_or(0);
  header.number = from.whole(DCM_InstanceNumber, INT32_MIN, INT32_MAX);
  if (header.who.modality == "PT") header.pet = read_pet(from);
  if (!known_character_sets(from)) header.notes.emplace_back("CHARSET");
  if (from.has(DCM_PixelPaddingValue)) header.notes.emplace_back("PADDING_VALUE");
  if (from.has(DcmTagKey(0x6000, 0x0010))) header.notes.emplace_back("OVERLAY");
  if (header.outline->syntax->lossy) header.notes.emplace_back("LOSSY");
}

// What is told of one frame, or of a classic image.
DicomHeader of_frame(const FrameAttributes& from, DicomHeader header) {
  read_place(from, header);
  read_rescale(from, header);
  header.facts = facts_of(from);
  const auto type = header.facts.find("image_type");
  header.localizer = header.localizer || (type != header.facts.end() && type->second.starts_with("LOCALIZER"));
  return header;
}

// Every frame, or the one of a classic image.
std::vector<DicomHeader> frames_of(const Attributes& from, DicomHeader header) {
  if (!from.has(DCM_PerFrameFunctionalGroupsSequence)) return {of_frame(FrameAttributes(from), std::move(header))};
  std::vector<DicomHeader> slices;
  const Attributes shared = from.item(DCM_SharedFunctionalGroupsSequence);
  for (header.frame = 0; header.frame < header.frames; ++header.frame) {
    const Attributes own = from.item(DCM_PerFrameFunctionalGroupsSequence, static_cast<std::size_t>(header.frame));
    slices.push_back(core::with_context("frame " + std::to_string(header.frame + 1),
                                        [&] { return of_frame(FrameAttributes(from, shared, own), header); }));
  }
  return slices;
}

}  // namespace

void read_place(const FrameAttributes& from, DicomHeader& header) {
  const Attributes measures = from.group(DCM_PixelMeasuresSequence);
  const std::vector<double> position = from.group(DCM_PlanePositionSequence).decimals(DCM_ImagePositionPatient, 3),
                            orientation =
                                from.group(DCM_PlaneOrientationSequence).decimals(DCM_ImageOrientationPatient, 6),
                            spacing = measures.decimals(DCM_PixelSpacing, 2);
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
  if (const auto between = measures.decimal(DCM_SpacingBetweenSlices); between && *between > 0)
    header.slice_spacing_mm = between;
}

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
  DicomFile file(path, bytes, outline);
  const Attributes from = file.attributes();
  from.check_uid(DCM_SeriesInstanceUID, outline.has_pixels);
  DicomIdentity who = identity(from, outline.has_pixels, key);
  const AttachedKind kind = attached_kind(from.text(DCM_SOPClassUID));
  if (kind != AttachedKind::kNone) who.attached = look_at_attached(file, kind, key);
  return who;
}

std::vector<DicomHeader> read_slices(const std::filesystem::path& path, const DeidKey& key) {
  DicomHeader header;
  header.path = path;
  DicomBytes bytes(path);
  header.outline = std::make_shared<const DicomOutline>(outline_of(bytes));
  DicomFile file(path, bytes, *header.outline);
  const Attributes from = file.attributes();
  header.who = identity(from, header.outline->has_pixels, key);
  if (!header.who.image) throw reject("NOT_AN_IMAGE", "the object holds no picture", "leave it out of the series");
  read_pixel_layout(from, header);
  header.frames = frames_in(from, header.pixels);
  require_pixel_length(header);
  read_kind(from, header);
  header.instance = key.pseudonym('o', from.text(DCM_SOPInstanceUID));
  header.frame_of_reference = key.pseudonym('f', from.text(DCM_FrameOfReferenceUID));
  std::vector<DicomHeader> slices = frames_of(from, std::move(header));
  from.check_uid(DCM_SeriesInstanceUID, true);
  from.check_uid(DCM_SOPInstanceUID, true);
  from.check_uid(DCM_FrameOfReferenceUID, false);
  if (slices.front().mosaic) return slices_of(slices.front());
  return slices;
}

}  // namespace io
