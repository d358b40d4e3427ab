#include "io/burned_rules.h"

#include <algorithm>
#include <cctype>

namespace io {
namespace {

// CTP: RSNA's pixel anonymiser, whose rules are passed on in pydicom/deid, deid/data/deid.dicom.
constexpr BurnedRule kRules[] = {
    {.annotated = "YES", .what = "an object that says so itself", .reference = "PS3.3 C.7.6.1"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.7", .what = "a secondary capture", .reference = "PS3.3 A.8"},
    // Patient bar and echo are one picture; its regions (0018,6011) tell where measuring is sound, not where text ends.
    {.sop_class = "1.2.840.10008.5.1.4.1.1.6.1", .what = "an ultrasound picture", .reference = "PS3.3 A.6, C.8.5.5"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.6", .what = "an ultrasound picture", .reference = "PS3.6 A, retired"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.3.1", .what = "an ultrasound film", .reference = "PS3.3 A.7, C.8.5.5"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.3", .what = "an ultrasound film", .reference = "PS3.6 A, retired"},
    {.modality = "US", .what = "an ultrasound picture", .reference = "PS3.3 C.8.5.5; CTP: US of ten makers"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.77.1.1", .what = "an endoscopy", .reference = "PS3.3 A.32.1, A.32.5"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.77.1.4", .what = "a photograph", .reference = "PS3.3 A.32.4, A.32.7"},
    {.sop_class = "1.2.840.10008.5.1.4.1.1.77.1.6",
     .image_type = "LABEL",
     .what = "the label of a slide",
     .reference = "PS3.3 C.8.12.4.1.1"},
    {.image_type = "SCREEN", .what = "a screen save", .reference = "deid.dicom: GE LightSpeed, SCREEN SAVE"},
    {.image_type = "VOLREN", .maker = "ge ", .what = "a rendered view", .reference = "CTP: GE, volume rendering"},
    {.image_type = "DOSE", .maker = "philips", .what = "a dose report", .reference = "CTP: Philips CT dose series"},
    {.modality = "CT", .description = "dosereport", .what = "a dose report", .reference = "CTP: GE CT dose report"},
    {.maker = "vital images", .what = "a worksheet", .reference = "CTP: Vitrea, worksheets and reports"},
    {.maker = "medrad", .what = "an injector's report", .reference = "CTP: Medrad injection profile"},
    {.conversion = "DV", .what = "a digitised video", .reference = "PS3.3 C.8.6.1"},
    {.conversion = "DF", .what = "a digitised film", .reference = "PS3.3 C.8.6.1"},
    {.conversion = "WSD", .what = "a picture of a workstation", .reference = "PS3.3 C.8.6.1"},
    {.conversion = "SD", .what = "a scanned document", .reference = "PS3.3 C.8.6.1"},
    {.conversion = "SI", .what = "a scanned image", .reference = "PS3.3 C.8.6.1"},
    {.conversion = "DRW", .what = "a drawing", .reference = "PS3.3 C.8.6.1"},
};

std::string lowered(const std::string& text) {
  std::string lower;
  for (const unsigned char c : text) lower += static_cast<char>(std::tolower(c));
  return lower;
}

std::string without(std::string text, std::string_view gone) {
  std::erase_if(text, [&](char c) { return gone.find(c) != std::string_view::npos; });
  return text;
}

bool of_class(const std::string& uid, std::string_view begin) {
  return uid.starts_with(begin) && (uid.size() == begin.size() || uid[begin.size()] == '.');
}

}  // namespace

std::span<const BurnedRule> burned_rules() { return kRules; }

const BurnedRule* burned_rule(const Attributes& object) {
  const std::string sop_class = object.text(DCM_SOPClassUID), modality = object.text(DCM_Modality),
                    maker = lowered(object.text(DCM_Manufacturer)), conversion = object.text(DCM_ConversionType),
                    annotated = object.text(DCM_BurnedInAnnotation),
                    description = without(lowered(object.text(DCM_SeriesDescription)), " _-");
  std::vector<std::string> types = object.words(DCM_ImageType);
  for (std::string& word : types) word = without(std::move(word), " _-");
  const auto typed = [&](std::string_view wanted) {
    return std::any_of(types.begin(), types.end(),
                       [&](const std::string& word) { return word.find(wanted) != std::string::npos; });
  };
  const auto met = [&](const BurnedRule& rule) {
    return (rule.sop_class.empty() || of_class(sop_class, rule.sop_class)) &&
           (rule.modality.empty() || rule.modality == modality) &&
           (rule.image_type.empty() || typed(rule.image_type)) &&
           (rule.maker.empty() || maker.find(rule.maker) != std::string::npos) &&
           (rule.description.empty() || description.find(rule.description) != std::string::npos) &&
           (rule.conversion.empty() || rule.conversion == conversion) &&
           (rule.annotated.empty() || rule.annotated == annotated);
  };
  const auto* const found = std::find_if(std::begin(kRules), std::end(kRules), met);
  return found == std::end(kRules) ? nullptr : found;
}

}  // namespace io
