// Segmentations (PS3.3 A.51 and C.8.20; label maps of supplement 243): frames in any order, each on a plane of the
// image, bits packed without regard for bytes (PS3.5 8.1.1 and D).
#include <algorithm>
#include <cmath>
#include <cstring>

#include "io/dicom_attached.h"
#include "io/dicom_pixels.h"
#include "io/label_object.h"
#include "io/reject.h"

namespace io {
namespace {

using Vector = std::array<double, 3>;

constexpr double kFarthestIndex = 1e6;  // beyond any grid

// How pixels of a frame become voxels of a plane: row and column of pixel (0, 0), and steps of one pixel.
struct Laid {
  std::int64_t plane = 0, row = 0, column = 0;
  std::int64_t row_down = 0, column_down = 0;    // for the next row of pixels
  std::int64_t row_right = 0, column_right = 0;  // for the next pixel of a row

  std::int64_t row_of(std::int64_t i, std::int64_t j) const { return row + i * row_down + j * row_right; }
  std::int64_t column_of(std::int64_t i, std::int64_t j) const { return column + i * column_down + j * column_right; }
};

core::Error elsewhere(const std::string& what) {
  return reject("GRID_MISMATCH", what,
                "the object was made on another grid than the image's: check that they belong together, or make it "
                "again on the image's voxels");
}

Vector moved(const Vector& from, const Vector& along, double mm) {
  return {from[0] + mm * along[0], from[1] + mm * along[1], from[2] + mm * along[2]};
}

// Rounded to whole voxels.
std::array<std::int64_t, 3> rounded(const volume::Index& index) {
  std::array<std::int64_t, 3> whole{};
  for (std::size_t a = 0; a < 3; ++a) {
    if (!(std::abs(index[a]) < kFarthestIndex)) throw elsewhere("a frame lies far away from the image");
    whole[a] = std::llround(index[a]);
  }
  return whole;
}

Laid laid_on(const LabelGrid& grid, const DicomHeader& frame) {
  const auto at = [&](double rows, double columns) {
    return moved(moved(frame.position_mm, frame.column, rows * frame.spacing_mm[0]), frame.row,
                 columns * frame.spacing_mm[1]);
  };
  const auto first = rounded(grid.geometry.index(at(0, 0))), down = rounded(grid.geometry.index(at(1, 0))),
             right = rounded(grid.geometry.index(at(0, 1)));
  const Laid laid{first[0],           first[1], first[2], down[1] - first[1], down[2] - first[2], right[1] - first[1],
                  right[2] - first[2]};
  const bool straight = laid.row_down == 0 ? laid.column_right == 0 : laid.row_right == 0;
  const int rows = frame.pixels.rows, columns = frame.pixels.columns;
  const bool upright = laid.row_down != 0;
  if (straight && (upright ? rows : columns) == grid.shape.height && (upright ? columns : rows) == grid.shape.width) {
    double farthest = 0;
    for (const int i : {0, rows - 1}) {
      for (const int j : {0, columns - 1}) {
        const std::int64_t h = laid.row_of(i, j), w = laid.column_of(i, j);
        if (laid.plane < 0 || laid.plane >= grid.shape.depth || h < 0 || h >= grid.shape.height || w < 0 ||
            w >= grid.shape.width)
          throw elsewhere("a frame lies beside the image");
        const volume::Point p = at(i, j), q = grid.geometry.world({static_cast<double>(laid.plane),
                                                                   static_cast<double>(h), static_cast<double>(w)});
        farthest = std::max(farthest, std::hypot(p[0] - q[0], p[1] - q[1], p[2] - q[2]));
      }
    }
    if (farthest <= kLabelToleranceMm) return laid;
    char text[64];
    std::snprintf(text, sizeof text, "a frame lies %.3g mm away from the image's voxels", farthest);
    throw elsewhere(text);
  }
  throw elsewhere("frames of " + std::to_string(rows) + " x " + std::to_string(columns) +
                  " pixels lie on no slices of the image, of " + std::to_string(grid.shape.height) + " x " +
                  std::to_string(grid.shape.width));
}

class Segmentation final : public LabelObject {
 public:
  Segmentation(const std::filesystem::path& path, const DeidKey& key) : bytes_(path) {
    outline_ = std::make_shared<const DicomOutline>(outline_of(bytes_));
    DicomFile file(path);
    file.to_utf8();
    const Attributes from = file.attributes();
    ClassNames names(file.data());
    segments_ = segments_in(from, names);
    classes = names.all();
    if (names.left_out()) notes.insert("LABEL_NAME");
    instances = instances_named(from, AttachedKind::kSegmentation, key);
    const std::string frame = from.text(DCM_FrameOfReferenceUID);
    if (!frame.empty()) frame_of_reference_ = key.pseudonym('f', frame);
    read_kind(from);
    DicomHeader header;
    header.path = path;
    header.outline = outline_;
    read_layout(from, header);
    read_frames(from, header);
  }

