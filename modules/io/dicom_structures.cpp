// Structure sets of radiotherapy (PS3.3 A.19, C.8.8.5, C.8.8.6): closed planar contours in the patient's millimetres.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "io/contour_fill.h"
#include "io/dicom_attached.h"
#include "io/dicom_header.h"
#include "io/dicom_toolkit.h"
#include "io/label_object.h"
#include "io/reject.h"

namespace io {
namespace {

constexpr std::size_t kMostPoints = 20'000'000;  // of one object
constexpr double kMostCrossings = 1e9;           // of its lines with rows and columns of voxels: seconds
constexpr double kOutsideVoxels = 1;             // a contour may lie so far beyond the outermost voxel centres

core::Error elsewhere(const std::string& what) {
  return reject("GRID_MISMATCH", what,
                "the contours were drawn on another image: check that they belong together, or draw them again on it");
}

struct Contour {
  std::size_t which = 0;  // class
  std::int64_t roi = 0;
  std::string frame_of_reference;  // pseudonym; empty when not told
  std::vector<volume::Point> points_mm;
};

// The numbers as they stand; long ones may be told without their type (PS3.5 6.2.2).
std::string contour_text(const Attributes& contour) {
  const std::vector<std::uint8_t> raw = contour.bytes(DCM_ContourData);
  if (!raw.empty()) return trimmed(std::string(raw.begin(), raw.end()));
  return contour.text(DCM_ContourData);
}

std::vector<volume::Point> points_of(const Attributes& contour) {
  const std::string text = contour_text(contour);
  const auto numbers = text.empty() ? std::optional<std::vector<double>>() : decimal_numbers(text);
  if (!numbers) throw reject("BAD_NUMBER", "a contour's points are no decimal numbers", "export the structures again");
  const auto promised = contour.whole(DCM_NumberOfContourPoints, 0, INT32_MAX);
  if (numbers->size() % 3 != 0 || numbers->size() < 9 ||
      (promised && static_cast<std::size_t>(*promised) != numbers->size() / 3))
    throw damaged_label("a contour has another number of points than it tells, or encloses nothing");
  std::vector<volume::Point> points(numbers->size() / 3);
  for (std::size_t i = 0; i < numbers->size(); ++i) {
    if (std::abs((*numbers)[i]) > 1e6) throw elsewhere("a contour lies far away from the image");
    points[i / 3][i % 3] = (*numbers)[i];
  }
  return points;
}

class Structures final : public LabelObject {
 public:
  Structures(const std::filesystem::path& path, const DeidKey& key) {
    DicomBytes bytes(path);
    outline_of(bytes);
    DicomFile file(path);
    file.to_utf8();
    const Attributes from = file.attributes();
    ClassNames names(file.data());
    const auto regions = structures_in(from, names);
    classes = names.all();
    if (names.left_out()) notes.insert("LABEL_NAME");
    instances = instances_named(from, AttachedKind::kStructures, key);
    read_frames(from, key);
    for (const Attributes& region : from.each(DCM_ROIContourSequence)) {
      const auto number = region.whole(DCM_ReferencedROINumber, INT32_MIN, INT32_MAX);
      const auto found = number ? regions.find(*number) : regions.end();
      read_contours(region, found == regions.end() ? std::nullopt : found->second, number.value_or(0));
    }
  }

  void place(const LabelGrid& grid, const std::vector<bool>& wanted) override {
    shape_ = grid.shape;
    planes_.assign(static_cast<std::size_t>(grid.shape.depth), {});
    double crossings = 0;
    std::map<std::int64_t, std::set<std::int64_t>> of_region;
    for (const Contour& contour : contours_) {
      if (!wanted[contour.which]) continue;
      require_frame(contour, grid);
      Placed placed = placed_on(grid, contour);
      crossings += work_of(placed.points);
      if (crossings > kMostCrossings) throw damaged_label("the contours are more than any image needs");
      of_region[contour.roi].insert(placed.plane);
      planes_[static_cast<std::size_t>(placed.plane)].push_back(std::move(placed));
    }
    // By region; one contour told twice would cancel itself.
    for (std::vector<Placed>& plane : planes_) {
      std::sort(plane.begin(), plane.end(),
                [](const Placed& a, const Placed& b) { return std::tie(a.roi, a.points) < std::tie(b.roi, b.points); });
      const auto same = [](const Placed& a, const Placed& b) { return a.roi == b.roi && a.points == b.points; };
      plane.erase(std::unique(plane.begin(), plane.end(), same), plane.end());
    }
    for (const auto& [roi, planes] : of_region) {
      if (*planes.rbegin() - *planes.begin() + 1 != static_cast<std::int64_t>(planes.size()))
        notes.insert("LABEL_GAPS");
    }
  }

