#include "io/dicom_attributes.h"

#include <dcmtk/dcmdata/dcsequen.h>

#include <algorithm>
#include <cmath>

#include "io/deidentify_walk.h"
#include "io/dicom_header.h"
#include "io/reject.h"

namespace io {

std::string trimmed(std::string text) {
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

std::string Attributes::text(const DcmTagKey& tag) const {
  OFString value;
  if (!there() || item_->findAndGetOFStringArray(tag, value).bad()) return "";
  return trimmed(std::string(value.c_str(), value.size()));
}

std::vector<std::string> Attributes::words(const DcmTagKey& tag) const {
  std::vector<std::string> all;
  const std::string whole = text(tag);
  for (std::size_t begin = 0; begin <= whole.size() && !whole.empty();) {
    const std::size_t end = std::min(whole.find('\\', begin), whole.size());
    all.push_back(trimmed(whole.substr(begin, end - begin)));
    begin = end + 1;
  }
  return all;
}

std::optional<int> Attributes::number(const DcmTagKey& tag) const {
  DcmElement* element = nullptr;
  if (!there() || item_->findAndGetElement(tag, element).bad() || element->getLength() == 0) return std::nullopt;
  Uint16 value = 0;
  if (element->ident() != EVR_US || element->getVM() != 1 || element->getUint16(value).bad())
    throw reject("BAD_VR", std::string("attribute ") + tag.toString().c_str() + " is not one unsigned short",
                 kExportAgain);
  return value;
}

std::optional<std::int64_t> Attributes::whole(const DcmTagKey& tag, std::int64_t low, std::int64_t high) const {
  const std::optional<double> value = decimal(tag);
  if (!value || *value != std::floor(*value) || *value < static_cast<double>(low) || *value > static_cast<double>(high))
    return std::nullopt;
  return static_cast<std::int64_t>(*value);
}

std::vector<double> Attributes::decimals(const DcmTagKey& tag, std::size_t count) const {
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

std::optional<double> Attributes::decimal(const DcmTagKey& tag) const {
  const auto numbers = decimal_numbers(text(tag));
  if (!numbers || numbers->size() != 1) return std::nullopt;
  return (*numbers)[0];
}

void Attributes::check_uid(const DcmTagKey& tag, bool required) const {
  const std::string value = text(tag);
  const bool sound =
      !value.empty() && value.size() <= 64 && value.find_first_not_of("0123456789.") == std::string::npos;
  if ((required || !value.empty()) && !sound)
    throw reject("BAD_UID", std::string("attribute ") + tag.toString().c_str() + " is no UID", kExportAgain);
}

Attributes Attributes::item(const DcmTagKey& sequence, std::size_t number) const {
  DcmItem* found = nullptr;
  if (!there() || item_->findAndGetSequenceItem(sequence, found, static_cast<signed long>(number)).bad())
    return Attributes();
  return Attributes(found);
}

std::size_t Attributes::items(const DcmTagKey& sequence) const {
  DcmSequenceOfItems* found = nullptr;
  if (!there() || item_->findAndGetSequence(sequence, found).bad() || found == nullptr) return 0;
  return found->card();
}

std::vector<Attributes> Attributes::each(const DcmTagKey& sequence) const {
  std::vector<Attributes> all;
  DcmSequenceOfItems* found = nullptr;
  if (!there() || item_->findAndGetSequence(sequence, found).bad() || found == nullptr) return all;
  for (DcmItem* item : items_of(*found)) all.emplace_back(item);
  return all;
}

std::optional<DcmTagKey> Attributes::private_tag(std::uint16_t group, const char* creator, std::uint8_t element) const {
  for (unsigned block = 0x10; there() && block <= 0xFF; ++block) {
    const DcmTagKey owner(group, static_cast<Uint16>(block));
    if (!item_->tagExists(owner) || text(owner) != creator) continue;
    return DcmTagKey(group, static_cast<Uint16>(block << 8 | element));
  }
  return std::nullopt;
}

std::vector<std::uint8_t> Attributes::bytes(const DcmTagKey& tag) const {
  const Uint8* all = nullptr;
  unsigned long count = 0;
  if (!there() || item_->findAndGetUint8Array(tag, all, &count).bad() || all == nullptr) return {};
  return {all, all + count};
}

DeidLink patient_link(const Attributes& from) {
  return patient_link(from.text(DCM_PatientID), from.text(DCM_IssuerOfPatientID), from.text(DCM_PatientName),
                      from.text(DCM_PatientBirthDate), from.text(DCM_StudyInstanceUID));
}

DicomFile::DicomFile(const std::filesystem::path& path) {
  const OFCondition done = file_.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange,
                                                  DCM_MaxReadLength, ERM_autoDetect, DCM_PixelData);
  if (done.bad()) throw reject("STRUCTURE", "DCMTK cannot parse the header", kExportAgain);
}

bool DicomFile::to_utf8() { return file_.getDataset()->convertToUTF8().good(); }

Attributes FrameAttributes::group(const DcmTagKey& macro) const {
  if (!enhanced_) return whole_;
  const Attributes own = own_.item(macro);
  return own.there() ? own : shared_.item(macro);
}

std::vector<Attributes> FrameAttributes::layers() const {
  if (!enhanced_) return {whole_};
  return {own_, shared_, whole_};
}

}  // namespace io
