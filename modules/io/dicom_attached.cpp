#include "io/dicom_attached.h"

#include <algorithm>

#include "io/label_object.h"
#include "io/reject.h"

namespace io {
namespace {

using Numbers = std::map<std::int64_t, std::optional<std::size_t>>;

constexpr std::size_t kMostClasses = 4096;  // of one object

// The items that each name a series, with its images (PS3.3 C.12.4.1, C.17.2, C.8.8.5).
std::vector<Attributes> series_items(const Attributes& from, AttachedKind kind) {
  std::vector<Attributes> studies, all;
  const auto add = [](std::vector<Attributes>& to, const Attributes& parent, const DcmTagKey& sequence) {
    for (const Attributes& item : parent.each(sequence)) to.push_back(item);
  };
  if (kind == AttachedKind::kStructures) {
    for (const Attributes& frame : from.each(DCM_ReferencedFrameOfReferenceSequence))
      add(studies, frame, DCM_RTReferencedStudySequence);
    for (const Attributes& study : studies) add(all, study, DCM_RTReferencedSeriesSequence);
    return all;
  }
  if (kind == AttachedKind::kReport) {
    add(studies, from, DCM_CurrentRequestedProcedureEvidenceSequence);
    add(studies, from, DCM_PertinentOtherEvidenceSequence);
  } else {
    add(all, from, DCM_ReferencedSeriesSequence);
    add(studies, from, DCM_StudiesContainingOtherReferencedInstancesSequence);
  }
  for (const Attributes& study : studies) add(all, study, DCM_ReferencedSeriesSequence);
  return all;
}

Numbers classes_of(const Attributes& from, AttachedKind kind, ClassNames& names) {
  return kind == AttachedKind::kSegmentation ? segments_in(from, names) : structures_in(from, names);
}

}  // namespace

core::Error damaged_label(const std::string& what) {
  return reject("LABEL_OBJECT", what, "write the object again with a current tool");
}

AttachedKind attached_kind(const std::string& sop_class) {
  static const std::map<std::string, AttachedKind> kKinds{
      {"1.2.840.10008.5.1.4.1.1.66.4", AttachedKind::kSegmentation},
      {"1.2.840.10008.5.1.4.1.1.66.7", AttachedKind::kSegmentation},  // label map
      {"1.2.840.10008.5.1.4.1.1.481.3", AttachedKind::kStructures},
      {"1.2.840.10008.5.1.4.1.1.88.11", AttachedKind::kReport},  // basic text, enhanced, comprehensive, 3D
      {"1.2.840.10008.5.1.4.1.1.88.22", AttachedKind::kReport},
      {"1.2.840.10008.5.1.4.1.1.88.33", AttachedKind::kReport},
      {"1.2.840.10008.5.1.4.1.1.88.34", AttachedKind::kReport},
  };
  const auto found = kKinds.find(sop_class);
  return found == kKinds.end() ? AttachedKind::kNone : found->second;
}

AttachedLook look_at_attached(DicomFile& file, AttachedKind kind, const DeidKey& key) {
  AttachedLook look{kind, {}, {}};
  const Attributes from = file.attributes();
  std::set<std::string> series;
  for (const Attributes& item : series_items(from, kind)) {
    const std::string uid = item.text(DCM_SeriesInstanceUID);
    if (!uid.empty()) series.insert(key.pseudonym('s', uid));
  }
  look.refers.assign(series.begin(), series.end());
  if (!is_label(kind)) return look;
  file.to_utf8();
  try {
    ClassNames names(file.data());
    classes_of(file.attributes(), kind, names);
    look.classes = names.all();
  } catch (const core::Error&) {
    look.classes.clear();
  }
  return look;
}

std::set<std::string> instances_named(const Attributes& from, AttachedKind kind, const DeidKey& key) {
  const DcmTagKey images =
      kind == AttachedKind::kStructures ? DCM_ContourImageSequence : DCM_ReferencedInstanceSequence;
  std::set<std::string> instances;
  for (const Attributes& series : series_items(from, kind)) {
    for (const Attributes& image : series.each(images)) {
      const std::string uid = image.text(DCM_ReferencedSOPInstanceUID);
      if (!uid.empty()) instances.insert(key.pseudonym('o', uid));
    }
  }
  return instances;
}

Numbers segments_in(const Attributes& from, ClassNames& names) {
  Numbers segments;
  for (const Attributes& segment : from.each(DCM_SegmentSequence)) {
    const std::optional<int> number = segment.number(DCM_SegmentNumber);
    if (!number || segments.size() >= kMostClasses)
      throw damaged_label("a segment has no number, or there are too many");
    std::string name = segment.text(DCM_SegmentLabel);
    if (name.empty()) name = segment.item(DCM_SegmentedPropertyTypeCodeSequence).text(DCM_CodeMeaning);
    // Number 0 is the background of a label map.
    if (*number == 0) continue;
    if (segments.count(*number) != 0) throw damaged_label("two segments have one number");
    segments.emplace(*number, names.add(name));
  }
  if (segments.empty()) throw damaged_label("the segmentation has no segments");
  return segments;
}

bool is_closed(const Attributes& contour) {
  return contour.text(DCM_ContourGeometricType).starts_with("CLOSED");  // CLOSED_PLANAR, CLOSEDPLANAR_XOR
}

Numbers structures_in(const Attributes& from, ClassNames& names) {
  std::set<std::int64_t> closed;
  for (const Attributes& roi : from.each(DCM_ROIContourSequence)) {
    const std::vector<Attributes> contours = roi.each(DCM_ContourSequence);
    const auto number = roi.whole(DCM_ReferencedROINumber, INT32_MIN, INT32_MAX);
    if (number && std::any_of(contours.begin(), contours.end(), is_closed)) closed.insert(*number);
  }
  if (!from.has(DCM_StructureSetROISequence) || !from.has(DCM_ROIContourSequence))
    throw damaged_label("the structure set has no regions or no contours");
  Numbers structures;
  for (const Attributes& roi : from.each(DCM_StructureSetROISequence)) {
    const auto number = roi.whole(DCM_ROINumber, INT32_MIN, INT32_MAX);
    if (!number || structures.count(*number) != 0 || structures.size() >= kMostClasses)
      throw damaged_label("a region has no number of its own, or there are too many");
    if (closed.count(*number) != 0) structures.emplace(*number, names.add(roi.text(DCM_ROIName)));
  }
  return structures;
}

}  // namespace io
