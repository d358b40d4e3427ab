#include "io/dicom_facts.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>

#include "core/hash.h"
#include "core/table.h"
#include "io/dicom_header.h"

namespace io {
namespace {

constexpr double kNoNumber = 1e12;  // some scanners write 7.23e75 for "unknown"

struct Row {
  const char* name;
  DcmTagKey macro, tag;  // of a frame of an enhanced object
  DcmTagKey classic;     // of a classic image
};

const Row* begin_of_rows(std::size_t& count) {
  static const Row rows[] = {
      {"echo_time_ms", DCM_MREchoSequence, DCM_EffectiveEchoTime, DCM_EchoTime},
      {"b_value", DCM_MRDiffusionSequence, DCM_DiffusionBValue, DCM_DiffusionBValue},
      {"inversion_time_ms", DCM_MRModifierSequence, DCM_InversionTimes, DCM_InversionTime},
      {"repetition_time_ms", DCM_MRTimingAndRelatedParametersSequence, DCM_RepetitionTime, DCM_RepetitionTime},
      {"flip_angle_deg", DCM_MRTimingAndRelatedParametersSequence, DCM_FlipAngle, DCM_FlipAngle},
      {"temporal_index", DCM_FrameContentSequence, DCM_TemporalPositionIndex, DCM_TemporalPositionIdentifier},
      {"trigger_time_ms", DCM_CardiacSynchronizationSequence, DCM_NominalCardiacTriggerDelayTime, DCM_TriggerTime},
      {"frame_reference_time_ms", DCM_FrameContentSequence, DCM_FrameReferenceTime, DCM_FrameReferenceTime},
      {"acquisition_number", DCM_FrameContentSequence, DCM_FrameAcquisitionNumber, DCM_AcquisitionNumber},
      {"kvp", DCM_CTXRayDetailsSequence, DCM_KVP, DCM_KVP},
      {"slice_thickness_mm", DCM_PixelMeasuresSequence, DCM_SliceThickness, DCM_SliceThickness},
  };
  count = std::size(rows);
  return rows;
}

// Attributes of code strings are where a technician's text may stand, a name too: only words that are known here are
// kept. (PS3.3 C.7.3.1.1.2 patient position, C.7.6.1.1.2 and C.8.13.3.1 image types, PS3.16 annex L body parts; the
// vendors' own image types.)
constexpr std::string_view kKnownWords[] = {
    // body parts
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "AORTA", "ARM", "BLADDER", "BRAIN", "BREAST", "CERVICAL SPINE", "CHEST",
    "CHESTABDOMEN", "CHESTABDPELVIS", "COLON", "CSPINE", "ELBOW", "EXTREMITY", "EYE", "FEMUR", "FOOT", "HAND", "HEAD",
    "HEADNECK", "HEART", "HIP", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LUMBAR SPINE", "LUNG", "NECK", "NECKCHEST",
    "NECKCHESTABDPELV", "ORBIT", "PANCREAS", "PELVIS", "PROSTATE", "SHOULDER", "SKULL", "SPINE", "SPLEEN", "SSPINE",
    "STOMACH", "THIGH", "THORAX", "TSPINE", "UTERUS", "WHOLEBODY", "WRIST",
    // how the patient lies
    "HFP", "HFS", "HFDR", "HFDL", "FFDR", "FFDL", "FFP", "FFS", "LFP", "LFS", "RFP", "RFS",
    // kinds of pictures
    "2D", "3D", "ADC", "ANGIO", "AVERAGE", "AXIAL", "B0", "B1", "CSA", "CSAPARALLEL", "DIFFUSION", "DIS2D", "DIS3D",
    "DYNAMIC", "FA", "FAT", "FFE", "FIELD_MAP", "FIELDMAP", "FLUID_ATTENUATED", "FM", "FREQUENCY", "HELIX", "I",
    "IMAGINARY", "IN_PHASE", "IR", "LOCALIZER", "M", "M_FFE", "M_IR", "M_SE", "MAGNITUDE", "MAP", "MEAN", "MFSPLIT",
    "MIP", "MIXED", "MOSAIC", "MPR", "MR", "ND", "NONE", "NORM", "NORMALIZED", "OPP_PHASE", "OTHER", "OUT_OF_PHASE",
    "P", "P_FFE", "P_IR", "P_SE", "PD", "PERFUSION", "PHASE", "PHASE MAP", "PROJECTION IMAGE", "PROPELLER",
    "PROTON_DENSITY", "R", "REAL", "REFORMATTED", "SE", "STATIC", "STIR", "SUBTRACTION", "SWI", "T1", "T2", "T2_STAR",
    "TENSOR", "TOF", "TRACE", "TRACEW", "VELOCITY", "VOLUME", "WATER", "WHOLE BODY"};

// The word, when it is known or a number of one to three digits. For any other one of 256 words in its place, which
// tells volumes apart and nothing else.
std::string kept_word(const std::string& text) {
  if (text.empty() || std::find(std::begin(kKnownWords), std::end(kKnownWords), text) != std::end(kKnownWords))
    return text;
  const bool number =
      text.size() <= 3 && std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  return number ? text : "other-" + core::sha256_hex(text).substr(0, 2);
}

void add_word(Facts& facts, const char* name, const std::string& text) {
  if (const std::string word = kept_word(text); !word.empty()) facts.emplace(name, word);
}

// "M/ND" of ORIGINAL\PRIMARY\M\ND: what kind of picture it is (PS3.3 C.7.6.1.1.2, C.8.13.3.1.1).
void add_image_type(const FrameAttributes& from, Facts& facts) {
  std::vector<std::string> words = from.whole().words(DCM_ImageType);
  for (const DcmTagKey& macro :
       {DCM_MRImageFrameTypeSequence, DCM_CTImageFrameTypeSequence, DCM_PETFrameTypeSequence}) {
    if (!from.enhanced()) break;
    const Attributes kind = from.group(macro);
    if (kind.has(DCM_FrameType)) words = kind.words(DCM_FrameType);
    if (kind.there()) add_word(facts, "complex_component", kind.text(DCM_ComplexImageComponent));
  }
  std::string kept;
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (const std::string word = kept_word(words[i]); !word.empty()) kept += (kept.empty() ? "" : "/") + word;
  }
  if (!kept.empty()) facts.emplace("image_type", kept);
}

}  // namespace

