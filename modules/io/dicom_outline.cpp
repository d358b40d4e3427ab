#include "io/dicom_outline.h"

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdicent.h>
#include <dcmtk/dcmdata/dcdict.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "io/dicom_toolkit.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::uint32_t kUndefined = 0xFFFFFFFF, kPixelData = 0x7FE00010, kItem = 0xFFFEE000, kItemEnd = 0xFFFEE00D,
                        kSequenceEnd = 0xFFFEE0DD, kMetaLength = 0x00020000, kTransferSyntax = 0x00020010;
constexpr std::uint64_t kOpen = UINT64_MAX;              // the end of a frame of undefined length
constexpr std::uint64_t kHuge = std::uint64_t{1} << 28;  // no element of an image is as long: its length is damaged
constexpr std::size_t kMostFragments = 1 << 16;

constexpr TransferSyntax kSyntaxes[] = {
    // uid, codec, implicit, big endian, deflated, lossy
    {"1.2.840.10008.1.2", DicomCodec::kNone, true, false, false, false},
    {"1.2.840.10008.1.2.1", DicomCodec::kNone, false, false, false, false},
    {"1.2.840.10008.1.2.1.99", DicomCodec::kNone, false, false, true, false},
    {"1.2.840.10008.1.2.2", DicomCodec::kNone, false, true, false, false},
    {"1.2.840.10008.1.2.5", DicomCodec::kRle, false, false, false, false},
    {"1.2.840.10008.1.2.4.50", DicomCodec::kJpeg, false, false, false, true},
    {"1.2.840.10008.1.2.4.51", DicomCodec::kJpeg, false, false, false, true},
    {"1.2.840.10008.1.2.4.57", DicomCodec::kJpeg, false, false, false, false},
    {"1.2.840.10008.1.2.4.70", DicomCodec::kJpeg, false, false, false, false},
    {"1.2.840.10008.1.2.4.80", DicomCodec::kJpegLs, false, false, false, false},
    {"1.2.840.10008.1.2.4.81", DicomCodec::kJpegLs, false, false, false, true},
    {"1.2.840.10008.1.2.4.90", DicomCodec::kJpeg2000, false, false, false, false},
    {"1.2.840.10008.1.2.4.91", DicomCodec::kJpeg2000, false, false, false, true},
};

// Any other compressed one: its header is explicit little endian too (PS3.5 A.4).
constexpr TransferSyntax kCompressed{"", DicomCodec::kUnknown, false, false, false, false};

using Vr = std::array<char, 2>;

bool is_one_of(const Vr& vr, std::string_view pairs) {
  for (std::size_t i = 0; i + 1 < pairs.size(); i += 2) {
    if (vr[0] == pairs[i] && vr[1] == pairs[i + 1]) return true;
  }
  return false;
}

struct Element {
  std::uint32_t tag = 0, length = 0;
  Vr vr{};  // {} where the encoding has none
  std::uint64_t begin = 0;
};

// DCMTK descends by its dictionary where the encoding tells no VR; so do we.
bool is_sequence_in_dictionary(std::uint32_t tag) {
  const DcmDataDictionary& dictionary = dcmDataDict.rdlock();
  const DcmDictEntry* entry =
      dictionary.findEntry(DcmTagKey(static_cast<Uint16>(tag >> 16), static_cast<Uint16>(tag & 0xFFFF)), nullptr);
  const bool sequence = entry != nullptr && entry->getEVR() == EVR_SQ;
  dcmDataDict.rdunlock();
  return sequence;
}

core::Error structure(const std::string& what) {
  return reject("STRUCTURE", what, "the file is damaged or was written by a faulty program; fetch it again");
}

core::Error bad_vr() { return reject("BAD_VR", "an element's value representation is none of the standard"); }

class Walk {
 public:
  Walk(DicomBytes& bytes, bool headers_only) : bytes_(bytes), headers_only_(headers_only) {}

  DicomOutline run() {
    const std::uint64_t data_set = meta();
    pos_ = outline_.data_begin = data_set;
    if (outline_.syntax->deflated) {
      bytes_.inflate_from(data_set);
      pos_ = 0;
    }
    frames_ = {{bytes_.size(), false, outline_.syntax->implicit}};
    while (step()) {
    }
    if (!outline_.has_pixels) outline_.header_end = bytes_.size();
    return std::move(outline_);
  }

 private:
  struct Frame {
    std::uint64_t end;
    bool sequence;  // holds items; else elements
    bool implicit;
  };

