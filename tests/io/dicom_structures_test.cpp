// Structure sets of radiotherapy as voxels of their image.

#include "io/contour_fill.h"
#include "label_cases.h"

using volume::Index;
using volume::Volume;
using volume::VoxelType;

namespace {

Volume picture(volume::Shape shape = {8, 20, 24}) { return oblique(shape, VoxelType::kInt16); }

// A rectangle around the voxels from (h0, w0) to (h1, w1) of a plane, half a voxel around their centres.
Drawn box(double d, double h0, double h1, double w0, double w1) {
  return {{{d, h0 - 0.5, w0 - 0.5}, {d, h0 - 0.5, w1 + 0.5}, {d, h1 + 0.5, w1 + 0.5}, {d, h1 + 0.5, w0 - 0.5}}};
}

Volume expected(const Volume& image, const std::function<int(double, double, double)>& value) {
  Volume all(image.shape(), VoxelType::kUInt8, image.geometry);
  std::size_t i = 0;
  for (std::int64_t d = 0; d < image.shape().depth; ++d) {
    for (std::int64_t h = 0; h < image.shape().height; ++h) {
      for (std::int64_t w = 0; w < image.shape().width; ++w)
        all.voxels<std::uint8_t>()[i++] =
            static_cast<std::uint8_t>(value(static_cast<double>(d), static_cast<double>(h), static_cast<double>(w)));
    }
  }
  return all;
}

struct Archive {
  Scratch folder;
  Volume image = picture();
  Files files = written(folder / "a/ct", image);

  void draw(const std::vector<Roi>& regions) { write_structures(folder / "a/rt.dcm", files, image, regions); }
  volume::Case read(const std::map<int, std::string>& labels = {}) const { return the_case(folder / "a", labels); }
  std::string code(const std::map<int, std::string>& labels = {}) const { return case_code(folder / "a", labels); }
  void change(const std::function<void(DcmDataset&)>& change) const {
    edit(folder / "a/rt.dcm", change, EXS_LittleEndianImplicit);
  }
};

std::int64_t voxels_of(const Volume& map) {
  const auto voxels = map.voxels<std::uint8_t>();
  return static_cast<std::int64_t>(voxels.size()) - std::count(voxels.begin(), voxels.end(), 0);
}

}  // namespace

TEST(ContourFill, ACentreOnALineIsInside) {
  const std::vector<std::array<double, 2>> square{{1, 1}, {1, 3}, {3, 3}, {3, 1}};
  for (const bool backwards : {false, true}) {
    std::vector<std::array<double, 2>> points = square;
    if (backwards) std::reverse(points.begin(), points.end());
    io::ContourFill fill(5, 5);
    std::vector<std::uint8_t> mask(25);
    fill.add(points);
    fill.paint(mask);
    for (std::size_t h = 0; h < 5; ++h) {
      for (std::size_t w = 0; w < 5; ++w)
        EXPECT_EQ(mask[h * 5 + w], h >= 1 && h <= 3 && w >= 1 && w <= 3 ? 1 : 0) << h << " " << w;
    }
  }
}

TEST(ContourFill, EveryMaskComesBackFromLinesThroughItsOutermostCentresAndAroundThem) {
  // A diamond: its lines run slanting through centres; and the same half a voxel farther out.
  for (const double out : {0.0, 0.01, 0.4}) {
    io::ContourFill fill(11, 13);
    std::vector<std::uint8_t> mask(11 * 13);
    const std::vector<std::array<double, 2>> points{
        {5 - 3 - out, 6}, {5, 6 + 3 + out}, {5 + 3 + out, 6}, {5, 6 - 3 - out}};
    fill.add(points);
    fill.paint(mask);
    for (int h = 0; h < 11; ++h) {
      for (int w = 0; w < 13; ++w)
        EXPECT_EQ(mask[static_cast<std::size_t>(h * 13 + w)], std::abs(h - 5) + std::abs(w - 6) <= 3 ? 1 : 0)
            << out << " " << h << " " << w;
    }
  }
}