void add_numbers(Facts& facts, const std::string& name, const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    if (!(std::abs(value) < kNoNumber)) return;
    text += (text.empty() ? "" : "/") + core::shortest(value);
  }
  if (!text.empty()) facts.emplace(name, text);
}

Facts facts_of(const FrameAttributes& from) {
  Facts facts;
  std::size_t count = 0;
  const Row* rows = begin_of_rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    const Attributes group = from.group(rows[i].macro);
    if (const auto numbers = decimal_numbers(group.text(from.enhanced() ? rows[i].tag : rows[i].classic)))
      add_numbers(facts, rows[i].name, *numbers);
  }
  Attributes diffusion = from.group(DCM_MRDiffusionSequence);
  if (from.enhanced()) diffusion = diffusion.item(DCM_DiffusionGradientDirectionSequence);
  if (const auto vector = decimal_numbers(diffusion.text(DCM_DiffusionGradientOrientation)))
    add_numbers(facts, "b_vector", *vector);
  add_image_type(from, facts);
  if (from.enhanced()) add_word(facts, "stack_id", from.group(DCM_FrameContentSequence).text(DCM_StackID));
  const Attributes& whole = from.whole();
  if (const auto field = whole.decimal(DCM_MagneticFieldStrength)) add_numbers(facts, "field_strength_t", {*field});
  add_word(facts, "body_part", whole.text(DCM_BodyPartExamined));
  add_word(facts, "patient_position", whole.text(DCM_PatientPosition));
  add_word(facts, "acquisition_type", whole.text(DCM_MRAcquisitionType));
  add_private_facts(from, facts);
  return facts;
}

std::span<const char* const> parting_facts() {
  static constexpr std::array<const char*, 13> names{"stack_id",          "echo_time_ms",
                                                     "b_value",           "image_type",
                                                     "complex_component", "inversion_time_ms",
                                                     "temporal_index",    "trigger_time_ms",
                                                     "flip_angle_deg",    "kvp",
                                                     "b_vector",          "frame_reference_time_ms",
                                                     "acquisition_number"};
  return names;
}

}  // namespace io
