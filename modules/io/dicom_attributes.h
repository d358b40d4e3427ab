#pragma once
// The attributes of a parsed header, read without a locale and without repair. Includes DCMTK: for .cpp files only.

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/deidentify_links.h"
#include "io/dicom_outline.h"

namespace io {

inline constexpr const char* kExportAgain = "export the series again from the scanner or the archive";

// Spaces and padding at both ends taken away.
std::string trimmed(std::string text);

// A data set or an item of a sequence, owned by a DicomFile and not changed any more; one that is not there has no
// attributes. Cheap to copy.
class Attributes {
 public:
  explicit Attributes(DcmItem* item = nullptr);

  bool there() const { return item_ != nullptr; }
  bool has(const DcmTagKey& tag) const { return find(tag) != nullptr; }
  // All values with the backslashes between them; empty when absent.
  std::string text(const DcmTagKey& tag) const;
  std::vector<std::string> words(const DcmTagKey& tag) const;
  // An unsigned short; nothing when absent. Throws Error [BAD_VR].
  std::optional<int> number(const DcmTagKey& tag) const;
  // A whole number within the bounds, from whatever text it is told; nothing when absent or none.
  std::optional<std::int64_t> whole(const DcmTagKey& tag, std::int64_t low, std::int64_t high) const;
  // Exactly `count` decimals; empty when absent. Throws Error [BAD_NUMBER].
  std::vector<double> decimals(const DcmTagKey& tag, std::size_t count) const;
  // One decimal; nothing when absent, empty or no number.
  std::optional<double> decimal(const DcmTagKey& tag) const;
  // Throws Error [BAD_UID].
  void check_uid(const DcmTagKey& tag, bool required) const;
  // Item of a sequence, and how many there are.
  Attributes item(const DcmTagKey& sequence, std::size_t number = 0) const;
  std::size_t items(const DcmTagKey& sequence) const;
  std::vector<Attributes> each(const DcmTagKey& sequence) const;
  // Where the block of a private creator begins: a tag of the group with the element's upper byte set (PS3.5 7.8.1).
  std::optional<DcmTagKey> private_tag(std::uint16_t group, const char* creator, std::uint8_t element) const;
  std::vector<std::uint8_t> bytes(const DcmTagKey& tag) const;

 private:
  // nullptr when absent.
  DcmElement* find(const DcmTagKey& tag) const;

  DcmItem* item_;
  // By tag: DCMTK goes through its list from the begin for each question.
  struct Place {
    std::uint32_t tag;
    DcmElement* element;
  };
  std::shared_ptr<const std::vector<Place>> places_;
};

// Whose object it is.
DeidLink patient_link(const Attributes& from);

// A file up to its pixels.
class DicomFile {
 public:
  // Throws Error [STRUCTURE]. The file was walked by outline_of() before; with its bytes and their outline at hand it
  // is not read from the disk again.
  explicit DicomFile(const std::filesystem::path& path);
  DicomFile(const std::filesystem::path& path, DicomBytes& bytes, const DicomOutline& outline);
  Attributes attributes() { return Attributes(file_.getDataset()); }
  DcmDataset& data() { return *file_.getDataset(); }
  // Turns all text to UTF-8; false where the file's character set is none that is known, or the text is none of it.
  bool to_utf8();

 private:
  void load(const std::filesystem::path& path);

  DcmFileFormat file_;
};

// Where the attributes of one frame stand: in its own functional group, or in the one all share (PS3.3 C.7.6.16), or,
// of a classic image, in the data set itself.
class FrameAttributes {
 public:
  explicit FrameAttributes(Attributes classic) : whole_(classic) {}
  FrameAttributes(Attributes whole, Attributes shared, Attributes own)
      : whole_(whole), shared_(shared), own_(own), enhanced_(true) {}

  const Attributes& whole() const { return whole_; }
  bool enhanced() const { return enhanced_; }
  // The functional group of that macro; the data set of a classic image.
  Attributes group(const DcmTagKey& macro) const;
  // What may also stand in private macros: first the frame's own, then what is shared, then the data set.
  std::vector<Attributes> layers() const;

 private:
  Attributes whole_, shared_, own_;
  bool enhanced_ = false;
};

struct DicomHeader;
// Position, directions (orthonormal) and spacing of a frame (PS3.3 C.7.6.2). Throws Error [GEOMETRY_MISSING],
// [BAD_NUMBER], [BAD_SPACING] or [BAD_ORIENTATION].
void read_place(const FrameAttributes& from, DicomHeader& header);

}  // namespace io
