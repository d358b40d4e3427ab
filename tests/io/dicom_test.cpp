// DICOM series written and read again: places, values, order, transfer syntaxes; the layout; the columns of a table.
#include "io/dicom.h"

#include <algorithm>
#include <set>

#include "core/parallel.h"
#include "dicom_series.h"
#include "io/dicom_pixels.h"
#include "io/format.h"
#include "io/layout.h"
#include "io/source.h"

using volume::Volume;
using volume::VoxelType;

namespace {

Volume picture(VoxelType type = VoxelType::kInt16, volume::Shape shape = {5, 6, 7}) { return oblique(shape, type); }

template <class Body>
void in_each(const Files& files, Body&& change) {
  int i = 0;
  for (const auto& file : files) edit(file, [&](DcmDataset& data) { change(data, i++); });
}

}  // namespace

TEST(Dicom, AWrittenSeriesComesBackVoxelForVoxelInItsPlace) {
  const Scratch folder;
  for (const VoxelType type : {VoxelType::kUInt8, VoxelType::kInt8, VoxelType::kUInt16, VoxelType::kInt16,
                               VoxelType::kInt32, VoxelType::kFloat32, VoxelType::kFloat64}) {
    for (const char* modality : {"CT", "MR"}) {
      const std::string name = std::string(volume::name(type)) + modality;
      Volume v = picture(type);
      v.scale = 0.25;
      v.offset = -1024;
      const Files files = io::write_dicom(folder / name, v, {.key = name, .patient = "one", .modality = modality});
      const io::DicomVolume read = io::read_dicom(files);
      EXPECT_EQ(read.modality, modality);
      EXPECT_EQ(read.notes, std::vector<std::string>{}) << name;
      const bool is_unsigned = type == VoxelType::kUInt8 || type == VoxelType::kUInt16;
      EXPECT_EQ(read.image.type(), is_unsigned ? VoxelType::kUInt16 : VoxelType::kInt16);
      expect_same_picture(v, read.image);
    }
  }
}

TEST(Dicom, FractionsComeBackWithinHalfAStepOfTheirRange) {
  const Scratch folder;
  Volume v = picture(VoxelType::kFloat32);
  for (float& x : v.voxels<float>()) x = x * 0.0173F + 3.2F;
  const auto [low, high] = std::minmax_element(v.voxels<float>().begin(), v.voxels<float>().end());
  const double half_step = 0.5 * (static_cast<double>(*high) - static_cast<double>(*low)) / 65535;
  expect_same_picture(v, io::read_dicom(written(folder / "s", v)).image, half_step * 1.0001);
  std::fill(v.voxels<float>().begin(), v.voxels<float>().end(), 0.3F);
  expect_same_picture(v, io::read_dicom(written(folder / "flat", v)).image, 1e-7);
  v.voxels<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(error_of([&] { written(folder / "nan", v); }).find("NaN"), std::string::npos);
}

TEST(Dicom, AxesAreSliceRowColumnAndTheNormalPointsAlongGrowingSlices) {
  const Scratch folder;
  Volume v({4, 2, 3}, VoxelType::kInt16, {});
  v.geometry.origin_mm = {10, 20, 30};
  v.geometry.spacing_mm = {3, 2, 1};
  v.voxels<std::int16_t>()[1 * 6 + 1 * 3 + 2] = 77;  // slice 1, row 1, column 2
  const Volume read = io::read_dicom(written(folder / "s", v)).image;
  EXPECT_EQ(read.shape(), (volume::Shape{4, 2, 3}));
  EXPECT_EQ(volume::orientation(read.geometry), "SPL");
  EXPECT_EQ(read.geometry.spacing_mm, v.geometry.spacing_mm);
  EXPECT_EQ(std::as_const(read).voxels<std::int16_t>()[11], 77);
  EXPECT_EQ(read.geometry.world({1, 1, 2}), (volume::Point{12, 22, 33}));
}

TEST(Dicom, TheOrderComesFromThePlacesAndNotFromNumbersOrNames) {
  const Scratch folder;
  const Volume v = picture();
  Files files = written(folder / "s", v);
  in_each(files, [](DcmDataset& data, int i) {
    if (i % 2 == 0)
      data.findAndDeleteElement(DCM_InstanceNumber);
    else
      put(data, DCM_InstanceNumber, std::to_string(90 - 7 * i));
  });
  const char* names[] = {"z", "b.dcm", "q", "a.ima", "m"};
  for (std::size_t i = 0; i < files.size(); ++i) {
    std::filesystem::rename(files[i], folder / "s" / names[i]);
    files[i] = folder / "s" / names[i];
  }
  std::sort(files.begin(), files.end());
  expect_same_picture(v, io::read_dicom(files).image);
  std::reverse(files.begin(), files.end());
  expect_same_picture(v, io::read_dicom_folder(folder / "s").image);
}