TEST(ContourFill, ALineThereAndBackBetweenIslandsIsNoPartOfThem) {
  io::ContourFill fill(7, 12);
  std::vector<std::uint8_t> mask(7 * 12);
  // Two squares joined along row 3, which runs through centres.
  const std::vector<std::array<double, 2>> points{{2, 1},  {2, 3}, {3, 3}, {3, 8}, {2, 8}, {2, 10},
                                                  {4, 10}, {4, 8}, {3, 8}, {3, 3}, {4, 3}, {4, 1}};
  fill.add(points);
  fill.paint(mask);
  for (std::size_t h = 0; h < 7; ++h) {
    for (std::size_t w = 0; w < 12; ++w)
      EXPECT_EQ(mask[h * 12 + w], h >= 2 && h <= 4 && ((w >= 1 && w <= 3) || (w >= 8 && w <= 10)) ? 1 : 0)
          << h << " " << w;
  }
}

TEST(ContourFill, WhatReachesBeyondThePlaneIsCutOff) {
  io::ContourFill fill(3, 4);
  std::vector<std::uint8_t> mask(12);
  const std::vector<std::array<double, 2>> all{{-9, -9}, {-9, 99}, {99, 99}, {99, -9}};
  fill.add(all);
  fill.paint(mask);
  EXPECT_EQ(std::count(mask.begin(), mask.end(), 1), 12);
}

TEST(DicomStructures, ABoxIsExactlyItsVoxels) {
  Archive archive;
  Roi region{"Box", {}};
  for (const double d : {5, 2, 4, 3}) region.contours.push_back(box(d, 3, 9, 5, 20));
  archive.draw({region});
  const volume::Case one = archive.read();
  ASSERT_TRUE(one.label_map);
  expect_same_picture(expected(archive.image,
                               [](double d, double h, double w) {
                                 return d >= 2 && d <= 5 && h >= 3 && h <= 9 && w >= 5 && w <= 20 ? 1 : 0;
                               }),
                      *one.label_map);
  EXPECT_EQ(one.notes, std::vector<std::string>{});
}

TEST(DicomStructures, ASphereHasItsVolumeWithinHalfAVoxelOfItsSurface) {
  const Scratch folder;
  volume::Geometry geometry;
  geometry.spacing_mm = {1.5, 0.8, 0.8};
  geometry.origin_mm = {-20, 11, 3};
  const Volume image({40, 64, 64}, VoxelType::kInt16, geometry);
  const Files files = written(folder / "a/ct", image);
  const double radius = 18;  // mm
  const Index centre{19.3, 31.4, 30.8};
  Roi region{"Sphere", {}};
  for (double d = 0; d < 40; ++d) {
    const double off = (d - centre[0]) * 1.5, inside = radius * radius - off * off;
    if (inside <= 0) continue;
    Drawn circle;
    for (int i = 0; i < 360; ++i) {
      const double angle = i * std::acos(-1.0) / 180, r = std::sqrt(inside) / 0.8;
      circle.points.push_back({d, centre[1] + r * std::cos(angle), centre[2] + r * std::sin(angle)});
    }
    region.contours.push_back(circle);
  }
  write_structures(folder / "a/rt.dcm", files, image, {region});
  const double voxel = 1.5 * 0.8 * 0.8,
               found = static_cast<double>(voxels_of(*the_case(folder / "a").label_map)) * voxel;
  const auto ball = [](double r) { return 4.0 / 3 * std::acos(-1.0) * r * r * r; };
  EXPECT_GT(found, ball(radius - 0.4));
  EXPECT_LT(found, ball(radius + 0.4));
  EXPECT_NEAR(found, ball(radius), 0.01 * ball(radius));
}

TEST(DicomStructures, HolesAreContoursWithinContoursOrKeyholes) {
  Archive archive;
  const Volume ring = expected(archive.image, [](double d, double h, double w) {
    const bool outer = h >= 2 && h <= 15 && w >= 2 && w <= 18, inner = h >= 6 && h <= 9 && w >= 5 && w <= 12;
    return (d == 3 || d == 4) && outer && !inner ? 1 : 0;
  });
  Roi two{"Ring", {}}, keyhole{"Ring", {}};
  for (const double d : {3, 4}) {
    two.contours.push_back(box(d, 6, 9, 5, 12));
    two.contours.push_back(box(d, 2, 15, 2, 18));
    Drawn one = box(d, 2, 15, 2, 18);
    const Drawn hole = box(d, 6, 9, 5, 12);
    one.points.push_back(one.points.front());
    for (const std::size_t i : {0U, 3U, 2U, 1U, 0U}) one.points.push_back(hole.points[i]);
    keyhole.contours.push_back(one);
  }
  archive.draw({two});
  expect_same_picture(ring, *archive.read().label_map);
  for (Drawn& contour : two.contours) contour.type = "CLOSEDPLANAR_XOR";
  archive.draw({two});
  expect_same_picture(ring, *archive.read().label_map);
  archive.draw({keyhole});
  expect_same_picture(ring, *archive.read().label_map);
}

