// Segmentations brought to the grid of their image: every voxel in its place, or refused with a code.

#include "io/format.h"
#include "label_cases.h"

using volume::Volume;
using volume::VoxelType;

namespace {

// Odd sides: frames of 7 x 11 = 77 bits begin in the middle of bytes.
Volume picture() { return oblique({6, 7, 11}, VoxelType::kInt16); }

Mask voxels(const Volume& image, const std::function<bool(std::int64_t, std::int64_t, std::int64_t)>& inside,
            std::uint8_t value = 1) {
  Mask mask;
  for (std::int64_t d = 0; d < image.shape().depth; ++d) {
    for (std::int64_t h = 0; h < image.shape().height; ++h) {
      for (std::int64_t w = 0; w < image.shape().width; ++w) mask.push_back(inside(d, h, w) ? value : 0);
    }
  }
  return mask;
}

// Two bodies without any symmetry.
Mask kidney(const Volume& v) {
  return voxels(v, [](auto d, auto h, auto w) { return d < 4 && h * 2 + w < 9 + d && (h * 5 + w * 3 + d) % 4 != 0; });
}
Mask liver(const Volume& v) {
  return voxels(v, [](auto d, auto h, auto w) { return d >= 1 && d != 3 && h * 2 + w >= 11 + d && (h + w) % 5 != 1; });
}

Volume classes(const Volume& image, const std::vector<std::pair<Mask, int>>& parts) {
  Volume all(image.shape(), VoxelType::kUInt8, image.geometry);
  for (const auto& [mask, number] : parts) {
    for (std::size_t i = 0; i < mask.size(); ++i) {
      if (mask[i] != 0) all.voxels<std::uint8_t>()[i] = static_cast<std::uint8_t>(number);
    }
  }
  return all;
}

struct Archive {
  Scratch folder;
  Volume image = picture();
  Files files = written(folder / "a/ct", image);

  void segment(const std::vector<SegPart>& parts, const SegWriting& how = {}, const std::string& name = "seg.dcm") {
    write_segmentation(folder / "a/seg" / name, files, image, parts, how);
  }
  volume::Case read(const std::map<int, std::string>& labels = {}) const { return the_case(folder / "a", labels); }
  std::string code(const std::map<int, std::string>& labels = {}) const { return case_code(folder / "a", labels); }
};

}  // namespace

TEST(DicomSegmentation, FramesInAnyOrderFlippedOrTurnedComeBackToTheVoxel) {
  int count = 0;
  for (const char* type : {"BINARY", "FRACTIONAL", "LABELMAP"}) {
    for (int turn = 0; turn < 8; ++turn) {
      SCOPED_TRACE(std::string(type) + " " + std::to_string(turn));
      Archive archive;
      Mask a = kidney(archive.image), b = liver(archive.image);
      const Volume expected = classes(archive.image, {{a, 1}, {b, 2}});
      if (std::string(type) == "FRACTIONAL") {  // 100 of 200 is half
        for (std::size_t i = 0; i < a.size(); ++i) a[i] = a[i] != 0 ? (i % 2 == 0 ? 100 : 200) : (i % 2 == 0 ? 99 : 0);
        for (std::uint8_t& v : b) v = v != 0 ? 150 : 1;
      }
      SegWriting how{type, (turn & 1) != 0, (turn & 2) != 0, (turn & 4) != 0};
      how.step = 7, how.first = 3;
      how.words = std::string(type) == "LABELMAP" && turn % 2 == 1;
      archive.segment({{"Kidney", a}, {"Liver", b}}, how);
      const volume::Case one = archive.read();
      ASSERT_TRUE(one.label_map);
      EXPECT_EQ(one.label_map->type(), VoxelType::kUInt8);
      expect_same_picture(expected, *one.label_map);
      EXPECT_TRUE(volume::same_place(one.label_map->geometry, one.reference().geometry, one.reference().shape()));
      EXPECT_EQ(one.notes, std::string(type) == "FRACTIONAL" ? std::vector<std::string>{"LABEL_FRACTIONAL"}
                                                             : std::vector<std::string>{});
      ++count;
    }
  }
  EXPECT_EQ(count, 24);
}

