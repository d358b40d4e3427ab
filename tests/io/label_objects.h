#pragma once
// Segmentations, structure sets and reports written for a series of the tests.

#include "enhanced_series.h"
#include "io/dicom_toolkit.h"

using Mask = std::vector<std::uint8_t>;  // of a volume's voxels, in their order

struct SegPart {
  std::string label;
  Mask mask;  // fractional: 0 to 255
};

struct SegWriting {
  std::string type = "BINARY";
  bool flip_rows = false, flip_columns = false, transpose = false;
  volume::Point shift_mm{};
  bool words = false;               // of a label map: 16 bits a pixel
  bool empty_frames = false;        // also of planes where a segment has nothing
  std::string key = "seg";          // of its UIDs
  std::size_t step = 1, first = 0;  // order of frames: first, first + step ... round the end
};

// The header of a file of the series, as another object of the same patient and study.
inline void begin_object(DcmDataset& data, const std::string& sop_class, const std::string& modality,
                         const std::string& key) {
  for (const DcmTagKey& tag : {DCM_ImagePositionPatient, DCM_ImageOrientationPatient, DCM_PixelSpacing, DCM_PixelData,
                               DCM_RescaleSlope, DCM_RescaleIntercept, DCM_RescaleType, DCM_ImageType})
    data.findAndDeleteElement(tag);
  put(data, DCM_SOPClassUID, sop_class);
  put(data, DCM_SOPInstanceUID, io::uid_from("object " + key));
  put(data, DCM_SeriesInstanceUID, io::uid_from("series " + key));
  put(data, DCM_Modality, modality);
}

inline std::string text_in(const std::filesystem::path& file, const DcmTagKey& tag) {
  DcmFileFormat format;
  EXPECT_TRUE(format.loadFile(OFFilename(file.c_str())).good());
  OFString value;
  format.getDataset()->findAndGetOFStringArray(tag, value);
  return value.c_str();
}

// The item that names the series and its images.
inline void refer_to(DcmItem& item, const Files& series, const DcmTagKey& images) {
  item.putAndInsertString(DCM_SeriesInstanceUID, text_in(series[0], DCM_SeriesInstanceUID).c_str());
  for (const auto& file : series) {
    DcmItem& image = item_in(item, images, -2);
    image.putAndInsertString(DCM_ReferencedSOPClassUID, text_in(file, DCM_SOPClassUID).c_str());
    image.putAndInsertString(DCM_ReferencedSOPInstanceUID, text_in(file, DCM_SOPInstanceUID).c_str());
  }
}

inline void put_code(DcmItem& parent, const DcmTagKey& sequence, const std::string& meaning,
                     const std::string& value = "1", const std::string& scheme = "99TEST") {
  DcmItem& code = item_in(parent, sequence);
  code.putAndInsertString(DCM_CodeValue, value.c_str());
  code.putAndInsertString(DCM_CodingSchemeDesignator, scheme.c_str());
  code.putAndInsertString(DCM_CodeMeaning, meaning.c_str());
}

// Frames of one size with their pixels, one after the other.
class SegFrames {
 public:
  SegFrames(const volume::Volume& image, const SegWriting& how) : image_(image), how_(how) {}

  int rows() const { return static_cast<int>(how_.transpose ? image_.shape().width : image_.shape().height); }
  int columns() const { return static_cast<int>(how_.transpose ? image_.shape().height : image_.shape().width); }

  // Position and directions of a plane as the object tells them.
  void put_place(DcmItem& groups, std::int64_t d) const {
    const volume::Geometry& g = image_.geometry;
    const auto [h, w] = voxel(0, 0);
    volume::Point at = g.world({static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)});
    for (std::size_t c = 0; c < 3; ++c) at[c] += how_.shift_mm[c];
    item_in(groups, DCM_PlanePositionSequence)
        .putAndInsertString(DCM_ImagePositionPatient, numbers_text({at[0], at[1], at[2]}).c_str());
    std::vector<double> directions;
    for (const bool right : {true, false}) {
      const bool along_row = right != how_.transpose;
      const volume::Point& axis = g.direction[along_row ? 2 : 1];
      const double sign = (right ? how_.flip_columns : how_.flip_rows) ? -1 : 1;
      for (const double c : axis) directions.push_back(sign * c);
    }
    item_in(groups, DCM_PlaneOrientationSequence)
        .putAndInsertString(DCM_ImageOrientationPatient, numbers_text(directions).c_str());
    const std::size_t down = how_.transpose ? 2 : 1, right = how_.transpose ? 1 : 2;
    item_in(groups, DCM_PixelMeasuresSequence)
        .putAndInsertString(DCM_PixelSpacing, numbers_text({g.spacing_mm[down], g.spacing_mm[right]}).c_str());
  }

  // Values of a plane in the object's order.
  std::vector<int> pixels(const std::function<int(std::size_t)>& value, std::int64_t d) const {
    std::vector<int> all;
    for (int i = 0; i < rows(); ++i) {
      for (int j = 0; j < columns(); ++j) {
        const auto [h, w] = voxel(i, j);
        all.push_back(value(static_cast<std::size_t>((d * image_.shape().height + h) * image_.shape().width + w)));
      }
    }
    return all;
  }

 private:
  std::pair<std::int64_t, std::int64_t> voxel(std::int64_t i, std::int64_t j) const {
    if (how_.flip_rows) i = rows() - 1 - i;
    if (how_.flip_columns) j = columns() - 1 - j;
    return how_.transpose ? std::pair(j, i) : std::pair(i, j);
  }

  const volume::Volume& image_;
  const SegWriting& how_;
};

