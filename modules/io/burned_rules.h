#pragma once
// Kinds of DICOM objects that mostly have text in their pixels, whatever OCR finds: one row each, with its reference.
// BurnedInAnnotation YES (0028,0301) is one of them; NO proves nothing and is not asked.

#include <span>
#include <string>
#include <string_view>

#include "io/dicom_attributes.h"

namespace io {

// All of a row that is not empty must be so.
struct BurnedRule {
  std::string_view sop_class;    // begin of the SOP class UID, up to a whole component
  std::string_view modality;     // (0008,0060)
  std::string_view image_type;   // within one word of (0008,0008), blanks and underscores aside
  std::string_view maker;        // within the lower-cased manufacturer (0008,0070)
  std::string_view description;  // within the lower-cased series description (0008,103E), blanks aside
  std::string_view conversion;   // (0008,0064)
  std::string_view annotated;    // (0028,0301)
  const char* what;              // for the story of a refusal: "a secondary capture"
  const char* reference;
};

std::span<const BurnedRule> burned_rules();
// The first row that the object meets; nullptr for none.
const BurnedRule* burned_rule(const Attributes& object);

}  // namespace io