TEST(DicomSegmentation, EveryTransferSyntaxGivesTheSameLabels) {
  for (const auto& [syntax, how] : written_syntaxes()) {
    for (const char* type : {"BINARY", "FRACTIONAL"}) {
      if (how != nullptr && std::string(type) == "BINARY") continue;  // bits are not compressed
      SCOPED_TRACE(std::string(DcmXfer(syntax).getXferName()) + " " + type);
      Archive archive;
      const Mask mask = kidney(archive.image);
      Mask values = mask;
      for (std::uint8_t& v : values) v = std::string(type) == "BINARY" ? v : static_cast<std::uint8_t>(v * 200);
      archive.segment({{"Kidney", values}}, {type});
      edit(
          archive.folder / "a/seg/seg.dcm", [](DcmDataset&) {}, syntax, how);
      expect_same_picture(classes(archive.image, {{mask, 1}}), *archive.read().label_map);
    }
  }
}

TEST(DicomSegmentation, PlanesWithoutAFrameAreEmptyAndASegmentWithoutAnyIsAClassAllTheSame) {
  Archive archive;
  const Mask mask = voxels(archive.image, [](auto d, auto h, auto w) { return d == 2 && h > 1 && w > 4; });
  archive.segment({{"Nothing", Mask(mask.size())}, {"Something", mask}});
  const io::Cohort cohort = io::find_cohort(archive.folder / "a");
  EXPECT_EQ(cohort.label_names, (std::map<int, std::string>{{1, "Nothing"}, {2, "Something"}}));
  const volume::Case one = io::load(cohort.entries.at(0), cohort);
  expect_same_picture(classes(archive.image, {{mask, 2}}), *one.label_map);
}

TEST(DicomSegmentation, WhatLiesOnAnotherGridIsRefused) {
  Archive archive;
  const Mask mask = kidney(archive.image);
  const auto code = [&](const SegWriting& how, const std::function<void(DcmDataset&)>& change = nullptr) {
    archive.segment({{"Kidney", mask}}, how);
    if (change) edit(archive.folder / "a/seg/seg.dcm", change);
    return archive.code();
  };
  EXPECT_EQ(code({}), "");
  EXPECT_EQ(code({.shift_mm = {0.04, 0.04, 0.04}}), "");
  EXPECT_EQ(code({.shift_mm = {0, 0, 0.3}}), "GRID_MISMATCH");  // between slices
  EXPECT_EQ(code({.shift_mm = {0, 0, 100}}), "GRID_MISMATCH");  // beyond them
  EXPECT_EQ(code({.shift_mm = {0.2, 0, 0}}), "GRID_MISMATCH");  // within the plane
  EXPECT_EQ(code({.shift_mm = {1e9, 1e300, 0}}), "GRID_MISMATCH");
  EXPECT_EQ(code({}, [](DcmDataset& data) { data.putAndInsertUint16(DCM_Rows, 6); }), "GRID_MISMATCH");
  const auto spacing = [](DcmDataset& data) {
    item_in(item_in(data, DCM_PerFrameFunctionalGroupsSequence, 1), DCM_PixelMeasuresSequence)
        .putAndInsertString(DCM_PixelSpacing, "0.51\\0.75");
  };
  EXPECT_EQ(code({}, [&](DcmDataset& data) { spacing(data); }), "");  // 0.06 mm at the last row
  EXPECT_EQ(code({},
                 [](DcmDataset& data) {
                   item_in(item_in(data, DCM_PerFrameFunctionalGroupsSequence, 1), DCM_PixelMeasuresSequence)
                       .putAndInsertString(DCM_PixelSpacing, "0.55\\0.75");
                 }),
            "GRID_MISMATCH");
  EXPECT_EQ(code({}, [](DcmDataset& data) { put(data, DCM_FrameOfReferenceUID, "1.2.3"); }), "FRAME_OF_REFERENCE");
}