inline std::vector<Uint8> packed_bits(const std::vector<int>& values) {
  std::vector<Uint8> bytes((values.size() + 7) / 8);
  for (std::size_t i = 0; i < values.size(); ++i)
    bytes[i / 8] = static_cast<Uint8>(bytes[i / 8] | (values[i] != 0 ? 1 << i % 8 : 0));
  if (bytes.size() % 2 != 0) bytes.push_back(0);
  return bytes;
}

// A segmentation of the series, which holds the volume; parts become segments 1, 2 ...
inline void write_segmentation(const std::filesystem::path& file, const Files& series, const volume::Volume& image,
                               const std::vector<SegPart>& parts, const SegWriting& how = {}) {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::copy_file(series[0], file, std::filesystem::copy_options::overwrite_existing);
  const SegFrames frames(image, how);
  const bool map = how.type == "LABELMAP", binary = how.type == "BINARY";
  const auto plane = static_cast<std::size_t>(image.shape().height * image.shape().width);
  std::vector<std::pair<std::size_t, std::int64_t>> all;  // part and plane of each frame
  for (std::size_t p = 0; p < (map ? 1 : parts.size()); ++p) {
    for (std::int64_t d = 0; d < image.shape().depth; ++d) {
      const auto begin = parts[p].mask.begin() + static_cast<std::ptrdiff_t>(d * static_cast<std::int64_t>(plane));
      if (map || how.empty_frames ||
          std::count(begin, begin + static_cast<std::ptrdiff_t>(plane), 0) < static_cast<std::ptrdiff_t>(plane))
        all.emplace_back(p, d);
    }
  }
  edit(file, [&](DcmDataset& data) {
    begin_object(data, map ? "1.2.840.10008.5.1.4.1.1.66.7" : "1.2.840.10008.5.1.4.1.1.66.4", "SEG", how.key);
    put(data, DCM_SegmentationType, how.type);
    if (how.type == "FRACTIONAL") {
      data.putAndInsertUint16(DCM_MaximumFractionalValue, 200);
      put(data, DCM_SegmentationFractionalType, "PROBABILITY");
    }
    refer_to(item_in(data, DCM_ReferencedSeriesSequence), series, DCM_ReferencedInstanceSequence);
    for (std::size_t p = 0; p < parts.size(); ++p) {
      DcmItem& segment = item_in(data, DCM_SegmentSequence, -2);
      segment.putAndInsertUint16(DCM_SegmentNumber, static_cast<Uint16>(p + 1));
      segment.putAndInsertString(DCM_SegmentLabel, parts[p].label.c_str());
      put_code(segment, DCM_SegmentedPropertyTypeCodeSequence, "Organ");
    }
    std::vector<int> values;
    for (std::size_t k = 0; k < all.size(); ++k) {
      const auto [part, d] = all[(how.first + k * how.step) % all.size()];
      DcmItem& groups = item_in(data, DCM_PerFrameFunctionalGroupsSequence, -2);
      frames.put_place(groups, d);
      if (!map)
        item_in(groups, DCM_SegmentIdentificationSequence)
            .putAndInsertUint16(DCM_ReferencedSegmentNumber, static_cast<Uint16>(part + 1));
      const auto value = [&, part = part](std::size_t i) {
        if (!map) return static_cast<int>(parts[part].mask[i]);
        int which = 0;
        for (std::size_t p = 0; p < parts.size(); ++p) which = parts[p].mask[i] != 0 ? static_cast<int>(p + 1) : which;
        return which;
      };
      const std::vector<int> pixels = frames.pixels(value, d);
      values.insert(values.end(), pixels.begin(), pixels.end());
    }
    put(data, DCM_NumberOfFrames, std::to_string(all.size()));
    data.putAndInsertUint16(DCM_Rows, static_cast<Uint16>(frames.rows()));
    data.putAndInsertUint16(DCM_Columns, static_cast<Uint16>(frames.columns()));
    data.putAndInsertUint16(DCM_PixelRepresentation, 0);
    const int bits = binary ? 1 : how.words ? 16 : 8;
    data.putAndInsertUint16(DCM_BitsAllocated, static_cast<Uint16>(bits));
    data.putAndInsertUint16(DCM_BitsStored, static_cast<Uint16>(bits));
    data.putAndInsertUint16(DCM_HighBit, static_cast<Uint16>(bits - 1));
    if (how.words) {
      const std::vector<Uint16> words(values.begin(), values.end());
      data.putAndInsertUint16Array(DCM_PixelData, words.data(), words.size());
      return;
    }
    std::vector<Uint8> bytes = binary ? packed_bits(values) : std::vector<Uint8>(values.begin(), values.end());
    if (bytes.size() % 2 != 0) bytes.push_back(0);
    data.putAndInsertUint8Array(DCM_PixelData, bytes.data(), bytes.size());
  });
}