TEST(Dicom, SlicesWithSlopesOfTheirOwnBecomeValues) {
  const Scratch folder;
  const Volume v = picture();
  const Files files = written(folder / "s", v);
  in_each(files, [](DcmDataset& data, int i) {
    put(data, DCM_RescaleSlope, std::to_string(1 + i));
    put(data, DCM_RescaleIntercept, std::to_string(-10 * i));
  });
  const Volume read = io::read_dicom(files).image;
  ASSERT_EQ(read.type(), VoxelType::kFloat32);
  EXPECT_EQ(read.scale, 1);
  // The written volume runs downwards: slice i of the files is slice 4 - i of what is read.
  const auto stored = v.voxels<std::int16_t>();
  for (std::size_t i = 0; i < 5; ++i) {
    const double expected = stored[i * 42 + 17] * (1.0 + static_cast<double>(i)) - 10.0 * static_cast<double>(i);
    EXPECT_FLOAT_EQ(read.voxels<float>()[(4 - i) * 42 + 17], static_cast<float>(expected));
  }
}

TEST(Dicom, StoredBitsAreMaskedShiftedAndSignExtended) {
  const auto word = [](std::uint16_t raw, io::PixelLayout layout) {
    std::array<std::uint16_t, 1> words{raw};
    io::extract_bits(std::as_writable_bytes(std::span(words)), layout);
    return static_cast<std::int16_t>(words[0]);
  };
  io::PixelLayout layout{1, 1, 16, 12, 11, false};
  EXPECT_EQ(word(0xA123, layout), 0x123);
  EXPECT_EQ(word(0xFFFF, layout), 0xFFF);
  layout.is_signed = true;
  EXPECT_EQ(word(0x0FFF, layout), -1);
  EXPECT_EQ(word(0xA800, layout), -2048);
  EXPECT_EQ(word(0xF7FF, layout), 2047);
  layout = {1, 1, 16, 12, 15, false};
  EXPECT_EQ(word(0x1234, layout), 0x123);
  layout = {1, 1, 16, 16, 15, true};
  EXPECT_EQ(word(0xFFFE, layout), -2);
}

TEST(Dicom, EveryTransferSyntaxGivesTheSameVoxels) {
  const Scratch folder;
  const Volume v = picture(VoxelType::kUInt16, {4, 16, 20});
  io::read_dicom(written(folder / "plain", v));
  for (const auto& [syntax, how] : written_syntaxes()) {
    const Files files = written(folder / DcmXfer(syntax).getXferName(), v);
    for (const auto& file : files)
      edit(
          file, [](DcmDataset&) {}, syntax, how);
    SCOPED_TRACE(DcmXfer(syntax).getXferName());
    expect_same_picture(v, io::read_dicom(files).image);
  }
}

TEST(Dicom, WritingIsTheSameEveryTimeAndOtherKeysAreOtherSeries) {
  const Scratch folder;
  const Volume v = picture();
  const Files a = written(folder / "a", v), again = written(folder / "b", v), other = written(folder / "c", v, "other");
  for (std::size_t i = 0; i < a.size(); ++i) EXPECT_EQ(bytes_of(a[i]), bytes_of(again[i]));
  EXPECT_NE(bytes_of(a[0]), bytes_of(other[0]));
  EXPECT_EQ(io::scan_dicom(folder.path).series.size(), 2U);
  write_bytes(folder / "d/notes.txt", "mine");
  EXPECT_NE(error_of([&] { written(folder / "d", v); }).find("already holds other files"), std::string::npos);
}

TEST(Dicom, ThreadsReadTheSame) {
  const Scratch folder;
  const Volume v = picture();
  const Files files = written(folder / "s", v);
  std::vector<Volume> all(8);
  core::parallel_for(8, 4, [&](std::int64_t i) { all[static_cast<std::size_t>(i)] = io::read_dicom(files).image; });
  for (const Volume& one : all) EXPECT_TRUE(std::ranges::equal(one.bytes(), std::as_const(all[0]).bytes()));
}