  void place(const LabelGrid& grid, const std::vector<bool>& wanted) override {
    if (!frame_of_reference_.empty() && frame_of_reference_ != grid.frame_of_reference)
      throw reject("FRAME_OF_REFERENCE", "the segmentation has another frame of reference than the image",
                   "its places do not compare with the image's: make it on this image");
    shape_ = grid.shape;
    class_of_.assign(65536, kUnknown);
    for (const auto& [number, which] : segments_)
      class_of_[static_cast<std::size_t>(number)] = which && wanted[*which] ? static_cast<int>(*which) : kNotWanted;
    laid_.assign(static_cast<std::size_t>(grid.shape.depth), {});
    std::set<std::pair<std::int64_t, std::int64_t>> taken;
    for (std::size_t i = 0; i < frames_.size(); ++i) {
      if (kind_ != Kind::kLabelMap && class_of(frames_[i].segment) < 0) continue;
      const Laid laid =
          core::with_context("frame " + std::to_string(i + 1), [&] { return laid_on(grid, frames_[i].header); });
      if (!taken.emplace(frames_[i].segment, laid.plane).second)
        throw reject("DUPLICATE_POSITION", "two frames of one segment lie at one place",
                     "the object holds several times, or is damaged: split it");
      laid_[static_cast<std::size_t>(laid.plane)].emplace_back(i, laid);
    }
  }

  void add_plane(std::int64_t plane, PlaneMasks& masks) override {
    for (const auto& [i, laid] : laid_[static_cast<std::size_t>(plane)]) {
      if (kind_ == Kind::kBinary)
        add_bits(frames_[i], laid, masks);
      else
        add_values(frames_[i], laid, masks);
    }
  }

 private:
  enum class Kind { kBinary, kFractional, kLabelMap };
  static constexpr int kUnknown = -2, kNotWanted = -1;
  struct Frame {
    std::int64_t segment = 0;  // 0 of a label map
    DicomHeader header;
  };

  void read_kind(const Attributes& from) {
    const std::string type = from.text(DCM_SegmentationType);
    if (type == "BINARY") {
      kind_ = Kind::kBinary;
    } else if (type == "FRACTIONAL") {
      kind_ = Kind::kFractional;
      most_ = from.number(DCM_MaximumFractionalValue).value_or(0);
      if (most_ < 1 || most_ > 255) throw damaged_label("a fractional segmentation does not tell its largest value");
      notes.insert("LABEL_FRACTIONAL");
    } else if (type == "LABELMAP") {
      kind_ = Kind::kLabelMap;
    } else {
      throw damaged_label("the segmentation is neither binary, fractional nor a label map");
    }
  }

  void read_layout(const Attributes& from, DicomHeader& header) const {
    PixelLayout& p = header.pixels;
    p.rows = from.number(DCM_Rows).value_or(0);
    p.columns = from.number(DCM_Columns).value_or(0);
    p.bits_allocated = from.number(DCM_BitsAllocated).value_or(0);
    p.bits_stored = p.bits_allocated;
    p.high_bit = p.bits_allocated - 1;
    const bool sound = kind_ == Kind::kBinary       ? p.bits_allocated == 1
                       : kind_ == Kind::kFractional ? p.bits_allocated == 8
                                                    : p.bits_allocated == 8 || p.bits_allocated == 16;
    if (p.rows < 1 || p.columns < 1 || !sound || from.number(DCM_SamplesPerPixel).value_or(1) != 1 ||
        !outline_->has_pixels)
      throw damaged_label("rows, columns or bits make no segmentation");
    const auto frames = from.whole(DCM_NumberOfFrames, 1, INT32_MAX);
    if (!frames || from.items(DCM_PerFrameFunctionalGroupsSequence) != static_cast<std::size_t>(*frames))
      throw reject("MULTI_FRAME", "there is not one functional group for each frame, so their places are not known",
                   "write the segmentation again with a current tool");
    header.frames = static_cast<int>(*frames);
    require_pixels(header);
  }

  void require_pixels(const DicomHeader& header) const {
    const PixelLayout& p = header.pixels;
    const bool packed = outline_->syntax->codec != DicomCodec::kNone;
    if (kind_ == Kind::kBinary && packed)
      throw reject("TRANSFER_SYNTAX", "compressed bits are not read", "write the segmentation uncompressed");
    const auto pixels = static_cast<std::uint64_t>(p.rows) * static_cast<std::uint64_t>(p.columns) *
                        static_cast<std::uint64_t>(header.frames);  // below 2^63
    const auto per_byte = std::uint64_t{8} / static_cast<std::uint64_t>(std::min(p.bits_allocated, 8));
    const std::uint64_t there = outline_->pixel_bytes / static_cast<std::uint64_t>((p.bits_allocated + 7) / 8);
    if (!packed && (pixels + per_byte - 1) / per_byte > there)
      throw reject("PIXEL_LENGTH", "pixel data are shorter than rows, columns and frames promise",
                   "the transfer was cut; fetch the object again");
  }