  // The file's meta information, in explicit little endian; where the data set begins.
  std::uint64_t meta() {
    pos_ = 132;
    std::string uid;
    bool any = false;
    while (pos_ < bytes_.size() && number(pos_, 2, false) == 2) {
      any = true;
      const Element e = header(false, false);
      require_fits(e, bytes_.size());
      if (e.tag == kMetaLength && e.length == 4) outline_.meta_length_at = e.begin;
      if (e.tag == kTransferSyntax && e.length <= 64) {
        uid.resize(e.length);
        bytes_.read(e.begin, std::as_writable_bytes(std::span(uid)));
        while (!uid.empty() && (uid.back() == '\0' || uid.back() == ' ')) uid.pop_back();
      }
      pos_ = e.begin + e.length;
    }
    if (!any && pos_ >= bytes_.size()) throw reject("TRUNCATED", "the file ends behind its magic");
    if (outline_.meta_length_at != 0) {
      outline_.meta_length = static_cast<std::uint32_t>(pos_ - outline_.meta_length_at - 4);
      require_meta_within_file();
    }
    outline_.syntax = transfer_syntax(uid);
    if (outline_.syntax != nullptr) return pos_;
    if (headers_only_ && uid.starts_with("1.2.840.10008.1.2.4.")) {
      outline_.syntax = &kCompressed;
      return pos_;
    }
    const bool known = uid.size() > 17 && uid.starts_with("1.2.840.10008.1.2") &&
                       uid.find_first_not_of("0123456789.") == std::string::npos;
    throw reject("TRANSFER_SYNTAX",
                 known ? "transfer syntax " + uid + " is not read" : "the transfer syntax is unknown",
                 "convert the images to an uncompressed transfer syntax or to JPEG lossless, JPEG-LS or RLE");
  }

  void require_meta_within_file() {
    const std::uint64_t begin = outline_.meta_length_at + 4, said = number(outline_.meta_length_at, 4, false);
    if (said <= bytes_.size() - begin) return;
    throw reject(said >= kHuge ? "LENGTH_OVERFLOW" : "TRUNCATED",
                 "the meta information promises " + std::to_string(said) + " bytes, " +
                     std::to_string(bytes_.size() - begin) + " are left",
                 "the file is incomplete or damaged; fetch it again");
  }

  std::uint64_t number(std::uint64_t begin, std::size_t width, bool big_endian) {
    std::array<std::byte, 4> raw{};
    bytes_.read(begin, std::span(raw).first(width));
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i)
      value |= std::to_integer<std::uint64_t>(raw[i]) << 8 * (big_endian ? width - 1 - i : i);
    return value;
  }

  Element header(bool implicit, bool big_endian) {
    Element e;
    e.tag = static_cast<std::uint32_t>(number(pos_, 2, big_endian) << 16 | number(pos_ + 2, 2, big_endian));
    std::uint64_t at = pos_ + 4;
    std::size_t width = 4;
    if (!implicit && e.tag >> 16 != 0xFFFE) {
      bytes_.read(at, std::as_writable_bytes(std::span(e.vr)));
      if (e.vr == Vr{}) throw bad_vr();
      at += 2;
      if (is_one_of(e.vr, "AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUS")) {
        width = 2;
      } else {
        at += 2;
      }
    }
    e.length = static_cast<std::uint32_t>(number(at, width, big_endian));
    e.begin = at + width;
    return e;
  }

  void require_fits(const Element& e, std::uint64_t end) const {
    const std::uint64_t left = e.begin <= end ? end - e.begin : 0;
    if (e.length > left) {
      const std::string what =
          "an element promises " + std::to_string(e.length) + " bytes, " + std::to_string(left) + " are left";
      throw reject(e.length >= kHuge || end != bytes_.size() ? "LENGTH_OVERFLOW" : "TRUNCATED", what,
                   "the file is incomplete or damaged; fetch it again");
    }
    if (e.vr != Vr{} && !is_one_of(e.vr, "AEASATCSDADSDTFLFDISLOLTPNSHSLSSSTTMUIULUSOBODOFOLOVOWSQSVUCUNURUTUV"))
      throw bad_vr();
  }

  // One element or one end; false when all is done.
  bool step() {
    Frame& frame = frames_.back();
    if (pos_ == frame.end) {
      frames_.pop_back();
      return !frames_.empty();
    }
    // What holds a frame of undefined length is open up to the innermost end that is known.
    std::uint64_t end = kOpen;
    for (auto f = frames_.rbegin(); end == kOpen; ++f) end = f->end;
    if (end - pos_ < 8)
      throw reject("TRUNCATED", "the file ends in the middle of an element", "the file is incomplete; fetch it again");
    const Element e = header(frame.implicit, outline_.syntax->big_endian);
    if (e.begin > end) throw structure("an element lies across the end of what holds it");
    return frame.sequence ? item(e, end) : element(e, end);
  }

  bool item(const Element& e, std::uint64_t end) {
    const Frame frame = frames_.back();
    if (e.tag == kSequenceEnd && frame.end == kOpen && e.length == 0) {
      frames_.pop_back();
    } else if (e.tag == kItem && e.length == kUndefined) {
      frames_.push_back({kOpen, false, frame.implicit});
    } else if (e.tag == kItem) {
      require_fits(e, end);
      frames_.push_back({e.begin + e.length, false, frame.implicit});
    } else {
      throw structure("a sequence holds something that is no item");
    }
    pos_ = e.begin;
    return true;
  }

  bool element(const Element& e, std::uint64_t end) {
    const bool implicit = frames_.back().implicit;
    if (e.tag == kItemEnd && frames_.size() > 1 && frames_.back().end == kOpen && e.length == 0) {
      frames_.pop_back();
      pos_ = e.begin;
      return true;
    }
    if (e.tag >> 16 == 0xFFFE) throw structure("an item begins or ends outside a sequence");
    if (e.tag == kPixelData && frames_.size() == 1) {
      outline_.header_end = pos_;
      return pixels(e);
    }
    if (e.length == kUndefined) {
      if (!implicit && !is_one_of(e.vr, "SQUN")) throw structure("an element without a length is no sequence");
      descend(kOpen, implicit || e.vr == Vr{'U', 'N'});
    } else {
      require_fits(e, end);
      if (e.vr == Vr{'S', 'Q'} || (implicit && is_sequence_in_dictionary(e.tag)))
        descend(e.begin + e.length, implicit);
      else {
        pos_ = e.begin + e.length;
        return true;
      }
    }
    pos_ = e.begin;
    return true;
  }

  void descend(std::uint64_t end, bool implicit) {
    // Each level is a sequence and an item.
    if (frames_.size() > 2 * kDeepestNesting)
      throw reject("NESTING_LIMIT", "sequences nest more than " + std::to_string(kDeepestNesting) + " deep");
    frames_.push_back({end, true, implicit});
  }

  bool pixels(const Element& e) {
    outline_.has_pixels = true;
    if (headers_only_) return false;
    const bool encapsulated = outline_.syntax->codec != DicomCodec::kNone;
    if (encapsulated != (e.length == kUndefined))
      throw reject("TRANSFER_SYNTAX", "the pixels are not encoded as the transfer syntax tells");
    if (!encapsulated) {
      require_fits(e, bytes_.size());
      outline_.pixel_begin = e.begin;
      outline_.pixel_bytes = e.length;
      outline_.pixel_words = e.vr != Vr{'O', 'B'};
      pos_ = e.begin + e.length;
      return true;
    }
    for (pos_ = e.begin;;) {
      const Element fragment = header(true, false);
      if (fragment.tag == kSequenceEnd) {
        pos_ = fragment.begin;
        return true;
      }
      if (fragment.tag != kItem || fragment.length == kUndefined || outline_.fragments.size() >= kMostFragments)
        throw structure("the compressed pixels are not parted into fragments");
      require_fits(fragment, bytes_.size());
      outline_.fragments.push_back({fragment.begin, fragment.length});
      pos_ = fragment.begin + fragment.length;
    }
  }

  DicomBytes& bytes_;
  bool headers_only_;
  std::uint64_t pos_ = 0;
  std::vector<Frame> frames_;
  DicomOutline outline_;
};

