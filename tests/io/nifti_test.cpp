#include <itkNiftiImageIO.h>

#include <cmath>
#include <cstring>
#include <sstream>

#include "io/byte_source.h"
#include "io/format.h"
#include "io/itk_image.h"
#include "io/nifti_header.h"
#include "io/reject.h"
#include "scratch.h"

using volume::Volume;
using volume::VoxelType;

namespace {

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof(T));
}

// A NIfTI-1 file of 4 x 3 x 2 int16 voxels 0, 1, 2 ... with both codes 0.
std::string plain_file() {
  std::string bytes(352 + 48, '\0');
  put(bytes, 0, std::int32_t{348});
  for (const auto& [i, n] : {std::pair{0, 3}, {1, 4}, {2, 3}, {3, 2}})
    put(bytes, static_cast<std::size_t>(40 + 2 * i), static_cast<std::int16_t>(n));
  put(bytes, 70, std::int16_t{4});
  put(bytes, 72, std::int16_t{16});
  for (std::size_t i = 0; i < 4; ++i) put(bytes, 76 + 4 * i, static_cast<float>(i == 0 ? 1 : i));
  put(bytes, 108, 352.0F);
  std::memcpy(bytes.data() + 344, "n+1", 4);
  for (std::int16_t i = 0; i < 24; ++i) put(bytes, 352 + 2 * static_cast<std::size_t>(i), i);
  return bytes;
}

Volume read_bytes(const Scratch& folder, const std::string& bytes) {
  write_bytes(folder / "a.nii", bytes);
  return io::read_image(folder / "a.nii");
}

std::string reason(const std::filesystem::path& path) {
  try {
    io::read_image(path);
  } catch (const core::Error& error) {
    return io::reason_of(error);
  }
  return "accept";
}

}  // namespace

TEST(Nifti, SpacingAloneGivesRasAxesFromTheOrigin) {
  const Scratch folder;
  const Volume image = read_bytes(folder, plain_file());
  EXPECT_EQ(image.shape(), (volume::Shape{2, 3, 4}));
  EXPECT_EQ(image.voxels<std::int16_t>()[4], 4);
  EXPECT_EQ(volume::orientation(image.geometry), "SAR");
  EXPECT_EQ(image.geometry.spacing_mm, (std::array<double, 3>{3, 2, 1}));
}

TEST(Nifti, TheSformWinsOverTheQform) {
  const Scratch folder;
  std::string bytes = plain_file();
  put(bytes, 252, std::int16_t{1});
  put(bytes, 268, 100.0F);  // the qform's origin
  Volume image = read_bytes(folder, bytes);
  EXPECT_EQ(image.geometry.origin_mm, (volume::Point{-100, 0, 0}));
  put(bytes, 254, std::int16_t{1});
  const float rows[12] = {-2, 0, 0, 10, 0, 3, 0, 20, 0, 0, 4, 30};
  for (std::size_t i = 0; i < 12; ++i) put(bytes, 280 + 4 * i, rows[i]);
  image = read_bytes(folder, bytes);
  EXPECT_EQ(image.geometry.origin_mm, (volume::Point{-10, -20, 30}));
  EXPECT_EQ(image.geometry.spacing_mm, (std::array<double, 3>{4, 3, 2}));
  EXPECT_EQ(volume::orientation(image.geometry), "SAL");
}

TEST(Nifti, AQuaternionTurnsTheAxes) {
  // 90 degrees about z: i runs to Anterior, j to Left (RAS: x' = -y).
  const Scratch folder;
  std::string bytes = plain_file();
  put(bytes, 252, std::int16_t{1});
  put(bytes, 264, static_cast<float>(std::sqrt(0.5)));
  const Volume image = read_bytes(folder, bytes);
  EXPECT_EQ(volume::orientation(image.geometry), "SLA");
  put(bytes, 76, -1.0F);  // qfac flips the slices
  EXPECT_EQ(volume::orientation(read_bytes(folder, bytes).geometry), "ILA");
}

TEST(Nifti, UnitsOfTheHeaderBecomeMillimetres) {
  const Scratch folder;
  std::string bytes = plain_file();
  put(bytes, 123, std::uint8_t{3});
  EXPECT_NEAR(read_bytes(folder, bytes).geometry.spacing_mm[0], 0.003, 1e-12);
}

