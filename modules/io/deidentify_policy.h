#pragma once
// What is done with each attribute: the rows of the table (deidentify_rows.h) under the options that were chosen.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcvr.h>

#include <bitset>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/deidentify_rows.h"

namespace io {

enum class DeidOption {
  kModifiedDates,
  kFullDates,
  kUids,
  kDevice,
  kInstitution,
  kPatientCharacteristics,
  kDescriptors,
  kStructuredContent,
  kGraphics,
  kSafePrivate,
};

// The chosen options. A plain value.
class DeidPolicy {
 public:
  // "basic,modified-dates": always basic, then options in any order. Throws usage Error: no basic, an unknown name
  // (with the nearest), both kinds of dates.
  static DeidPolicy parse(const std::string& names);
  static std::string known_names();  // all of them, comma-separated

  bool has(DeidOption option) const { return chosen_.test(static_cast<std::size_t>(option)); }
  std::string text() const;  // reads back to the same

  // Codes of CID 7050 for what is applied, with their meanings (PS3.16).
  struct Code {
    std::string value, meaning;
  };
  std::vector<Code> codes() const;
  std::string code_text() const;  // "113100 113107"

 private:
  std::bitset<10> chosen_;
};

// How the IOD types the attributes whose row offers a choice (PS3.3): by families of IODs that agree.
enum class IodFamily { kClassic, kPet, kEnhanced, kRadiotherapy };
IodFamily iod_family(std::string_view sop_class);

enum class Treatment {
  kKeep,  // of a sequence: its items are treated one by one
  kRemove,
  kEmpty,
  kDummy,        // of a sequence: everything in its items becomes a dummy
  kUid,          // another UID, the same for the same; those of the standard itself stay
  kReferences,   // of a sequence: UIDs and frame numbers stay, as other UIDs
  kShift,        // the date moves with the patient's days; a time of day stays
  kCleanText,    // words of a list stay; of a sequence: its items, texts in them cleaned
  kCleanGraphic  // drawings stay, texts go
};

// X, Z or D where the row leaves the choice: D for type 1, Z for type 2, X for type 3, or the next that the row offers;
// in items of sequences, whose macros may demand a value, the one that keeps most. `vr` is the element's own.
Treatment treatment_of(const DeidRow& row, const DeidPolicy& policy, DcmEVR vr, IodFamily family, bool nested);
// For attributes that the table does not list, by VR alone: names are emptied, dates and UIDs treated as the options
// say, sequences entered; all else stays.
Treatment treatment_of_unlisted(const DeidPolicy& policy, DcmEVR vr);

}  // namespace io