TEST(DicomStructures, AContourToldTwiceIsNoHoleInItself) {
  Archive archive;
  archive.draw({{"Box", {box(3, 3, 9, 5, 20), box(3, 3, 9, 5, 20)}}});
  EXPECT_EQ(voxels_of(*archive.read().label_map), 7 * 16);
}

TEST(DicomStructures, TwoRegionsOfOneNameAreOneClassAndNoHolesInEachOther) {
  Archive archive;
  archive.draw({{"GTV", {box(3, 2, 15, 2, 18)}}, {"gtv", {box(3, 6, 9, 5, 12)}}});
  EXPECT_EQ(voxels_of(*archive.read().label_map), 14 * 17);
}

TEST(DicomStructures, ATargetInATargetInTheBodyIsThreeClassesAndPartsThatOverlapAreRefused) {
  Archive archive;
  const Roi body{"BODY", {box(3, 0, 19, 0, 23)}}, ptv{"PTV", {box(3, 4, 12, 4, 12)}}, gtv{"GTV", {box(3, 6, 8, 6, 8)}};
  archive.draw({gtv, ptv, body});
  const volume::Case one = archive.read();
  EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_NESTED"});
  expect_same_picture(expected(archive.image,
                               [](double d, double h, double w) {
                                 if (d != 3) return 0;
                                 if (h >= 6 && h <= 8 && w >= 6 && w <= 8) return 2;
                                 return h >= 4 && h <= 12 && w >= 4 && w <= 12 ? 3 : 1;
                               }),
                      *one.label_map);
  archive.draw({ptv, {"Rectum", {box(3, 10, 16, 6, 9)}}});
  EXPECT_EQ(archive.code(), "LABEL_OVERLAP");
  EXPECT_EQ(archive.code({{1, "rectum"}}), "");
}

TEST(DicomStructures, PointsAndOpenLinesArePassedOverWithANote) {
  Archive archive;
  Drawn marker{{{3, 4, 4}}, "POINT"}, line{{{3, 4, 4}, {3, 5, 9}, {3, 7, 9}}, "OPEN_PLANAR"};
  archive.draw({{"Isocenter", {marker}}, {"Box", {box(3, 3, 9, 5, 20), line}}});
  EXPECT_EQ(io::find_cohort(archive.folder / "a").label_names, (std::map<int, std::string>{{1, "Box"}}));
  const volume::Case one = archive.read();
  EXPECT_EQ(voxels_of(*one.label_map), 7 * 16);
  EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_OPEN_CONTOUR"});
}

TEST(DicomStructures, SlicesThatWereNotDrawnOnAreToldAndNotGuessed) {
  Archive archive;
  archive.draw({{"Box", {box(2, 3, 9, 5, 20), box(4, 3, 9, 5, 20)}}});
  const volume::Case one = archive.read();
  EXPECT_EQ(voxels_of(*one.label_map), 2 * 7 * 16);
  EXPECT_EQ(one.notes, std::vector<std::string>{"LABEL_GAPS"});
}