// What a file without the magic is: a data set alone, or something else.
core::Error no_magic(DicomBytes& bytes) {
  std::array<std::byte, 8> first{};
  if (bytes.size() >= first.size()) {
    bytes.read(0, first);
    const auto at = [&](std::size_t i) { return std::to_integer<int>(first[i]); };
    const bool group8 = (at(0) == 8 || at(0) == 2) && at(1) == 0 && at(3) == 0;
    if (group8 && ((at(4) >= 'A' && at(4) <= 'Z' && at(5) >= 'A' && at(5) <= 'Z') || (at(6) == 0 && at(7) == 0)))
      return reject("NO_META", "the file has no meta information (PS3.10 7.1)", "export it again as a DICOM file");
  }
  return reject("NOT_DICOM", "the file is no DICOM file");
}

bool magic_in(DicomBytes& bytes) {
  std::array<char, 4> magic{};
  if (bytes.size() < 132) return false;
  bytes.read(128, std::as_writable_bytes(std::span(magic)));
  return std::string_view(magic.data(), 4) == "DICM";
}

}  // namespace

const TransferSyntax* transfer_syntax(std::string_view uid) {
  const auto found =
      std::find_if(std::begin(kSyntaxes), std::end(kSyntaxes), [&](const TransferSyntax& s) { return s.uid == uid; });
  return found == std::end(kSyntaxes) ? nullptr : found;
}

bool has_dicom_magic(const std::filesystem::path& path) {
  std::array<char, 132> head{};
  std::ifstream file(path, std::ios::binary);
  return file.read(head.data(), head.size()) && std::string_view(head.data() + 128, 4) == "DICM";
}

DicomOutline outline_of(DicomBytes& bytes, bool headers_only) {
  prepare_dcmtk();
  if (!magic_in(bytes)) throw no_magic(bytes);
  return Walk(bytes, headers_only).run();
}

}  // namespace io
