#include "io/deidentify_walk.h"

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmdata/dctag.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "io/deidentify_values.h"
#include "io/deidentify_words.h"
#include "io/dicom_outline.h"
#include "io/reject.h"

namespace io {
namespace {

bool in_dictionary(const DcmTag& tag) {
  DcmTag known(tag.getXTag());
  return std::strcmp(known.getTagName(), DcmTag_ERROR_TagName) != 0;
}

bool is_plain_text(DcmEVR vr) {
  static constexpr DcmEVR kTexts[] = {EVR_LO, EVR_SH, EVR_ST, EVR_LT, EVR_UT, EVR_UC};
  return std::find(std::begin(kTexts), std::end(kTexts), vr) != std::end(kTexts);
}

// PixelData in its forms and the tables of its frames.
bool is_pixels(const DcmTagKey& tag) {
  static constexpr Uint16 kElements[] = {0x0001, 0x0002, 0x0008, 0x0009, 0x0010};
  return tag.getGroup() == 0x7FE0 &&
         std::find(std::begin(kElements), std::end(kElements), tag.getElement()) != std::end(kElements);
}

bool in_repeating_group(const DcmTagKey& tag, Uint16 base) { return (tag.getGroup() & 0xFF00) == base; }

// A code of a public scheme says what it says; another one may be a hospital's own and hold anything.
bool has_public_code(DcmItem& item) {
  OFString scheme;
  if (item.findAndGetOFString(DCM_CodingSchemeDesignator, scheme).bad()) return false;
  static const std::set<std::string> kSchemes{"DCM", "SCT", "SRT", "SNM3", "LN", "UCUM", "FMA", "RADLEX", "UMLS"};
  return kSchemes.contains(scheme.c_str());
}

bool is_code_word(const DcmTagKey& tag) {
  return tag.getGroup() == 0x0008 && tag.getElement() <= 0x0104 && tag.getElement() >= 0x0100;
}

}  // namespace

std::vector<DcmElement*> elements_of(DcmItem& item) {
  std::vector<DcmElement*> all;
  for (DcmObject* at = item.nextInContainer(nullptr); at != nullptr; at = item.nextInContainer(at))
    all.push_back(static_cast<DcmElement*>(at));
  return all;
}

std::vector<DcmItem*> items_of(DcmElement& sequence) {
  std::vector<DcmItem*> all;
  for (DcmObject* at = sequence.nextInContainer(nullptr); at != nullptr; at = sequence.nextInContainer(at))
    all.push_back(static_cast<DcmItem*>(at));
  return all;
}

DeidWalk::DeidWalk(const DeidPolicy& policy, const DeidKey& key, IodFamily family, std::string patient)
    : policy_(policy), key_(key), family_(family), patient_(std::move(patient)), days_(key.date_shift_days(patient_)) {}

void DeidWalk::treat(DcmDataset& data) {
  open_.assign({{&data, Within::kProfile, 0}});
  while (!open_.empty()) {
    const Place place = open_.back();
    open_.pop_back();
    if (place.depth > kDeepestNesting)
      throw reject("NESTING_LIMIT", "sequences nest more than " + std::to_string(kDeepestNesting) + " deep");
    treat_item(place);
  }
  for (const DcmTagKey& tag : {DCM_PatientID, DCM_PatientName}) data.putAndInsertString(tag, patient_.c_str());
}

void DeidWalk::treat_item(const Place& place) {
  std::vector<DcmElement*> to_remove;
  for (DcmElement* element : elements_of(*place.item)) treat_element(place, *element, to_remove);
  treat_private(*place.item, to_remove);
  for (DcmElement* element : to_remove) delete place.item->remove(element);
}

void DeidWalk::treat_element(const Place& place, DcmElement& element, std::vector<DcmElement*>& to_remove) {
  const DcmTagKey tag = element.getTag().getXTag();
  if (tag.getGroup() % 2 == 1) return;  // treat_private
  if (is_pixels(tag) && place.within == Within::kProfile) return;
  const bool overlay = in_repeating_group(tag, 0x6000) || in_repeating_group(tag, 0x5000);
  const bool comment = overlay && element.getVR() == EVR_LT && policy_.has(DeidOption::kGraphics);
  // An overlay or curve without its data would be none: the whole group goes.
  const bool gone = tag.getElement() == 0 || (overlay && !comment) || tag.getGroup() < 0x0008;
  apply(place, element, gone ? Treatment::kRemove : wanted(place, element), to_remove);
}

Treatment DeidWalk::wanted(const Place& place, DcmElement& element) const {
  const DcmTagKey tag = element.getTag().getXTag();
  const DcmEVR vr = element.getVR();
  if (place.within == Within::kDummies) return vr == EVR_UI ? Treatment::kUid : Treatment::kDummy;
  if (place.within == Within::kReferences) {
    if (vr == EVR_UI) return treatment_of_unlisted(policy_, vr);
    return tag == DCM_ReferencedFrameNumber || tag == DCM_ReferencedSegmentNumber ? Treatment::kKeep
                                                                                  : Treatment::kRemove;
  }
  const DeidRow* row = deid_row(tag.getGroup(), tag.getElement());
  if (row != nullptr) return treatment_of(*row, policy_, vr, family_, place.depth > 0);
  if (!in_dictionary(element.getTag())) return Treatment::kRemove;
  if (place.within == Within::kCleanText) {
    if (tag == DCM_TextObjectSequence || tag == DCM_CompoundGraphicSequence) return Treatment::kRemove;
    if (is_plain_text(vr) && !(is_code_word(tag) && has_public_code(*place.item))) return Treatment::kCleanText;
  }
  return treatment_of_unlisted(policy_, vr);
}

void DeidWalk::enter(const Place& place, DcmElement& sequence, Within within) {
  for (DcmItem* item : items_of(sequence)) open_.push_back({item, within, place.depth + 1});
}

void DeidWalk::apply_to_sequence(const Place& place, DcmElement& element, Treatment treatment,
                                 std::vector<DcmElement*>& to_remove) {
  switch (treatment) {
    case Treatment::kKeep:
    case Treatment::kUid:
      return enter(place, element, place.within);
    case Treatment::kDummy:
      return enter(place, element, Within::kDummies);
    case Treatment::kReferences:
      return enter(place, element, Within::kReferences);
    case Treatment::kCleanText:
    case Treatment::kCleanGraphic:
      return enter(place, element, Within::kCleanText);
    case Treatment::kEmpty:
      element.clear();
      return;
    default:
      to_remove.push_back(&element);
  }
}

void DeidWalk::apply(const Place& place, DcmElement& element, Treatment treatment,
                     std::vector<DcmElement*>& to_remove) {
  if (treatment != Treatment::kRemove && element.ident() == EVR_SQ)
    return apply_to_sequence(place, element, treatment, to_remove);
  const bool empty = element.getLength() == 0;
  switch (treatment) {
    case Treatment::kKeep:
      return;
    case Treatment::kEmpty:
      element.clear();
      return;
    case Treatment::kDummy:
      if (!empty) put_dummy(element);
      return;
    case Treatment::kUid:
      if (!empty) put_deid_text(element, exchanged_uids(deid_text(element), key_));
      return;
    case Treatment::kShift:
      put_deid_text(element, shifted_values(deid_text(element), element.getVR(), days_));
      return;
    case Treatment::kCleanText:
    case Treatment::kCleanGraphic: {
      const std::string kept = imaging_words(deid_text(element));
      if (!empty && kept.empty()) return put_dummy(element);
      if (!empty) put_deid_text(element, kept);
      return;
    }
    default:
      to_remove.push_back(&element);
  }
}

void DeidWalk::treat_private(DcmItem& item, std::vector<DcmElement*>& to_remove) const {
  std::set<std::pair<Uint16, Uint16>> blocks;  // group and block that something safe was found in
  std::vector<DcmElement*> all;
  for (DcmElement* element : elements_of(item)) {
    if (element->getTag().getGroup() % 2 == 0) continue;
    all.push_back(element);
    const Uint16 group = element->getTag().getGroup(), block = element->getTag().getElement() >> 8;
    OFString creator;
    if (!policy_.has(DeidOption::kSafePrivate) || item.findAndGetOFString(DcmTagKey(group, block), creator).bad())
      continue;
    if (!is_safe_private(creator.c_str(), *element)) continue;
    blocks.insert({group, block});
    all.pop_back();
  }
  for (DcmElement* element : all) {
    const bool creator = element->getTag().getElement() < 0x100 && element->getVR() == EVR_LO &&
                         blocks.contains({element->getTag().getGroup(), element->getTag().getElement()});
    if (!creator) to_remove.push_back(element);
  }
}

}  // namespace io
