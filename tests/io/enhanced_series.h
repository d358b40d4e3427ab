#pragma once
// Enhanced multi-frame objects made of volumes: frames in any order, facts in functional groups.

#include "dicom_series.h"

// A volume of an object: what its frames tell besides their place.
struct EnhancedPart {
  const volume::Volume* volume;
  double echo_time_ms = 4.6;
  int temporal_index = 1;
};

inline DcmItem& item_in(DcmItem& parent, const DcmTagKey& sequence, long number = 0) {
  DcmItem* item = nullptr;
  EXPECT_TRUE(parent.findOrCreateSequenceItem(sequence, item, number).good());
  return *item;
}

inline std::string numbers_text(const std::vector<double>& values) {
  std::string text;
  for (const double value : values) {
    char word[32];
    std::snprintf(word, sizeof word, "%.10g", value);
    text += (text.empty() ? "" : "\\") + std::string(word);
  }
  return text;
}

inline void put_frame_groups(DcmItem& groups, const EnhancedPart& part, std::int64_t slice) {
  const volume::Geometry& g = part.volume->geometry;
  const volume::Point at = g.world({static_cast<double>(slice), 0, 0});
  item_in(groups, DCM_PlanePositionSequence)
      .putAndInsertString(DCM_ImagePositionPatient, numbers_text({at[0], at[1], at[2]}).c_str());
  DcmItem& content = item_in(groups, DCM_FrameContentSequence);
  content.putAndInsertUint32(DCM_TemporalPositionIndex, static_cast<Uint32>(part.temporal_index));
  content.putAndInsertString(DCM_StackID, "1");
  item_in(groups, DCM_MREchoSequence).putAndInsertFloat64(DCM_EffectiveEchoTime, part.echo_time_ms);
}

// An Enhanced MR object of int16 volumes of one grid; `order` shuffles the frames (first all of part 0, then of part
// 1). Orientation, spacing and rescale are shared.
inline void write_enhanced(const std::filesystem::path& file, const std::vector<EnhancedPart>& parts,
                           const std::vector<std::size_t>& order) {
  const volume::Volume& first = *parts.front().volume;
  const std::filesystem::path made = file.string() + ".made";
  const Files one = io::write_dicom(made, first, {.key = "enhanced", .patient = "Doe4711"});
  const auto depth = static_cast<std::size_t>(first.shape().depth),
             size = static_cast<std::size_t>(first.shape().height * first.shape().width);
  edit(one[0], [&](DcmDataset& data) {
    put(data, DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.4.1");
    put(data, DCM_NumberOfFrames, std::to_string(order.size()));
    for (const DcmTagKey& tag : {DCM_ImagePositionPatient, DCM_ImageOrientationPatient, DCM_PixelSpacing,
                                 DCM_SliceThickness, DCM_SpacingBetweenSlices, DCM_EchoTime})
      data.findAndDeleteElement(tag);
    const volume::Geometry& g = first.geometry;
    const volume::Point &row = g.direction[2], &column = g.direction[1];
    DcmItem& shared = item_in(data, DCM_SharedFunctionalGroupsSequence);
    item_in(shared, DCM_PlaneOrientationSequence)
        .putAndInsertString(DCM_ImageOrientationPatient,
                            numbers_text({row[0], row[1], row[2], column[0], column[1], column[2]}).c_str());
    item_in(shared, DCM_PixelMeasuresSequence)
        .putAndInsertString(DCM_PixelSpacing, numbers_text({g.spacing_mm[1], g.spacing_mm[2]}).c_str());
    DcmItem& transformation = item_in(shared, DCM_PixelValueTransformationSequence);
    transformation.putAndInsertString(DCM_RescaleSlope, numbers_text({first.scale}).c_str());
    transformation.putAndInsertString(DCM_RescaleIntercept, numbers_text({first.offset}).c_str());
    std::vector<Uint16> words;
    for (const std::size_t frame : order) {
      const EnhancedPart& part = parts[frame / depth];
      const auto slice = frame % depth;
      put_frame_groups(item_in(data, DCM_PerFrameFunctionalGroupsSequence, -2), part, static_cast<std::int64_t>(slice));
      const auto voxels = part.volume->voxels<std::int16_t>().subspan(slice * size, size);
      for (const std::int16_t voxel : voxels) words.push_back(static_cast<Uint16>(voxel));
    }
    data.putAndInsertUint16Array(DCM_PixelData, words.data(), words.size());
  });
  std::filesystem::rename(one[0], file);
  std::filesystem::remove_all(made);
}

// The volumes of the one series in a folder, each read by itself.
inline std::vector<io::DicomVolume> volumes_in(const std::filesystem::path& folder) {
  const std::vector<io::DicomSeries> series = io::whole_series(io::scan_dicom(folder));
  EXPECT_EQ(series.size(), 1U);
  std::vector<io::DicomVolume> all;
  for (const io::DicomSeries& one : io::volumes_of(series.at(0))) all.push_back(io::read_dicom(one));
  return all;
}
