#include "io/dicom_attributes.h"

#include <dcmtk/dcmdata/dcistrmb.h>
#include <dcmtk/dcmdata/dcsequen.h>

#include <algorithm>
#include <cmath>

#include "io/deidentify_walk.h"
#include "io/dicom_header.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::uint64_t kLargestInMemory = std::uint64_t{1} << 24;  // of a header; longer ones DCMTK reads by itself

std::uint32_t number_of(const DcmTagKey& tag) { return std::uint32_t{tag.getGroup()} << 16 | tag.getElement(); }

void require_parsed(const OFCondition& done) {
  if (done.bad()) throw reject("STRUCTURE", "DCMTK cannot parse the header", kExportAgain);
}

}  // namespace

std::string trimmed(std::string text) {
  const auto blank = [](char c) { return c == ' ' || c == '\0'; };
  while (!text.empty() && blank(text.back())) text.pop_back();
  text.erase(0, std::min(text.find_first_not_of(' '), text.size()));
  return text;
}

Attributes::Attributes(DcmItem* item) : item_(item) {
  if (item_ == nullptr) return;
  auto places = std::make_shared<std::vector<Place>>();
  places->reserve(item_->card());
  for (DcmObject* each = item_->nextInContainer(nullptr); each != nullptr; each = item_->nextInContainer(each))
    places->push_back({number_of(each->getTag()), static_cast<DcmElement*>(each)});
  const auto before = [](const Place& a, const Place& b) { return a.tag < b.tag; };
  if (!std::is_sorted(places->begin(), places->end(), before)) std::stable_sort(places->begin(), places->end(), before);
  places_ = std::move(places);
}

DcmElement* Attributes::find(const DcmTagKey& tag) const {
  if (!there()) return nullptr;
  const auto found = std::lower_bound(places_->begin(), places_->end(), number_of(tag),
                                      [](const Place& place, std::uint32_t wanted) { return place.tag < wanted; });
  return found != places_->end() && found->tag == number_of(tag) ? found->element : nullptr;
}

std::string Attributes::text(const DcmTagKey& tag) const {
  OFString value;
  DcmElement* const element = find(tag);
  if (element == nullptr || element->getOFStringArray(value).bad()) return "";
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
  DcmElement* const element = find(tag);
  if (element == nullptr || element->getLength() == 0) return std::nullopt;
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

Attributes Attributes::item(const DcmTagKey& tag, std::size_t number) const {
  auto* const sequence = dynamic_cast<DcmSequenceOfItems*>(find(tag));
  if (sequence == nullptr || number >= sequence->card()) return Attributes();
  return Attributes(sequence->getItem(static_cast<unsigned long>(number)));
}

std::size_t Attributes::items(const DcmTagKey& tag) const {
  auto* const sequence = dynamic_cast<DcmSequenceOfItems*>(find(tag));
  return sequence == nullptr ? 0 : sequence->card();
}

std::vector<Attributes> Attributes::each(const DcmTagKey& sequence) const {
  std::vector<Attributes> all;
  DcmSequenceOfItems* found = nullptr;
  if (!there() || item_->findAndGetSequence(sequence, found).bad() || found == nullptr) return all;
  for (DcmItem* item : items_of(*found)) all.emplace_back(item);
  return all;
}

std::optional<DcmTagKey> Attributes::private_tag(std::uint16_t group, const char* creator, std::uint8_t element) const {
  if (!there()) return std::nullopt;
  const std::uint32_t first = std::uint32_t{group} << 16 | 0x10, last = first | 0xFF;
  auto place = std::lower_bound(places_->begin(), places_->end(), first,
                                [](const Place& each, std::uint32_t wanted) { return each.tag < wanted; });
  for (; place != places_->end() && place->tag <= last; ++place) {
    const auto block = static_cast<Uint16>(place->tag & 0xFF);
    if (text(DcmTagKey(group, block)) == creator) return DcmTagKey(group, static_cast<Uint16>(block << 8 | element));
  }
  return std::nullopt;
}

std::vector<std::uint8_t> Attributes::bytes(const DcmTagKey& tag) const {
  DcmElement* const element = find(tag);
  Uint8* all = nullptr;
  if (element == nullptr || element->getUint8Array(all).bad() || all == nullptr) return {};
  return {all, all + element->getLength()};
}

DeidLink patient_link(const Attributes& from) {
  return patient_link(from.text(DCM_PatientID), from.text(DCM_IssuerOfPatientID), from.text(DCM_PatientName),
                      from.text(DCM_PatientBirthDate), from.text(DCM_StudyInstanceUID));
}

DicomFile::DicomFile(const std::filesystem::path& path) { load(path); }

DicomFile::DicomFile(const std::filesystem::path& path, DicomBytes& bytes, const DicomOutline& outline) {
  if (outline.syntax->deflated || outline.header_end > kLargestInMemory) {
    load(path);
    return;
  }
  std::vector<std::byte> header(static_cast<std::size_t>(outline.header_end));
  bytes.read(0, header);
  for (std::size_t i = 0; i < 4 && outline.meta_length_at != 0; ++i)
    header[static_cast<std::size_t>(outline.meta_length_at) + i] = static_cast<std::byte>(outline.meta_length >> 8 * i);
  DcmInputBufferStream stream;
  stream.setBuffer(header.data(), static_cast<offile_off_t>(header.size()));
  stream.setEos();
  file_.transferInit();
  require_parsed(file_.readUntilTag(stream, EXS_Unknown, EGL_noChange, DCM_MaxReadLength, DCM_PixelData));
  file_.transferEnd();
}

void DicomFile::load(const std::filesystem::path& path) {
  require_parsed(file_.loadFileUntilTag(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, DCM_MaxReadLength,
                                        ERM_autoDetect, DCM_PixelData));
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