TEST(DicomStructures, WhatWasDrawnOnAnotherImageIsRefused) {
  Archive archive;  // slices 2.5 mm, rows 0.5 mm, columns 0.75 mm apart
  const auto code = [&](const Drawn& drawn, const std::map<int, std::string>& labels = {}) {
    archive.draw({{"Box", {drawn}}, {"Other", {box(1, 1, 2, 1, 2)}}});
    return archive.code(labels);
  };
  EXPECT_EQ(code(box(3.03, 3, 9, 5, 20)), "");
  EXPECT_EQ(code(box(3.06, 3, 9, 5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(3.5, 3, 9, 5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(-1, 3, 9, 5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(8, 3, 9, 5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(3, 3, 25, 5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(3, 3, 9, -5, 20)), "GRID_MISMATCH");
  EXPECT_EQ(code(box(3, 0, 19, 0, 23)), "");
  EXPECT_EQ(code(box(1e6, 0, 19, 0, 23)), "GRID_MISMATCH");
  Drawn tilted = box(3, 3, 9, 5, 20);
  tilted.points[0][0] = 3.2;
  EXPECT_EQ(code(tilted), "GRID_MISMATCH");
  EXPECT_EQ(code(tilted, {{1, "other"}}), "");  // what nobody asks for refuses nothing
  const auto reframed = [&](const DcmTagKey& sequence, const DcmTagKey& tag) {
    archive.draw({{"Box", {box(3, 3, 9, 5, 20)}}});
    archive.change([&](DcmDataset& data) { item_in(data, sequence).putAndInsertString(tag, "1.2.3"); });
    return archive.code();
  };
  EXPECT_EQ(reframed(DCM_StructureSetROISequence, DCM_ReferencedFrameOfReferenceUID), "FRAME_OF_REFERENCE");
  archive.draw({{"Box", {box(3, 3, 9, 5, 20)}}});
  archive.change([&](DcmDataset& data) {
    item_in(data, DCM_StructureSetROISequence).findAndDeleteElement(DCM_ReferencedFrameOfReferenceUID);
    item_in(data, DCM_ReferencedFrameOfReferenceSequence).putAndInsertString(DCM_FrameOfReferenceUID, "1.2.3");
  });
  EXPECT_EQ(archive.code(), "FRAME_OF_REFERENCE");
}

TEST(DicomStructures, DamagedContoursAreRefused) {
  Archive archive;
  const auto code = [&](const std::function<void(DcmItem&)>& change) {
    archive.draw({{"Box", {box(3, 3, 9, 5, 20)}}});
    archive.change(
        [&](DcmDataset& data) { change(item_in(item_in(data, DCM_ROIContourSequence), DCM_ContourSequence)); });
    return archive.code();
  };
  const auto points = [](const std::string& text) {
    return [text](DcmItem& contour) { contour.putAndInsertString(DCM_ContourData, text.c_str()); };
  };
  EXPECT_EQ(code([](DcmItem&) {}), "");
  EXPECT_EQ(code(points("1\\2\\3,5\\1\\2\\3\\1\\2\\3\\1\\2\\3")), "BAD_NUMBER");
  EXPECT_EQ(code(points("1\\2\\nan\\1\\2\\3\\1\\2\\3\\1\\2\\3")), "BAD_NUMBER");
  EXPECT_EQ(code(points("")), "BAD_NUMBER");
  EXPECT_EQ(code(points("1\\2\\3\\1\\2\\3")), "LABEL_OBJECT");
  EXPECT_EQ(code(points("1\\2\\3\\1\\2\\3\\1\\2\\3\\4")), "LABEL_OBJECT");
  EXPECT_EQ(code([](DcmItem& contour) { contour.putAndInsertString(DCM_NumberOfContourPoints, "5"); }), "LABEL_OBJECT");
}

TEST(DicomStructures, CutOrChangedItIsAnErrorWithACodeAndNeverACrash) {
  Archive archive;
  archive.draw({{"Kidney", {box(2, 3, 9, 5, 20), box(3, 3, 9, 5, 20)}}, {"Liver", {box(5, 1, 2, 1, 2)}}});
  expect_damage_told(archive.folder / "a/rt.dcm", io::AttachedKind::kStructures, archive.image);
}

TEST(DicomStructures, AFileOfAPlanningSystemGivesItsNamesWithoutTheOnesOfPoints) {
  const auto file = shared_data() / "malformed/pydicom_test_files/rtstruct.dcm";
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "no shared data";
  const Scratch folder;  // the file lacks its meta information, which gadolin asks for
  DcmFileFormat format;
  ASSERT_TRUE(
      format.loadFile(OFFilename(file.c_str()), EXS_Unknown, EGL_noChange, DCM_MaxReadLength, ERM_dataset).good() ||
      format.loadFile(OFFilename(file.c_str())).good());
  ASSERT_TRUE(format.saveFile(OFFilename((folder / "rt.dcm").c_str()), EXS_LittleEndianImplicit).good());
  const io::DicomIdentity who = io::read_identity(folder / "rt.dcm");
  EXPECT_EQ(who.attached.kind, io::AttachedKind::kStructures);
  EXPECT_EQ(who.attached.refers.size(), 1U);
  EXPECT_EQ(who.attached.classes, std::vector<std::string>{"patient"});
}