TEST(DicomSegmentation, WhatCannotBeUsedCostsTheLabelsUnlessClassesWereAskedFor) {
  Archive archive;
  archive.segment({{"Kidney", kidney(archive.image)}}, {.shift_mm = {0, 0, 0.3}});
  const volume::Case kept = archive.read();
  EXPECT_FALSE(kept.label_map);
  EXPECT_EQ(kept.notes, std::vector<std::string>{"LABEL_UNUSABLE"});
  EXPECT_EQ(kept.facts.at("label_unusable"), "GRID_MISMATCH");
  const std::string refused = error_of([&] { archive.read({{1, "kidney"}}); });
  EXPECT_NE(refused.find("[GRID_MISMATCH]"), std::string::npos) << refused;
}

TEST(DicomSegmentation, WhatTheStandardDoesNotAllowIsRefused) {
  Archive archive;
  const Mask mask = kidney(archive.image);
  const auto code = [&](const std::function<void(DcmDataset&)>& change, const char* type = "BINARY") {
    archive.segment({{"Kidney", mask}}, {type});
    edit(archive.folder / "a/seg/seg.dcm", change);
    return archive.code({{1, "kidney"}});
  };
  const auto frame = [](DcmDataset& data, long i) -> DcmItem& {
    return item_in(data, DCM_PerFrameFunctionalGroupsSequence, i);
  };
  EXPECT_EQ(code([](DcmDataset& data) { put(data, DCM_SegmentationType, "ODD"); }), "LABEL_OBJECT");
  EXPECT_EQ(code([](DcmDataset& data) { data.findAndDeleteElement(DCM_SegmentSequence); }), "LABEL_OBJECT");
  EXPECT_EQ(code([](DcmDataset& data) { data.putAndInsertUint16(DCM_BitsAllocated, 8); }), "LABEL_OBJECT");
  EXPECT_EQ(code([](DcmDataset& data) { data.findAndDeleteElement(DCM_PixelData); }), "LABEL_OBJECT");
  EXPECT_EQ(code([](DcmDataset& data) { put(data, DCM_NumberOfFrames, "3"); }), "MULTI_FRAME");
  EXPECT_EQ(
      code([&](DcmDataset& data) {
        item_in(frame(data, 1), DCM_SegmentIdentificationSequence).putAndInsertUint16(DCM_ReferencedSegmentNumber, 2);
      }),
      "LABEL_OBJECT");
  EXPECT_EQ(code([&](DcmDataset& data) { frame(data, 0).findAndDeleteElement(DCM_PlanePositionSequence); }),
            "GEOMETRY_MISSING");
  EXPECT_EQ(
      code([&](DcmDataset& data) {
        OFString place;
        item_in(frame(data, 1), DCM_PlanePositionSequence).findAndGetOFStringArray(DCM_ImagePositionPatient, place);
        item_in(frame(data, 2), DCM_PlanePositionSequence).putAndInsertString(DCM_ImagePositionPatient, place.c_str());
      }),
      "DUPLICATE_POSITION");
  EXPECT_EQ(code([](DcmDataset& data) {
              const std::vector<Uint8> few(38);
              data.putAndInsertUint8Array(DCM_PixelData, few.data(), few.size());
            }),
            "PIXEL_LENGTH");
  EXPECT_EQ(code([](DcmDataset& data) { data.findAndDeleteElement(DCM_MaximumFractionalValue); }, "FRACTIONAL"),
            "LABEL_OBJECT");
  EXPECT_EQ(code(
                [](DcmDataset& data) {
                  std::vector<Uint8> values(6 * 77, 9);
                  data.putAndInsertUint8Array(DCM_PixelData, values.data(), values.size());
                },
                "LABELMAP"),
            "LABEL_OBJECT");
}