TEST(DicomLayout, EverySeriesIsACaseAndPatientsStayApart) {
  const Scratch folder;
  written(folder / "x/1", picture(), "one", "Doe4711");
  written(folder / "x/2", picture(), "two", "Doe4711");
  const Files short_one = written(folder / "y", picture(VoxelType::kInt16, {3, 6, 7}), "three", "Roe");
  write_bytes(folder / "x/notes.pdf", "no image");
  std::filesystem::copy_file(short_one[0], folder / "loose.dcm");
  std::filesystem::resize_file(folder / "loose.dcm", 300);
  const io::Cohort cohort = io::find_cohort(folder.path, {.threads = 2});
  EXPECT_EQ(cohort.layout, "dicom");
  ASSERT_EQ(cohort.entries.size(), 4U);
  ASSERT_EQ(cohort.notes.size(), 1U);
  EXPECT_TRUE(cohort.notes[0].starts_with("1 files are no DICOM")) << cohort.notes[0];
  std::map<std::string, int> codes;
  std::set<std::string> patients, ids;
  for (const io::Entry& entry : cohort.entries) {
    ids.insert(entry.id);
    EXPECT_FALSE(io::source_hash(entry, cohort).empty());
    try {
      const volume::Case one = io::load(entry, cohort);
      patients.insert(one.groups.patient);
      EXPECT_EQ(one.channels.at(0).modality, "CT");
      EXPECT_EQ(one.groups.vendor, "gadolin");
      EXPECT_NE(one.groups.site, "Clinic");
      ++codes[""];
    } catch (const core::Error& error) {
      ++codes[io::reason_of(error)];
    }
  }
  EXPECT_EQ(codes, (std::map<std::string, int>{{"", 2}, {"TOO_FEW_SLICES", 1}, {"TRUNCATED", 1}}));
  EXPECT_EQ(patients.size(), 1U);
  EXPECT_EQ(ids.size(), 4U);
  EXPECT_EQ(patients.begin()->find("Doe"), std::string::npos);
  EXPECT_EQ(cohort.entries[0].id, io::find_cohort(folder.path).entries[0].id);
}

TEST(DicomLayout, ADamagedFileAmongTheSlicesOfOneSeriesRefusesIt) {
  const Scratch folder;
  const Files files = written(folder / "s", picture());
  std::filesystem::resize_file(files.back(), 200);
  const io::Cohort cohort = io::find_cohort(folder.path);
  ASSERT_EQ(cohort.entries.size(), 1U);
  const std::string told = error_of([&] { io::load(cohort.entries[0], cohort); });
  EXPECT_NE(told.find(": file 5 of 5 by name: "), std::string::npos) << told;
}

TEST(DicomLayout, ATableNamesAFolderOfOneSeriesWithALabelMapInNifti) {
  const Scratch folder;
  const Volume v = picture();
  written(folder / "scans/a", v);
  written(folder / "both/1", v, "one");
  written(folder / "both/2", v, "two");
  std::filesystem::create_directories(folder / "empty");
  // The written volume runs against the normal, so image and label have another order of slices.
  Volume label(v.shape(), VoxelType::kUInt8, v.geometry);
  label.voxels<std::uint8_t>()[0] = 1;
  io::write_image(folder / "label.nii.gz", label);
  label.geometry.origin_mm[0] += 0.5;
  io::write_image(folder / "aside.nii.gz", label);
  write_bytes(folder / "t.csv",
              "case,image,label,site\na,scans/a,label.nii.gz,here\nb,scans/a,aside.nii.gz,\nc,both,,\nd,empty,,\n"
              "e,scans/a/slice0000.dcm,,\n");
  const io::Cohort cohort = io::find_cohort(folder / "t.csv");
  const volume::Case a = io::load(cohort.entries[0], cohort);
  EXPECT_EQ(a.channels.at(0).modality, "CT");
  EXPECT_EQ(a.groups.site, "here");
  EXPECT_EQ(a.groups.patient, io::read_dicom_folder(folder / "scans/a").groups.patient);
  ASSERT_TRUE(a.label_map);
  EXPECT_EQ(a.label_map->voxels<std::uint8_t>()[4 * 42], 1);
  const auto told = [&](std::size_t i) { return error_of([&] { io::load(cohort.entries[i], cohort); }); };
  EXPECT_NE(told(1).find("lies 0.5 mm away from the image [GRID_MISMATCH]"), std::string::npos) << told(1);
  EXPECT_NE(told(2).find("holds 2 series [SEVERAL_SERIES]"), std::string::npos) << told(2);
  EXPECT_NE(told(3).find("[EMPTY]"), std::string::npos) << told(3);
  EXPECT_NE(told(4).find("[TOO_FEW_SLICES]"), std::string::npos) << told(4);
  const std::string before = io::source_hash(cohort.entries[0], cohort);
  edit(folder / "scans/a/slice0001.dcm", [](DcmDataset& data) { put(data, DCM_RescaleIntercept, "5"); });
  EXPECT_NE(before, io::source_hash(cohort.entries[0], cohort));
}