struct Drawn {
  std::vector<volume::Index> points;  // in voxels of the volume
  std::string type = "CLOSED_PLANAR";
};

struct Roi {
  std::string name;
  std::vector<Drawn> contours;
};

// A structure set of the series.
inline void write_structures(const std::filesystem::path& file, const Files& series, const volume::Volume& image,
                             const std::vector<Roi>& regions, const std::string& key = "structures") {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::copy_file(series[0], file, std::filesystem::copy_options::overwrite_existing);
  const std::string frame = text_in(series[0], DCM_FrameOfReferenceUID);
  edit(
      file,
      [&](DcmDataset& data) {
        begin_object(data, "1.2.840.10008.5.1.4.1.1.481.3", "RTSTRUCT", key);
        data.findAndDeleteElement(DCM_FrameOfReferenceUID);
        DcmItem& of_frame = item_in(data, DCM_ReferencedFrameOfReferenceSequence);
        of_frame.putAndInsertString(DCM_FrameOfReferenceUID, frame.c_str());
        DcmItem& study = item_in(of_frame, DCM_RTReferencedStudySequence);
        refer_to(item_in(study, DCM_RTReferencedSeriesSequence), series, DCM_ContourImageSequence);
        int number = 0;
        for (const Roi& region : regions) {
          const std::string told = std::to_string(++number);
          DcmItem& roi = item_in(data, DCM_StructureSetROISequence, -2);
          roi.putAndInsertString(DCM_ROINumber, told.c_str());
          roi.putAndInsertString(DCM_ROIName, region.name.c_str());
          roi.putAndInsertString(DCM_ReferencedFrameOfReferenceUID, frame.c_str());
          DcmItem& contours = item_in(data, DCM_ROIContourSequence, -2);
          contours.putAndInsertString(DCM_ReferencedROINumber, told.c_str());
          for (const Drawn& drawn : region.contours) {
            std::vector<double> numbers;
            for (const volume::Index& point : drawn.points) {
              for (const double c : image.geometry.world(point)) numbers.push_back(c);
            }
            DcmItem& contour = item_in(contours, DCM_ContourSequence, -2);
            contour.putAndInsertString(DCM_ContourGeometricType, drawn.type.c_str());
            contour.putAndInsertString(DCM_NumberOfContourPoints, std::to_string(drawn.points.size()).c_str());
            contour.putAndInsertString(DCM_ContourData, numbers_text(numbers).c_str());
          }
        }
      },
      EXS_LittleEndianImplicit);
}

// An item of a report's content tree.
struct Said {
  std::string type, name, value;
  std::string unit{};
  std::vector<Said> children{};
  std::string relation = "CONTAINS";
};

inline void put_said(DcmItem& item, const Said& said) {
  item.putAndInsertString(DCM_RelationshipType, said.relation.c_str());
  item.putAndInsertString(DCM_ValueType, said.type.c_str());
  if (!said.name.empty()) put_code(item, DCM_ConceptNameCodeSequence, said.name);
  if (said.type == "TEXT") item.putAndInsertString(DCM_TextValue, said.value.c_str());
  if (said.type == "PNAME") item.putAndInsertString(DCM_PersonName, said.value.c_str());
  if (said.type == "DATE") item.putAndInsertString(DCM_Date, said.value.c_str());
  if (said.type == "CODE") put_code(item, DCM_ConceptCodeSequence, said.value);
  if (said.type == "NUM") {
    DcmItem& measured = item_in(item, DCM_MeasuredValueSequence);
    measured.putAndInsertString(DCM_NumericValue, said.value.c_str());
    put_code(measured, DCM_MeasurementUnitsCodeSequence, "unit", said.unit, "UCUM");
  }
  for (const Said& child : said.children) put_said(item_in(item, DCM_ContentSequence, -2), child);
}

// A report on the series; `names_it`: its evidence names the series.
inline void write_report(const std::filesystem::path& file, const Files& series, const Said& root, bool names_it = true,
                         const std::string& key = "report") {
  std::filesystem::create_directories(file.parent_path());
  std::filesystem::copy_file(series[0], file, std::filesystem::copy_options::overwrite_existing);
  edit(file, [&](DcmDataset& data) {
    begin_object(data, "1.2.840.10008.5.1.4.1.1.88.22", "SR", key);
    data.findAndDeleteElement(DCM_FrameOfReferenceUID);
    if (names_it) {
      DcmItem& study = item_in(data, DCM_CurrentRequestedProcedureEvidenceSequence);
      refer_to(item_in(study, DCM_ReferencedSeriesSequence), series, DCM_ReferencedSOPSequence);
    }
    put_said(data, root);
    data.findAndDeleteElement(DCM_RelationshipType);
  });
}