TEST(DicomSegmentation, ATumourInItsOrganWinsAndAnyOtherOverlapIsRefused) {
  Archive archive;
  const Mask organ = voxels(archive.image, [](auto d, auto h, auto w) { return d > 0 && h > 0 && w > 0; }),
             tumour = voxels(archive.image, [](auto d, auto h, auto w) { return d > 1 && h > 2 && w > 3 && w < 8; }),
             core = voxels(archive.image, [](auto d, auto h, auto w) { return d == 3 && h == 4 && w > 4 && w < 8; }),
             beside = voxels(archive.image, [](auto d, auto h, auto w) { return d > 2 && h < 3 && w < 2; });
  const Volume expected = classes(archive.image, {{organ, 3}, {tumour, 4}, {core, 2}});
  // Whatever the order of the segments.
  for (const std::vector<SegPart>& parts :
       {std::vector<SegPart>{{"liver", organ}, {"tumour", tumour}, {"core", core}, {"a", Mask(organ.size())}},
        std::vector<SegPart>{{"core", core}, {"a", Mask(organ.size())}, {"tumour", tumour}, {"liver", organ}}}) {
    archive.segment(parts);
    const volume::Case one = archive.read();
    expect_same_picture(expected, *one.label_map);
    EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_NESTED"});
  }
  archive.segment({{"liver", organ}, {"beside", beside}});
  EXPECT_EQ(archive.code(), "LABEL_OVERLAP");
  archive.segment({{"liver", organ}, {"beside", organ}});
  EXPECT_EQ(archive.code(), "LABEL_OVERLAP");
  // Who needs one of them names it.
  const volume::Case one = archive.read({{7, "LIVER"}});
  expect_same_picture(classes(archive.image, {{organ, 7}}), *one.label_map);
  EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_LEFT_OUT"});
}

TEST(DicomSegmentation, SegmentsOfOneNameAreOneClassWhateverItsCase) {
  Archive archive;
  const Mask a = voxels(archive.image, [](auto d, auto, auto w) { return d == 1 && w > 6; }),
             b = voxels(archive.image, [](auto d, auto, auto w) { return d < 3 && w > 8; });
  archive.segment({{"Lesion", a}, {"LESION ", b}});
  const io::Cohort cohort = io::find_cohort(archive.folder / "a");
  EXPECT_EQ(cohort.label_names, (std::map<int, std::string>{{1, "Lesion"}}));
  expect_same_picture(classes(archive.image, {{a, 1}, {b, 1}}), *io::load(cohort.entries.at(0), cohort).label_map);
}

TEST(DicomSegmentation, TwoObjectsAreMergedWhereTheirClassesDiffer) {
  Archive archive;
  const Mask a = kidney(archive.image), b = liver(archive.image);
  archive.segment({{"Kidney", a}}, {.key = "one"}, "one.dcm");
  archive.segment({{"Liver", b}}, {.key = "two"}, "two.dcm");
  std::filesystem::copy_file(archive.folder / "a/seg/two.dcm", archive.folder / "a/seg/copy.dcm");
  const volume::Case one = archive.read();
  expect_same_picture(classes(archive.image, {{a, 1}, {b, 2}}), *one.label_map);
  EXPECT_EQ(one.notes, std::vector<std::string>{"DUPLICATE"});
  archive.segment({{"kidney", b}}, {.key = "three"}, "three.dcm");
  EXPECT_EQ(archive.code(), "LABEL_TWICE");
  EXPECT_EQ(archive.code({{1, "liver"}}), "");
}