TEST(Nifti, SixtyFourBitLabelsBecomeInt32WhenTheyFit) {
  const Scratch folder;
  std::string bytes = plain_file();
  bytes.resize(352 + 24 * 8);
  put(bytes, 70, std::int16_t{1024});
  put(bytes, 72, std::int16_t{64});
  for (std::int64_t i = 0; i < 24; ++i) put(bytes, 352 + 8 * static_cast<std::size_t>(i), -i);
  const Volume image = read_bytes(folder, bytes);
  EXPECT_EQ(image.type(), VoxelType::kInt32);
  EXPECT_EQ(image.voxels<std::int32_t>()[23], -23);
  put(bytes, 352, std::int64_t{1} << 40);
  write_bytes(folder / "a.nii", bytes);
  EXPECT_EQ(reason(folder / "a.nii"), "NIFTI_DTYPE");
}

TEST(Nifti, FourDimensionsAreRefusedWithAWayOut) {
  const Scratch folder;
  std::string bytes = plain_file();
  put(bytes, 40, std::int16_t{4});
  put(bytes, 48, std::int16_t{2});
  const std::string error = error_of([&] { read_bytes(folder, bytes); });
  EXPECT_NE(error.find("more than three dimensions (2 volumes) [NIFTI_4D]"), std::string::npos) << error;
  EXPECT_NE(error.find("split it"), std::string::npos) << error;
  put(bytes, 48, std::int16_t{1});
  EXPECT_NO_THROW(read_bytes(folder, bytes));
}

TEST(Nifti, TheSecondVersionCarriesALongSide) {
  const Scratch folder;
  Volume image(volume::Shape{2, 2, 40000}, VoxelType::kUInt8, volume::Geometry{});
  image.geometry.spacing_mm = {1.1, 0.1, 0.3};
  image.voxels<std::uint8_t>()[159999] = 7;
  io::write_image(folder / "a.nii.gz", image);
  const Volume back = io::read_image(folder / "a.nii.gz");
  EXPECT_EQ(back.shape().width, 40000);
  EXPECT_EQ(back.voxels<std::uint8_t>()[159999], 7);
  EXPECT_DOUBLE_EQ(back.geometry.spacing_mm[0], 1.1);
}