  void read_frames(const Attributes& from, DicomHeader header) {
    const Attributes shared = from.item(DCM_SharedFunctionalGroupsSequence);
    header.frame = 0;
    for (const Attributes& own : from.each(DCM_PerFrameFunctionalGroupsSequence)) {
      core::with_context("frame " + std::to_string(header.frame + 1), [&] {
        const FrameAttributes groups(from, shared, own);
        read_place(groups, header);
        Frame frame{0, header};
        if (kind_ != Kind::kLabelMap) {
          const auto number = groups.group(DCM_SegmentIdentificationSequence).number(DCM_ReferencedSegmentNumber);
          if (!number || segments_.count(*number) == 0)
            throw damaged_label("a frame is of no segment that is declared");
          frame.segment = *number;
        }
        frames_.push_back(std::move(frame));
      });
      ++header.frame;
    }
  }

  // The bits of a frame may begin and end in the middle of a byte; the first is the lowest.
  void add_bits(const Frame& frame, const Laid& laid, PlaneMasks& masks) {
    const PixelLayout& p = frame.header.pixels;
    const std::uint64_t count = static_cast<std::uint64_t>(p.rows) * static_cast<std::uint64_t>(p.columns);
    const std::uint64_t first = count * static_cast<std::uint64_t>(frame.header.frame);
    const bool swapped = outline_->syntax->big_endian && outline_->pixel_words;
    std::uint64_t begin = first / 8, end = (first + count + 7) / 8;
    if (swapped) begin -= begin % 2, end = std::min(end + end % 2, outline_->pixel_bytes);
    raw_.resize(static_cast<std::size_t>(end - begin));
    bytes_.read(outline_->pixel_begin + begin, raw_);
    for (std::size_t i = 0; swapped && i + 1 < raw_.size(); i += 2) std::swap(raw_[i], raw_[i + 1]);
    std::vector<std::uint8_t>& mask = mask_of(masks, static_cast<std::size_t>(class_of(frame.segment)), shape_);
    for (std::size_t at = 0; at < raw_.size(); ++at) {
      const auto byte = std::to_integer<unsigned>(raw_[at]);
      for (unsigned bit = 0; byte >> bit != 0; ++bit) {
        const std::uint64_t pixel = (begin + at) * 8 + bit;
        if ((byte >> bit & 1U) != 0 && pixel >= first && pixel < first + count)
          put(mask, laid, pixel - first, p.columns);
      }
    }
  }

  void add_values(const Frame& frame, const Laid& laid, PlaneMasks& masks) {
    const PixelLayout& p = frame.header.pixels;
    raw_.resize(static_cast<std::size_t>(p.bytes()));
    reader_.read(frame.header, raw_);
    const std::uint64_t count = static_cast<std::uint64_t>(p.rows) * static_cast<std::uint64_t>(p.columns);
    for (std::uint64_t k = 0; k < count; ++k) {
      const auto value = value_at(k, p.bits_allocated);
      if (kind_ == Kind::kFractional && 2 * value < most_) continue;
      if (kind_ == Kind::kLabelMap && value == 0) continue;
      const int which = class_of(kind_ == Kind::kLabelMap ? value : frame.segment);
      if (which == kUnknown) throw damaged_label("the label map holds a segment that is not declared");
      if (which >= 0) put(mask_of(masks, static_cast<std::size_t>(which), shape_), laid, k, p.columns);
    }
  }

  int value_at(std::uint64_t pixel, int bits) const {
    if (bits == 8) return std::to_integer<int>(raw_[static_cast<std::size_t>(pixel)]);
    std::uint16_t word = 0;
    std::memcpy(&word, raw_.data() + 2 * pixel, sizeof word);
    return word;
  }

  int class_of(std::int64_t segment) const { return class_of_[static_cast<std::size_t>(segment)]; }

  void put(std::vector<std::uint8_t>& mask, const Laid& laid, std::uint64_t pixel, int columns) const {
    const auto i = static_cast<std::int64_t>(pixel) / columns, j = static_cast<std::int64_t>(pixel) % columns;
    mask[static_cast<std::size_t>(laid.row_of(i, j) * shape_.width + laid.column_of(i, j))] = 1;
  }

  DicomBytes bytes_;
  std::shared_ptr<const DicomOutline> outline_;
  Kind kind_ = Kind::kBinary;
  int most_ = 1;  // of a fractional one
  std::map<std::int64_t, std::optional<std::size_t>> segments_;
  std::string frame_of_reference_;  // pseudonym
  std::vector<Frame> frames_;
  volume::Shape shape_;
  std::vector<int> class_of_;                                    // by the number of a segment
  std::vector<std::vector<std::pair<std::size_t, Laid>>> laid_;  // frames, by plane
  PixelReader reader_;
  std::vector<std::byte> raw_;
};

}  // namespace

std::unique_ptr<LabelObject> open_segmentation(const std::filesystem::path& file, const DeidKey& key) {
  return std::make_unique<Segmentation>(file, key);
}

}  // namespace io
