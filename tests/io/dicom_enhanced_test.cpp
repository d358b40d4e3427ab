// Enhanced multi-frame objects, and series of several volumes whatever they are stored as.

#include <numeric>

#include "enhanced_series.h"
#include "io/layout.h"

using volume::Volume;
using volume::VoxelType;

namespace {

Volume scaled_picture(double add = 0, volume::Shape shape = {5, 6, 7}) {
  Volume v = oblique(shape, VoxelType::kInt16);
  for (auto& voxel : v.voxels<std::int16_t>()) voxel = static_cast<std::int16_t>(voxel + add);
  v.scale = 0.5;
  v.offset = -3;
  return v;
}

std::vector<std::size_t> shuffled(std::size_t count) {
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = (7 * i + 3) % count;
  return order;
}

// What reading the one series in the folder as it stands is refused with.
std::string code_of_folder(const std::filesystem::path& folder) {
  try {
    io::read_dicom_folder(folder);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "";
}

}  // namespace

TEST(DicomEnhanced, ShuffledFramesComeBackInTheirPlacesWithTheirRescale) {
  const Scratch folder;
  const Volume v = scaled_picture();
  write_enhanced(folder / "one.dcm", {{&v}}, shuffled(5));
  const io::DicomVolume read = io::read_dicom_folder(folder.path);
  expect_same_picture(v, read.image);
  EXPECT_EQ(read.image.type(), VoxelType::kInt16);
  EXPECT_EQ(read.modality, "MR");
  EXPECT_EQ(read.facts.at("echo_time_ms"), "4.6");
  EXPECT_EQ(read.notes, std::vector<std::string>{});
}

TEST(DicomEnhanced, FramesAreDecodedOneByOneFromEveryTransferSyntax) {
  const Scratch folder;
  const Volume v = scaled_picture(0, {5, 15, 13});  // frames of an odd number of pixels
  for (const auto& [syntax, how] : written_syntaxes()) {
    SCOPED_TRACE(DcmXfer(syntax).getXferName());
    const auto file = folder / DcmXfer(syntax).getXferName() / "one.dcm";
    write_enhanced(file, {{&v}}, shuffled(5));
    edit(
        file, [](DcmDataset&) {}, syntax, how);
    expect_same_picture(v, io::read_dicom_folder(file.parent_path()).image);
  }
}

TEST(DicomEnhanced, OneObjectOfTwoEchoesAndTwoTimesIsFourVolumes) {
  const Scratch folder;
  const Volume all[] = {scaled_picture(0), scaled_picture(1000), scaled_picture(2000), scaled_picture(3000)};
  const std::vector<EnhancedPart> parts{{&all[0], 4.6, 1}, {&all[1], 4.6, 2}, {&all[2], 12, 1}, {&all[3], 12, 2}};
  write_enhanced(folder / "one.dcm", parts, shuffled(20));
  const std::vector<io::DicomVolume> volumes = volumes_in(folder.path);
  ASSERT_EQ(volumes.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    expect_same_picture(all[i], volumes[i].image);
    EXPECT_EQ(volumes[i].facts.at("echo_time_ms"), i < 2 ? "4.6" : "12");
    EXPECT_EQ(volumes[i].facts.at("temporal_index"), i % 2 == 0 ? "1" : "2");
    EXPECT_EQ(volumes[i].facts.at("volume"), std::to_string(i + 1) + " of 4");
    EXPECT_EQ(volumes[i].facts.at("volume_differs_in"), "echo_time_ms temporal_index");
  }
  EXPECT_EQ(code_of_folder(folder.path), "MULTI_VOLUME");
}

TEST(DicomEnhanced, EachVolumeIsJudgedByItself) {
  const Scratch folder;
  const Volume a = scaled_picture(0), b = scaled_picture(1000);
  std::vector<std::size_t> order(10);
  std::iota(order.begin(), order.end(), std::size_t{0});
  order.erase(order.begin() + 7);  // slice 2 of the second
  write_enhanced(folder / "one.dcm", {{&a, 4.6}, {&b, 12}}, order);
  const io::Cohort cohort = io::find_cohort(folder.path);
  ASSERT_EQ(cohort.entries.size(), 2U);
  EXPECT_TRUE(cohort.entries[0].id.ends_with("-1"));
  expect_same_picture(a, *io::load(cohort.entries[0], cohort).channels.at(0).image);
  EXPECT_NE(error_of([&] { io::load(cohort.entries[1], cohort); }).find("[MISSING_SLICE]"), std::string::npos);
}

TEST(DicomEnhanced, WhatItsGroupsDoNotTellIsRefused) {
  const Scratch folder;
  const Volume v = scaled_picture();
  const auto code = [&](const std::function<void(DcmDataset&)>& change) {
    write_enhanced(folder / "s/one.dcm", {{&v}}, shuffled(5));
    edit(folder / "s/one.dcm", change);
    return code_of_folder(folder / "s");
  };
  EXPECT_EQ(code([](DcmDataset&) {}), "");
  EXPECT_EQ(code([](DcmDataset& data) { put(data, DCM_NumberOfFrames, "4"); }), "MULTI_FRAME");
  EXPECT_EQ(code([](DcmDataset& data) { data.findAndDeleteElement(DCM_PerFrameFunctionalGroupsSequence); }),
            "MULTI_FRAME");
  EXPECT_EQ(code([](DcmDataset& data) { data.findAndDeleteElement(DCM_SharedFunctionalGroupsSequence); }),
            "GEOMETRY_MISSING");
  EXPECT_EQ(code([](DcmDataset& data) {
              item_in(item_in(data, DCM_PerFrameFunctionalGroupsSequence, 2), DCM_PlanePositionSequence)
                  .putAndInsertString(DCM_ImagePositionPatient, "1\\2\\nan");
            }),
            "BAD_NUMBER");
  EXPECT_EQ(code([](DcmDataset& data) {
              const std::vector<Uint16> words(5 * 42 - 1);
              data.putAndInsertUint16Array(DCM_PixelData, words.data(), words.size());
            }),
            "PIXEL_LENGTH");
}

namespace {

// Two written volumes as one series: files a and b, which `tell` what they are.
void two_as_one(const std::filesystem::path& folder, const Volume& a, const Volume& b,
                const std::function<void(DcmDataset&, int volume, int slice)>& tell) {
  for (int which = 0; which < 2; ++which) {
    int slice = 0;
    for (const auto& file : written(folder / std::to_string(which), which == 0 ? a : b)) {
      edit(file, [&](DcmDataset& data) {
        put(data, DCM_SOPInstanceUID, "1.2." + std::to_string(which * 100 + slice));
        tell(data, which, slice++);
      });
    }
  }
}

}  // namespace

TEST(DicomVolumes, ASeriesIsPartedByWhatDiffersAndCasesAreNumberedInItsOrder) {
  const std::tuple<const char*, DcmTagKey, const char*, const char*> kinds[] = {
      {"echo_time_ms", DCM_EchoTime, "12", "4.6"},
      {"b_value", DCM_DiffusionBValue, "1000", "50"},
      {"temporal_index", DCM_TemporalPositionIdentifier, "10", "9"},
      {"trigger_time_ms", DCM_TriggerTime, "100", "20"},
      {"image_type", DCM_ImageType, "ORIGINAL\\PRIMARY\\P", "ORIGINAL\\PRIMARY\\M"}};
  int count = 0;
  for (const auto& [name, tag, of_a, of_b] : kinds) {
    SCOPED_TRACE(name);
    const Scratch folder;
    const Volume a = scaled_picture(0), b = scaled_picture(1000);
    two_as_one(folder.path, a, b, [&, tag = tag, of_a = of_a, of_b = of_b](DcmDataset& data, int which, int) {
      if (tag == DCM_DiffusionBValue)
        data.putAndInsertFloat64(tag, which == 0 ? 1000 : 50);
      else
        put(data, tag, which == 0 ? of_a : of_b);
    });
    const std::vector<io::DicomVolume> volumes = volumes_in(folder.path);
    ASSERT_EQ(volumes.size(), 2U);
    expect_same_picture(b, volumes[0].image);
    expect_same_picture(a, volumes[1].image);
    EXPECT_EQ(volumes[0].facts.at("volume_differs_in"), name);
    EXPECT_NE(volumes[0].facts.at(name), volumes[1].facts.at(name));
    ++count;
  }
  EXPECT_EQ(count, 5);
}

TEST(DicomVolumes, TheOrderOfAcquisitionPartsThemOnlyWhereItRunsThroughVolumesOrPlaces) {
  const Volume a = scaled_picture(0), b = scaled_picture(1000);
  const auto count = [&](const std::function<int(int, int)>& number) {
    const Scratch folder;
    two_as_one(folder.path, a, b, [&](DcmDataset& data, int which, int slice) {
      put(data, DCM_InstanceNumber, std::to_string(number(which, slice)));
    });
    const std::string code = code_of_folder(folder.path);
    EXPECT_EQ(code, "MULTI_VOLUME");
    const auto volumes = io::volumes_of(io::whole_series(io::scan_dicom(folder.path)).at(0));
    if (volumes.size() == 2) expect_same_picture(b, io::read_dicom(volumes[1]).image);
    return volumes.size();
  };
  EXPECT_EQ(count([](int which, int slice) { return which * 5 + slice; }), 2U);
  EXPECT_EQ(count([](int which, int slice) { return slice * 2 + which; }), 2U);
  EXPECT_EQ(count([](int which, int slice) { return (which * 5 + slice * 3) % 10; }), 1U);
  EXPECT_EQ(count([](int, int slice) { return slice; }), 1U);
}

TEST(DicomVolumes, OneAlteredSliceTooManyIsNoSecondVolume) {
  const Scratch folder;
  const Volume a = scaled_picture(0), b = scaled_picture(1000);
  two_as_one(folder.path, a, b,
             [](DcmDataset& data, int which, int) { put(data, DCM_EchoTime, which == 0 ? "4.6" : "12"); });
  for (int slice = 1; slice < 5; ++slice)
    std::filesystem::remove(folder / ("1/slice000" + std::to_string(slice) + ".dcm"));
  EXPECT_EQ(code_of_folder(folder.path), "DUPLICATE_POSITION");
  EXPECT_EQ(io::volumes_of(io::whole_series(io::scan_dicom(folder.path)).at(0)).size(), 1U);
}

TEST(DicomVolumes, ACopyOfASliceStaysWithItsVolume) {
  const Scratch folder;
  const Volume a = scaled_picture(0), b = scaled_picture(1000);
  two_as_one(folder.path, a, b,
             [](DcmDataset& data, int which, int) { put(data, DCM_EchoTime, which == 0 ? "4.6" : "12"); });
  std::filesystem::copy_file(folder / "1/slice0002.dcm", folder / "1/copy.dcm");
  const std::vector<io::DicomVolume> volumes = volumes_in(folder.path);
  ASSERT_EQ(volumes.size(), 2U);
  EXPECT_EQ(volumes[0].notes, std::vector<std::string>{});
  EXPECT_EQ(volumes[1].notes, std::vector<std::string>{"DUPLICATE"});
}