TEST(Nifti, QformAndSformOfAWrittenFileAgreeForEveryOrientation) {
  const Scratch folder;
  const volume::Point axes[3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  int order[3] = {0, 1, 2};
  do {
    for (int signs = 0; signs < 8; ++signs) {
      Volume image(volume::Shape{2, 3, 4}, VoxelType::kUInt8, volume::Geometry{});
      image.geometry.origin_mm = {1, 2, 3};
      image.geometry.spacing_mm = {3, 2, 1};
      for (std::size_t a = 0; a < 3; ++a) {
        image.geometry.direction[a] = axes[order[a]];
        for (double& v : image.geometry.direction[a]) v *= (signs >> a) & 1 ? -1 : 1;
      }
      io::write_image(folder / "a.nii", image);
      std::string bytes = bytes_of(folder / "a.nii");
      put(bytes, 254, std::int16_t{0});  // without the sform the qform decides
      EXPECT_TRUE(volume::same_place(read_bytes(folder, bytes).geometry, image.geometry, image.shape(), 1e-5));
    }
  } while (std::next_permutation(order, order + 3));
}

TEST(Nifti, ADoubleCompressedBombIsRefusedBeforeItIsAllocated) {
  const Scratch folder;
  std::string bytes = plain_file();
  for (const int i : {1, 2, 3}) put(bytes, static_cast<std::size_t>(40 + 2 * i), std::int16_t{1200});
  const Volume small = oblique({2, 2, 2}, VoxelType::kUInt8);
  write_bytes(folder / "a.nii", bytes);
  EXPECT_EQ(reason(folder / "a.nii"), "TRUNCATED");
}

TEST(Nifti, EveryHostileFileGetsWhatItsManifestExpects) {
  const auto folder = shared_data() / "hostile/nifti";
  std::ifstream manifest(folder / "manifest.csv");
  if (!manifest) GTEST_SKIP() << "no shared data";
  std::string line;
  std::getline(manifest, line);
  int seen = 0;
  while (std::getline(manifest, line)) {
    // file,bytes,defect (perhaps quoted),expected,reason_code,anchor
    std::vector<std::string> cells(1);
    bool quoted = false;
    for (const char c : line) {
      if (c == '"') quoted = !quoted;
      if (c == ',' && !quoted) cells.emplace_back();
      if (c != '"' && (c != ',' || quoted)) cells.back() += c;
    }
    const std::string& expected = cells.at(3);
    const std::string& code = cells.at(4);
    const std::string found = reason(folder / cells[0]);
    SCOPED_TRACE(cells[0] + ": " + cells[2] + " -> " + found);
    const bool must_reject = expected == "reject" || expected == "reject_or_fix";
    if (found != "accept" || must_reject) {
      EXPECT_EQ(found, code);
      EXPECT_NE(expected, "accept");
    }
    ++seen;
  }
  EXPECT_GT(seen, 20);
}

TEST(Nifti, ItkReadsTheSameVoxelsAtTheSamePlace) {
  const Scratch folder;
  const auto shared = shared_data();
  std::vector<std::filesystem::path> files;
  for (const char* name : {"nifti/anatomical.nii", "nifti/reoriented_anat_moved.nii", "nifti/nimh/zstat1.nii.gz",
                           "hostile/nifti/N33_big_endian.nii", "hostile/nifti/N43_left_handed.nii",
                           "msd_hippocampus/labelsTr/hippocampus_006.nii.gz"}) {
    if (std::filesystem::exists(shared / name)) files.push_back(shared / name);
  }
  io::write_image(folder / "own.nii.gz", oblique({3, 5, 7}, VoxelType::kInt16));
  files.push_back(folder / "own.nii.gz");
  for (const auto& file : files) {
    SCOPED_TRACE(file.string());
    const Volume ours = io::read_image(file);
    if (ours.scale != 1 || ours.offset != 0) continue;  // ITK turns these into floats
    const auto reader = itk::NiftiImageIO::New();
    const volume::Geometry place = io::geometry_with(*reader, file, {ours.shape(), ours.type()});
    std::vector<std::byte> theirs(ours.bytes().size());
    itk::ImageIORegion region(3);
    for (unsigned axis = 0; axis < 3; ++axis) region.SetSize(axis, reader->GetDimensions(axis));
    reader->SetIORegion(region);
    reader->Read(theirs.data());
    EXPECT_TRUE(std::equal(theirs.begin(), theirs.end(), ours.bytes().begin()));
    EXPECT_TRUE(volume::same_place(ours.geometry, place, ours.shape(), 1e-2));
  }
}

TEST(Nifti, LeftAndRightOfOneBrainStayWhereTheyAre) {
  const auto folder = shared_data() / "nifti/nimh";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared data";
  const Volume a = io::read_image(folder / "avg152T1_LR_nifti.nii.gz");
  const Volume b = io::read_image(folder / "avg152T1_RL_nifti.nii.gz");
  EXPECT_NE(volume::orientation(a.geometry), volume::orientation(b.geometry));
  const volume::Shape s = a.shape();
  const auto value = [&](const Volume& v, const volume::Point& p) {
    const volume::Index i = v.geometry.index(p);
    return v.voxels<std::uint8_t>()[static_cast<std::size_t>(
        (std::lround(i[0]) * s.height + std::lround(i[1])) * s.width + std::lround(i[2]))];
  };
  int differ = 0;
  for (std::int64_t d = 5; d < s.depth - 5; d += 7) {
    for (std::int64_t h = 5; h < s.height - 5; h += 5) {
      for (std::int64_t w = 5; w < s.width - 5; w += 3) {
        const volume::Point p = a.geometry.world({double(d), double(h), double(w)});
        differ += std::abs(value(a, p) - value(b, p)) > 3;
      }
    }
  }
  EXPECT_EQ(differ, 0);
  EXPECT_EQ(reason(folder / "minimal.nii.gz"), reason(folder / "minimal.hdr.gz"));
}

TEST(Nifti, OddButValidFilesAreReadAndAnalyzeIsRefused) {
  const auto folder = shared_data() / "nifti";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "no shared data";
  EXPECT_EQ(reason(folder / "analyze.hdr"), "NOT_NIFTI");
  EXPECT_EQ(reason(folder / "example4d.nii.gz"), "NIFTI_4D");
  EXPECT_EQ(reason(folder / "functional.nii"), "NIFTI_4D");
  EXPECT_EQ(reason(folder / "anatomical.nii"), "accept");
  EXPECT_EQ(reason(folder / "nifti1.hdr"), "FILE_MISSING");
}