  void add_plane(std::int64_t plane, PlaneMasks& masks) override {
    ContourFill fill(shape_.height, shape_.width);
    const std::vector<Placed>& all = planes_[static_cast<std::size_t>(plane)];
    for (std::size_t i = 0; i < all.size(); ++i) {
      fill.add(all[i].points);
      // Holes are of one region; two regions of one name are one class, and no holes in each other.
      if (i + 1 == all.size() || all[i + 1].roi != all[i].roi) fill.paint(mask_of(masks, all[i].which, shape_));
    }
  }

 private:
  struct Placed {
    std::int64_t plane = 0, roi = 0;
    std::size_t which = 0;
    std::vector<ContourFill::Point> points;
  };

  static void require_frame(const Contour& contour, const LabelGrid& grid) {
    if (!contour.frame_of_reference.empty() && contour.frame_of_reference != grid.frame_of_reference)
      throw reject("FRAME_OF_REFERENCE", "the structures have another frame of reference than the image",
                   "their places do not compare with the image's: draw them on this image");
  }

  // Rows and columns that its lines cross.
  static double work_of(const std::vector<ContourFill::Point>& points) {
    double work = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      const ContourFill::Point &a = points[i], &b = points[(i + 1) % points.size()];
      work += 1 + std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]);
    }
    return work;
  }

  static Placed placed_on(const LabelGrid& grid, const Contour& contour) {
    Placed placed{std::llround(grid.geometry.index(contour.points_mm.front())[0]), contour.roi, contour.which, {}};
    if (placed.plane < 0 || placed.plane >= grid.shape.depth)
      throw elsewhere("a contour lies above or below the image");
    const auto beyond = [](double at, std::int64_t size) {
      return at < -kOutsideVoxels || at > static_cast<double>(size - 1) + kOutsideVoxels;
    };
    for (const volume::Point& point : contour.points_mm) {
      const volume::Index at = grid.geometry.index(point);
      const double off = std::abs(at[0] - static_cast<double>(placed.plane)) * grid.geometry.spacing_mm[0];
      if (!(off <= kLabelToleranceMm)) {
        char text[64];
        std::snprintf(text, sizeof text, "a contour lies %.3g mm away from the image's slices", off);
        throw elsewhere(text);
      }
      if (beyond(at[1], grid.shape.height) || beyond(at[2], grid.shape.width))
        throw elsewhere("a contour lies beside the image");
      placed.points.push_back({at[1], at[2]});
    }
    return placed;
  }

  // Of each region: what it tells, else the one that the object tells.
  void read_frames(const Attributes& from, const DeidKey& key) {
    const auto named = [&](const std::string& uid) { return uid.empty() ? uid : key.pseudonym('f', uid); };
    const std::vector<Attributes> all = from.each(DCM_ReferencedFrameOfReferenceSequence);
    const std::string only = all.size() == 1 ? named(all.front().text(DCM_FrameOfReferenceUID)) : "";
    for (const Attributes& roi : from.each(DCM_StructureSetROISequence)) {
      const std::string told = named(roi.text(DCM_ReferencedFrameOfReferenceUID));
      frames_[roi.whole(DCM_ROINumber, INT32_MIN, INT32_MAX).value_or(0)] = told.empty() ? only : told;
    }
  }

  void read_contours(const Attributes& region, std::optional<std::size_t> which, std::int64_t number) {
    for (const Attributes& contour : region.each(DCM_ContourSequence)) {
      if (!is_closed(contour)) notes.insert("LABEL_OPEN_CONTOUR");
      if (!is_closed(contour) || !which) continue;
      contours_.push_back({*which, number, frames_[number], points_of(contour)});
      points_ += contours_.back().points_mm.size();
      if (points_ > kMostPoints) throw damaged_label("the contours have more points than any image needs");
    }
  }

  std::map<std::int64_t, std::string> frames_;  // of reference, by number of the region
  std::vector<Contour> contours_;
  std::size_t points_ = 0;
  volume::Shape shape_;
  std::vector<std::vector<Placed>> planes_;
};

}  // namespace

std::unique_ptr<LabelObject> open_structures(const std::filesystem::path& file, const DeidKey& key) {
  return std::make_unique<Structures>(file, key);
}

}  // namespace io
