// The contract of every format in the table.
#include "io/format.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "io/reject.h"
#include "scratch.h"

using volume::Volume;
using volume::VoxelType;

namespace {

constexpr VoxelType kAll[] = {VoxelType::kUInt8,  VoxelType::kInt8,  VoxelType::kUInt16,  VoxelType::kInt16,
                              VoxelType::kUInt32, VoxelType::kInt32, VoxelType::kFloat32, VoxelType::kFloat64};

std::vector<std::string> written_extensions() {
  std::vector<std::string> all;
  for (const io::Format* format : io::formats()) {
    for (const std::string_view e : format->extensions) {
      if (e != ".nhdr" && e != ".mhd") all.emplace_back(e);
    }
  }
  return all;
}

void expect_same(const Volume& a, const Volume& b) {
  ASSERT_EQ(a.shape(), b.shape());
  ASSERT_EQ(a.type(), b.type());
  EXPECT_TRUE(std::equal(a.bytes().begin(), a.bytes().end(), b.bytes().begin()));
  EXPECT_EQ(a.scale, b.scale);
  EXPECT_EQ(a.offset, b.offset);
  EXPECT_TRUE(volume::same_place(a.geometry, b.geometry, a.shape(), 1e-4));
}

}  // namespace

TEST(Formats, WhatIsWrittenIsReadBackVoxelForVoxelAndInPlace) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    for (const VoxelType type : kAll) {
      SCOPED_TRACE(extension + " " + std::string(volume::name(type)));
      const Volume image = oblique({3, 5, 7}, type);
      io::write_image(folder / ("a" + extension), image);
      expect_same(image, io::read_image(folder / ("a" + extension)));
    }
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.path))
    EXPECT_EQ(entry.path().filename().string().front(), 'a') << "left behind: " << entry.path();
}

TEST(Formats, AFileCutAtAnyByteIsAnErrorWithAReason) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    const auto whole = folder / ("whole" + extension), cut = folder / ("cut" + extension);
    io::write_image(whole, oblique({4, 6, 5}, VoxelType::kInt16));
    const bool pair = extension.starts_with(".hdr");
    const std::string image_extension = extension == ".hdr" ? ".img" : ".img.gz";
    if (pair) std::filesystem::copy_file(folder / ("whole" + image_extension), folder / ("cut" + image_extension));
    const std::string bytes = bytes_of(whole);
    ASSERT_GT(bytes.size(), 100U);
    for (std::size_t length = 0; length < bytes.size(); ++length) {
      write_bytes(cut, bytes.substr(0, length));
      const std::string error = error_of([&] { io::read_image(cut); });
      ASSERT_NE(error.find("read cut"), std::string::npos) << extension << " cut at " << length << ": " << error;
      ASSERT_NE(error.find(']'), std::string::npos) << error;
    }
    if (!pair) continue;
    write_bytes(cut, bytes);
    const std::string voxels = bytes_of(folder / ("whole" + image_extension));
    for (std::size_t length = 0; length < voxels.size(); ++length) {
      write_bytes(folder / ("cut" + image_extension), voxels.substr(0, length));
      ASSERT_NE(error_of([&] { io::read_image(cut); }), "") << extension << " voxels cut at " << length;
    }
  }
}

TEST(Formats, ADamagedByteIsAnErrorOrAnImageButNeverACrash) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    const auto whole = folder / ("whole" + extension), bad = folder / ("bad" + extension);
    io::write_image(whole, oblique({4, 6, 5}, VoxelType::kInt16));
    if (extension.starts_with(".hdr")) {
      const std::string image = extension == ".hdr" ? ".img" : ".img.gz";
      std::filesystem::copy_file(folder / ("whole" + image), folder / ("bad" + image));
    }
    const std::string bytes = bytes_of(whole);
    for (std::size_t at = 0; at < std::min<std::size_t>(bytes.size(), 420); ++at) {
      for (const unsigned flip : {0x01U, 0x20U, 0x80U, 0xffU}) {
        std::string damaged = bytes;
        damaged[at] = static_cast<char>(static_cast<unsigned char>(damaged[at]) ^ flip);
        write_bytes(bad, damaged);
        const std::string error = error_of([&] {
          const Volume image = io::read_image(bad);
          ASSERT_LE(image.bytes().size(), bytes.size() * 1100);
          // What a checksum guards is the same or an error (some bits of a gzip stream mean nothing).
          if (extension.ends_with(".gz")) expect_same(image, io::read_image(whole));
        });
      }
    }
  }
}

