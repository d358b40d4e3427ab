#include "io/deidentify_policy.h"

#include <algorithm>
#include <array>

#include "core/config.h"
#include "core/error.h"

namespace io {
namespace {

struct OptionName {
  const char* name;
  DeidOption option;
  const char *code, *meaning;  // CID 7050
};

constexpr const char* kBasic = "basic";
constexpr OptionName kOptions[] = {
    {"modified-dates", DeidOption::kModifiedDates, "113107",
     "Retain Longitudinal Temporal Information Modified Dates Option"},
    {"retain-full-dates", DeidOption::kFullDates, "113106",
     "Retain Longitudinal Temporal Information Full Dates Option"},
    {"retain-uids", DeidOption::kUids, "113110", "Retain UIDs Option"},
    {"retain-device", DeidOption::kDevice, "113109", "Retain Device Identity Option"},
    {"retain-institution", DeidOption::kInstitution, "113112", "Retain Institution Identity Option"},
    {"retain-patient-characteristics", DeidOption::kPatientCharacteristics, "113108",
     "Retain Patient Characteristics Option"},
    {"clean-descriptors", DeidOption::kDescriptors, "113105", "Clean Descriptors Option"},
    {"clean-structured-content", DeidOption::kStructuredContent, "113104", "Clean Structured Content Option"},
    {"clean-graphics", DeidOption::kGraphics, "113103", "Clean Graphics Option"},
    {"retain-safe-private", DeidOption::kSafePrivate, "113111", "Retain Safe Private Option"},
};

std::vector<std::string> parts_of(const std::string& names) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= names.size();) {
    const std::size_t end = std::min(names.find(',', begin), names.size());
    parts.push_back(names.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

// Types of the attributes with a choice where they are 1 or 2 (PS3.3); 3 is what is not here. Attributes that only
// modules of one type hold have that type in every family.
struct TypedAttribute {
  std::uint32_t tag;
  std::array<std::uint8_t, 4> type;  // by IodFamily
};
constexpr TypedAttribute kTyped[] = {
    {0x00080021, {3, 1, 3, 3}},  // Series Date: PET Series C.8.9.1
    {0x00080031, {3, 1, 3, 3}},  // Series Time
    {0x00080022, {3, 2, 3, 3}},  // Acquisition Date: PET Image C.8.9.4
    {0x00080032, {3, 2, 3, 3}},  // Acquisition Time
    {0x0008002A, {3, 3, 1, 3}},  // Acquisition DateTime: enhanced images C.8.13.1, C.8.15.2
    {0x00080023, {2, 2, 1, 2}},  // Content Date: General Image C.7.6.1, Multi-frame Functional Groups C.7.6.16
    {0x00080033, {2, 2, 1, 2}},  // Content Time
    {0x00081070, {3, 3, 3, 2}},  // Operators' Name: RT Series C.8.8.1
    {0x00081111, {3, 3, 1, 3}},  // Referenced Performed Procedure Step Sequence: enhanced series C.8.13.6
    {0x00180010, {2, 2, 2, 2}},  // Contrast/Bolus Agent C.7.6.4
    {0x00181000, {3, 3, 1, 3}},  // Device Serial Number: Enhanced General Equipment C.7.5.2
    {0x00400555, {2, 2, 2, 2}},  // Acquisition Context Sequence C.7.6.14
    {0x00700084, {2, 2, 2, 2}},  // Content Creator's Name: Content Identification Macro
    {0x00102203, {2, 2, 2, 2}},  // Patient's Sex Neutered C.7.2.2
    {0x00100020, {2, 2, 2, 2}},  // Patient ID C.7.1.1
    {0x22000002, {2, 2, 2, 2}},  // Label Text
    {0x22000005, {2, 2, 2, 2}},  // Barcode Value
    {0x300A00B2, {3, 3, 3, 2}},  // Treatment Machine Name
    {0x300A0006, {3, 3, 3, 2}},  // RT Plan Date C.8.8.9
    {0x300A0007, {3, 3, 3, 2}},  // RT Plan Time
    {0x30080250, {3, 3, 3, 2}},  // Treatment Date C.8.8.19
    {0x30080251, {3, 3, 3, 2}},  // Treatment Time
    {0x30080054, {3, 3, 3, 2}},  // First Treatment Date
    {0x30080056, {3, 3, 3, 2}},  // Most Recent Treatment Date
    {0x300E0008, {2, 2, 2, 2}},  // Reviewer Name C.8.8.16
};

int type_in(std::uint32_t tag, IodFamily family) {
  for (const TypedAttribute& one : kTyped) {
    if (one.tag == tag) return one.type[static_cast<std::size_t>(family)];
  }
  return 3;
}

// The weakest of what the row offers that the type permits.
Treatment chosen_by_type(const DeidRow& row, IodFamily family, bool nested) {
  const bool x = row.base == DeidAction::kXZ || row.base == DeidAction::kXD || row.base == DeidAction::kXZD;
  const bool z = row.base == DeidAction::kXZ || row.base == DeidAction::kZD || row.base == DeidAction::kXZD;
  const bool d = row.base != DeidAction::kXZ;
  const int type = nested ? 1 : type_in(row.tag, family);
  if (type == 3 && x) return Treatment::kRemove;
  if (type >= 2 && z) return Treatment::kEmpty;
  return d ? Treatment::kDummy : Treatment::kEmpty;
}

Treatment by_profile(const DeidRow& row, IodFamily family, bool nested) {
  switch (row.base) {
    case DeidAction::kX:
      return Treatment::kRemove;
    case DeidAction::kZ:
      return Treatment::kEmpty;
    case DeidAction::kD:
      return Treatment::kDummy;
    case DeidAction::kU:
      return Treatment::kUid;
    case DeidAction::kXZU:
      return Treatment::kReferences;
    default:
      return chosen_by_type(row, family, nested);
  }
}

bool is_temporal(DcmEVR vr) { return vr == EVR_DA || vr == EVR_TM || vr == EVR_DT; }

}  // namespace

DeidPolicy DeidPolicy::parse(const std::string& names) {
  DeidPolicy policy;
  bool basic = false;
  std::vector<std::string> known{kBasic};
  for (const OptionName& option : kOptions) known.emplace_back(option.name);
  for (const std::string& part : parts_of(names)) {
    if (part == kBasic) {
      basic = true;
      continue;
    }
    const auto* const found =
        std::find_if(std::begin(kOptions), std::end(kOptions), [&](const OptionName& o) { return part == o.name; });
    if (found == std::end(kOptions)) {
      const std::string close = core::nearest(part, known);
      throw core::usage_error("--deid knows no '" + part + "'",
                              close.empty() ? "there are " + known_names() : "did you mean '" + close + "'?");
    }
    policy.chosen_.set(static_cast<std::size_t>(found->option));
  }
  if (!basic) throw core::usage_error("--deid " + names + " lacks basic", "options come on top: basic," + names);
  if (policy.has(DeidOption::kModifiedDates) && policy.has(DeidOption::kFullDates))
    throw core::usage_error("--deid cannot both move dates and keep them", "modified-dates or retain-full-dates");
  return policy;
}

std::string DeidPolicy::known_names() {
  std::string all = kBasic;
  for (const OptionName& option : kOptions) all += std::string(",") + option.name;
  return all;
}

std::string DeidPolicy::text() const {
  std::string all = kBasic;
  for (const OptionName& option : kOptions) {
    if (has(option.option)) all += std::string(",") + option.name;
  }
  return all;
}

std::vector<DeidPolicy::Code> DeidPolicy::codes() const {
  std::vector<Code> all{{"113100", "Basic Application Confidentiality Profile"}};
  for (const OptionName& option : kOptions) {
    if (has(option.option)) all.push_back({option.code, option.meaning});
  }
  std::sort(all.begin(), all.end(), [](const Code& a, const Code& b) { return a.value < b.value; });
  return all;
}

std::string DeidPolicy::code_text() const {
  std::string text;
  for (const Code& code : codes()) text += (text.empty() ? "" : " ") + code.value;
  return text;
}

const DeidRow* deid_row(std::uint16_t group, std::uint16_t element) {
  const std::uint32_t tag = static_cast<std::uint32_t>(group) << 16 | element;
  const auto rows = deid_rows();
  const auto exact =
      std::lower_bound(rows.begin(), rows.end(), tag, [](const DeidRow& row, std::uint32_t t) { return row.tag < t; });
  if (exact != rows.end() && exact->tag == tag && exact->mask == 0xFFFFFFFF) return &*exact;
  const auto wide = std::find_if(rows.begin(), rows.end(), [&](const DeidRow& row) {
    return row.mask != 0xFFFFFFFF && (tag & row.mask) == row.tag;
  });
  return wide == rows.end() ? nullptr : &*wide;
}

IodFamily iod_family(std::string_view sop_class) {
  constexpr std::string_view kStorage = "1.2.840.10008.5.1.4.1.1.";
  if (!sop_class.starts_with(kStorage)) return IodFamily::kClassic;
  const std::string_view kind = sop_class.substr(kStorage.size());
  if (kind == "128") return IodFamily::kPet;
  if (kind.starts_with("481.")) return IodFamily::kRadiotherapy;
  // Enhanced CT, MR, PET, XA and XRF, segmentations, parametric maps.
  static constexpr std::string_view kEnhanced[] = {"2.1", "2.2",    "4.1",    "4.2",  "4.4", "128.1",
                                                   "130", "12.1.1", "12.2.1", "66.4", "30",  "66.7"};
  return std::find(std::begin(kEnhanced), std::end(kEnhanced), kind) != std::end(kEnhanced) ? IodFamily::kEnhanced
                                                                                            : IodFamily::kClassic;
}

Treatment treatment_of(const DeidRow& row, const DeidPolicy& policy, DcmEVR vr, IodFamily family, bool nested) {
  const std::string_view options = row.options;
  const auto offers = [&](char letter, DeidOption option) {
    return policy.has(option) && options.find(letter) != std::string_view::npos;
  };
  // Dates first: what another option keeps is still moved.
  if (offers('T', DeidOption::kModifiedDates) && is_temporal(vr)) return Treatment::kShift;
  if (offers('t', DeidOption::kFullDates) && is_temporal(vr)) return Treatment::kKeep;
  if (offers('u', DeidOption::kUids) || offers('d', DeidOption::kDevice) || offers('i', DeidOption::kInstitution) ||
      offers('p', DeidOption::kPatientCharacteristics))
    return Treatment::kKeep;
  if (offers('G', DeidOption::kGraphics)) return Treatment::kCleanGraphic;
  if (offers('C', DeidOption::kDescriptors) || offers('S', DeidOption::kStructuredContent) ||
      offers('P', DeidOption::kPatientCharacteristics))
    return Treatment::kCleanText;
  if (offers('D', DeidOption::kDevice)) return Treatment::kDummy;
  return by_profile(row, family, nested);
}

Treatment treatment_of_unlisted(const DeidPolicy& policy, DcmEVR vr) {
  if (vr == EVR_PN) return Treatment::kEmpty;
  if (vr == EVR_UI) return policy.has(DeidOption::kUids) ? Treatment::kKeep : Treatment::kUid;
  if (!is_temporal(vr) || policy.has(DeidOption::kFullDates)) return Treatment::kKeep;
  return policy.has(DeidOption::kModifiedDates) ? Treatment::kShift : Treatment::kEmpty;
}

}  // namespace io