TEST(DicomSegmentation, ANameThatTellsWhoThePatientIsIsLeftOutAndSaidNowhere) {
  Archive archive;  // of patient Doe4711
  const Mask a = kidney(archive.image), b = liver(archive.image);
  archive.segment({{"Kidney of Doe4711", a}, {"Liver", b}});
  const io::Cohort cohort = io::find_cohort(archive.folder / "a");
  EXPECT_EQ(cohort.label_names, (std::map<int, std::string>{{1, "Liver"}}));
  const volume::Case one = io::load(cohort.entries.at(0), cohort);
  expect_same_picture(classes(archive.image, {{b, 1}}), *one.label_map);
  EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_NAME"});
  archive.segment({{"Kidney of Doe4711", a}});
  const volume::Case none = archive.read();
  EXPECT_FALSE(none.label_map);
  EXPECT_EQ(none.notes, std::vector<std::string>{"LABEL_NAME"});
  archive.segment({{"Roe^Jane", a}, {"Liver", a}});  // written as DICOM writes persons; overlaps nothing that is kept
  EXPECT_EQ(archive.read().notes, std::vector<std::string>{"LABEL_NAME"});
}

TEST(DicomSegmentation, NamesOfEveryCharacterSetBecomeUtf8) {
  Archive archive;
  archive.segment({{"Gef\xE4\xDF", kidney(archive.image)}});
  edit(archive.folder / "a/seg/seg.dcm", [](DcmDataset& data) { put(data, DCM_SpecificCharacterSet, "ISO_IR 100"); });
  EXPECT_EQ(io::find_cohort(archive.folder / "a").label_names, (std::map<int, std::string>{{1, "Gefäß"}}));
  edit(archive.folder / "a/seg/seg.dcm", [](DcmDataset& data) { put(data, DCM_SpecificCharacterSet, "ISO_IR 192"); });
  EXPECT_EQ(archive.read().notes, std::vector<std::string>{"LABEL_NAME"});  // no UTF-8
}

TEST(DicomSegmentation, AnEmptyLabelIsNamedByItsType) {
  Archive archive;
  archive.segment({{"", kidney(archive.image)}});
  EXPECT_EQ(io::find_cohort(archive.folder / "a").label_names, (std::map<int, std::string>{{1, "Organ"}}));
}

TEST(DicomSegmentation, OfASeriesOfSeveralVolumesTheOneItNamesGetsIt) {
  const Scratch folder;
  const Volume first = picture(), second = picture();
  Files all;
  for (int which = 0; which < 2; ++which) {
    int slice = 0;
    for (const auto& file : written(folder / ("a/" + std::to_string(which)), which == 0 ? first : second)) {
      edit(file, [&](DcmDataset& data) {
        put(data, DCM_SOPInstanceUID, "1.2." + std::to_string(which * 100 + slice++));
        put(data, DCM_EchoTime, which == 0 ? "4" : "12");
      });
      all.push_back(file);
    }
  }
  const Mask mask = kidney(first);
  write_segmentation(folder / "a/seg.dcm", Files(all.begin() + 6, all.end()), second, {{"Kidney", mask}});
  const io::Cohort cohort = io::find_cohort(folder / "a");
  ASSERT_EQ(cohort.entries.size(), 2U);
  EXPECT_FALSE(io::load(cohort.entries[0], cohort).label_map);
  expect_same_picture(classes(second, {{mask, 1}}), *io::load(cohort.entries[1], cohort).label_map);
}

TEST(DicomSegmentation, CutOrChangedItIsAnErrorWithACodeAndNeverACrash) {
  Archive archive;
  archive.segment({{"Kidney", kidney(archive.image)}, {"Liver", liver(archive.image)}});
  expect_damage_told(archive.folder / "a/seg/seg.dcm", io::AttachedKind::kSegmentation, archive.image);
  archive.segment({{"Kidney", kidney(archive.image)}}, {"LABELMAP"});
  edit(
      archive.folder / "a/seg/seg.dcm", [](DcmDataset&) {}, EXS_RLELossless);
  expect_damage_told(archive.folder / "a/seg/seg.dcm", io::AttachedKind::kSegmentation, archive.image);
}