TEST(Formats, ScaleAndOffsetReachThePersonInEveryFormat) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    SCOPED_TRACE(extension);
    Volume image = oblique({2, 3, 4}, VoxelType::kInt16);
    image.scale = 2;
    image.offset = -1024;
    io::write_image(folder / ("a" + extension), image);
    const Volume back = io::read_image(folder / ("a" + extension));
    const Volume meant = image.as_float(), read = back.as_float();
    EXPECT_TRUE(std::equal(meant.bytes().begin(), meant.bytes().end(), read.bytes().begin()));
    if (extension.find("nii") != std::string::npos) {
      EXPECT_EQ(back.type(), VoxelType::kInt16);
      EXPECT_EQ(back.offset, -1024);
    }
  }
}

TEST(Formats, VoxelsThatAreNoNumbersAreRefused) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    Volume image = oblique({2, 3, 4}, VoxelType::kFloat32);
    image.voxels<float>()[5] = std::numeric_limits<float>::quiet_NaN();
    io::write_image(folder / ("a" + extension), image);
    EXPECT_NE(
        error_of([&] { io::read_image(folder / ("a" + extension)); }).find("1 voxels are NaN or infinite [NONFINITE]"),
        std::string::npos)
        << extension;
  }
}

TEST(Formats, AFileOfNoKnownNameTellsWhichAreKnown) {
  const std::string error = error_of([] { io::read_image("somewhere/notes.pdf"); });
  EXPECT_NE(error.find("read notes.pdf"), std::string::npos);
  EXPECT_NE(error.find(".nii.gz"), std::string::npos);
  EXPECT_NE(error_of([] { io::read_image("somewhere/gone.nii.gz"); }).find("[FILE_MISSING]"), std::string::npos);
}

TEST(Formats, AFileThatIsNoImageIsRefusedWhateverItsName) {
  const Scratch folder;
  for (const std::string& extension : written_extensions()) {
    write_bytes(folder / ("a" + extension), std::string(2000, 'x') + "\n\n" + std::string(2000, '\0'));
    EXPECT_NE(error_of([&] { io::read_image(folder / ("a" + extension)); }), "") << extension;
    std::filesystem::create_directories(folder / ("folder" + extension));
    EXPECT_NE(error_of([&] { io::read_image(folder / ("folder" + extension)); }), "") << extension;
  }
}

TEST(Formats, DetachedHeadersFindTheirVoxelsBesideThemAndNowhereElse) {
  const Scratch folder;
  const std::string nrrd =
      "NRRD0004\ntype: uint8\ndimension: 3\nspace: right-anterior-superior\nsizes: 2 3 4\n"
      "space directions: (1,0,0) (0,2,0) (0,0,3)\nendian: little\nencoding: raw\nspace origin: (5,6,7)\ndata file: ";
  const std::string mhd =
      "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nTransformMatrix = 1 0 0 0 1 0 "
      "0 "
      "0 1\nOffset = -5 -6 7\nElementSpacing = 1 2 3\nDimSize = 2 3 4\nElementType = MET_UCHAR\nElementDataFile = ";
  std::string voxels;
  for (char i = 0; i < 24; ++i) voxels += i;
  write_bytes(folder / "v.raw", voxels);
  for (const auto& [name, header] : {std::pair{"a.nhdr", nrrd}, std::pair{"a.mhd", mhd}}) {
    SCOPED_TRACE(name);
    write_bytes(folder / name, header + "v.raw\n");
    const Volume image = io::read_image(folder / name);
    EXPECT_EQ(image.shape(), (volume::Shape{4, 3, 2}));
    EXPECT_EQ(image.voxels<std::uint8_t>()[23], 23);
    // LPS: the first voxel of RAS (5, 6, 7) lies at (-5, -6, 7).
    EXPECT_EQ(image.geometry.origin_mm, (volume::Point{-5, -6, 7}));
    EXPECT_EQ(image.geometry.spacing_mm, (std::array<double, 3>{3, 2, 1}));
    for (const char* wrong : {"../v.raw", "/etc/passwd", "LIST", "v%02d.raw 1 3 1", "gone.raw"}) {
      write_bytes(folder / name, header + std::string(wrong) + "\n");
      EXPECT_NE(error_of([&, &file = name] { io::read_image(folder / file); }), "") << wrong;
    }
  }
  write_bytes(folder / "v.raw", voxels.substr(0, 23));
  write_bytes(folder / "a.nhdr", nrrd + "v.raw\n");
  EXPECT_NE(error_of([&] { io::read_image(folder / "a.nhdr"); }).find("[TRUNCATED]"), std::string::npos);
}
