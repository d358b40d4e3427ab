#include "io/layout.h"

#include <cmath>

#include "io/format.h"
#include "io/reject.h"
#include "io/source.h"
#include "scratch.h"

using volume::Volume;
using volume::VoxelType;

namespace {

void image(const std::filesystem::path& path, VoxelType type = VoxelType::kInt16) {
  std::filesystem::create_directories(path.parent_path());
  io::write_image(path, oblique({3, 4, 5}, type));
}

void label(const std::filesystem::path& path, int one_voxel, volume::Shape shape = {3, 4, 5}, double shift_mm = 0) {
  std::filesystem::create_directories(path.parent_path());
  Volume map(shape, VoxelType::kInt16, oblique({1, 1, 1}, VoxelType::kInt16).geometry);
  map.geometry.origin_mm[0] += shift_mm;
  map.voxels<std::int16_t>()[7] = static_cast<std::int16_t>(one_voxel);
  io::write_image(path, map);
}

std::vector<std::string> ids(const io::Cohort& cohort) {
  std::vector<std::string> all;
  for (const io::Entry& entry : cohort.entries) all.push_back(entry.id);
  return all;
}

using Ids = std::vector<std::string>;

constexpr const char* kDecathlon = R"({"modality": {"0": "MRI"}, "labels": {"0": "background", "1": "front"},
  "training": [{"image": "./imagesTr/b.nii.gz", "label": "./labelsTr/b.nii.gz"},
               {"image": "./imagesTr/a.nii.gz", "label": "./labelsTr/a.nii.gz"}]})";

}  // namespace

TEST(Layout, ADecathlonFolderGivesImagesLabelsAndNames) {
  const Scratch folder;
  write_bytes(folder / "dataset.json", kDecathlon);
  for (const char* id : {"a", "b"}) {
    image(folder / "imagesTr" / (std::string(id) + ".nii.gz"));
    label(folder / "labelsTr" / (std::string(id) + ".nii.gz"), 1);
  }
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "msd");
  EXPECT_EQ(ids(cohort), (Ids{"a", "b"}));
  EXPECT_EQ(cohort.label_names.at(1), "front");
  const volume::Case a = io::load(cohort.entries[0], cohort);
  EXPECT_EQ(a.channels.at(0).name, "MRI");
  EXPECT_EQ(a.channels.at(0).modality, "MR");
  EXPECT_EQ(a.groups.patient, "a");
  ASSERT_TRUE(a.label_map);
  EXPECT_EQ(a.label_map->type(), VoxelType::kUInt8);
  EXPECT_EQ(a.label_map->voxels<std::uint8_t>()[7], 1);
}

TEST(Layout, ATableBesideADecathlonTellsThePatients) {
  const Scratch folder;
  write_bytes(folder / "dataset.json", kDecathlon);
  write_bytes(folder / "participants.csv", "case,patient,phase,age\na,p1,ED,50\nb,p1,ES,50.5\n");
  for (const char* id : {"a", "b"}) image(folder / "imagesTr" / (std::string(id) + ".nii.gz"));
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.entries[0].groups.patient, "p1");
  EXPECT_EQ(cohort.entries[1].scalars.at("age"), 50.5);
  ASSERT_EQ(cohort.notes.size(), 1U);
  EXPECT_NE(cohort.notes[0].find("'phase'"), std::string::npos);
  const std::string error = error_of([&] { io::load(cohort.entries[0], cohort); });
  EXPECT_NE(error.find("case a: label a.nii.gz: read a.nii.gz"), std::string::npos) << error;
}

TEST(Layout, AnNnUnetFolderGivesItsChannelsAndTheMissingOneIsAbsent) {
  const Scratch folder;
  write_bytes(folder / "dataset.json", R"({"channel_names": {"0": "T1", "1": "T2"}, "labels": {"background": 0,
      "whole": [1, 2], "core": [2]}, "file_ending": ".nii.gz", "numTraining": 2})");
  image(folder / "imagesTr/x_1_0000.nii.gz");
  image(folder / "imagesTr/x_1_0001.nii.gz", VoxelType::kUInt8);
  image(folder / "imagesTr/y_0001.nii.gz");
  label(folder / "labelsTr/y.nii.gz", 2);
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "nnunet");
  EXPECT_EQ(ids(cohort), (Ids{"x_1", "y"}));
  const volume::Case x = io::load(cohort.entries[0], cohort), y = io::load(cohort.entries[1], cohort);
  EXPECT_EQ(x.channels.at(1).image->type(), VoxelType::kUInt8);
  EXPECT_FALSE(x.label_map);
  EXPECT_FALSE(y.channels.at(0).image);
  EXPECT_EQ(y.channels.at(1).name, "T2");
  EXPECT_TRUE(y.label_map);
}

TEST(Layout, BidsSessionsShareACaseOnlyWhereTheImagesShareAGrid) {
  const Scratch folder;
  image(folder / "sub-01/ses-1/anat/sub-01_ses-1_T1w.nii.gz");
  image(folder / "sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz");
  label(folder / "derivatives/labels/sub-01/ses-1/anat/sub-01_ses-1_dseg.nii.gz", 3);
  image(folder / "sub-02/anat/sub-02_T1w.nii.gz");
  io::write_image(folder / "sub-02/anat/sub-02_T2w.nii.gz", oblique({6, 4, 5}, VoxelType::kInt16));
  write_bytes(folder / "participants.tsv", "participant_id\tage\tsite\nsub-02\t61\tB\nsub-01\tn/a\tA\n");
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "bids");
  EXPECT_EQ(ids(cohort), (Ids{"sub-01_ses-1", "sub-02_T1w", "sub-02_T2w"}));
  const volume::Case one = io::load(cohort.entries[0], cohort), two = io::load(cohort.entries[2], cohort);
  EXPECT_EQ(one.channels.size(), 2U);
  EXPECT_EQ(one.groups.patient, "sub-01");
  EXPECT_EQ(one.groups.site, "A");
  EXPECT_TRUE(one.label_map);
  EXPECT_EQ(two.groups.patient, "sub-02");
  EXPECT_EQ(two.scalars.at("age"), 61);
}

TEST(Layout, ATableOfCasesCarriesChannelsGroupsScalarsAndReports) {
  const Scratch folder;
  image(folder / "i/a.nrrd");
  image(folder / "i/b.mha");
  label(folder / "i/l.nii", 2);
  write_bytes(folder / "report.txt", "No finding.");
  write_bytes(folder / "cases.csv",
              "\xef\xbb\xbf"
              "case,image:T1,image:CT,label,patient,site,vendor,class,score,report,volume_ml\r\n"
              "one,i/a.nrrd,i/b.mha,i/l.nii,p,s,v,1,2.5,\"Large, \"\"bright\"\"\nlesion\",7\r\n"
              "\r\n"
              "two,,i/b.mha,,,,,0,,report.txt,\r\n");
  const io::Cohort cohort = io::find_cohort(folder / "cases.csv");
  EXPECT_EQ(cohort.layout, "csv");
  const volume::Case one = io::load(cohort.entries[0], cohort), two = io::load(cohort.entries[1], cohort);
  EXPECT_EQ(one.channels.at(1).modality, "CT");
  EXPECT_EQ(one.groups.vendor, "v");
  EXPECT_EQ(one.scalars, (std::map<std::string, double>{{"class", 1}, {"score", 2.5}, {"volume_ml", 7}}));
  EXPECT_EQ(one.report, "Large, \"bright\"\nlesion");
  EXPECT_EQ(two.groups.patient, "two");
  EXPECT_FALSE(two.channels.at(0).image);
  EXPECT_EQ(two.report, "No finding.");
}

TEST(Layout, AFolderWithCasesCsvIsReadThroughItAndLabelsCsvDeclaresTheClasses) {
  const Scratch folder;
  image(folder / "images/a.nii");
  label(folder / "labels/a.nii", 2);
  write_bytes(folder / "cases.csv", "case,image,label\na,images/a.nii,labels/a.nii\n");
  write_bytes(folder / "labels.csv", "value,name\n0,background\n2,liver\n");
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "csv");
  EXPECT_EQ(cohort.label_names, (std::map<int, std::string>{{0, "background"}, {2, "liver"}}));
  EXPECT_TRUE(io::load(cohort.entries.at(0), cohort).label_map);
  write_bytes(folder / "labels.csv", "value,name\n1,liver\n");
  EXPECT_NE(
      error_of([&] { io::load(cohort.entries.at(0), io::find_cohort(folder.path)); }).find("declared are 1 liver"),
      std::string::npos);
  write_bytes(folder / "labels.csv", "value,name\nliver,1\n");
  EXPECT_NE(error_of([&] { io::find_cohort(folder.path); }).find("labels.csv row 2: a class needs"), std::string::npos);
}

TEST(Layout, ATableThatIsWrongNamesFileAndLine) {
  const Scratch folder;
  image(folder / "a.nii");
  const auto told = [&](const std::string& text) {
    write_bytes(folder / "t.csv", text);
    return error_of([&] { io::find_cohort(folder / "t.csv"); });
  };
  EXPECT_NE(told("case,image\na,a.nii,x\n").find("t.csv:2: 3 cells"), std::string::npos);
  EXPECT_NE(told("case,file\na,a.nii\n").find("no column 'image'"), std::string::npos);
  EXPECT_NE(told("image,class\na.nii,benign\n").find("t.csv row 2: 'benign' in column class"), std::string::npos);
  EXPECT_NE(told("image,label\na.nii,1\n").find("call the column 'class'"), std::string::npos);
  EXPECT_NE(told("image,image\na.nii,1\n").find("column 'image' is named twice"), std::string::npos);
  EXPECT_NE(told("image\n\"a.nii\n").find("never closes"), std::string::npos);
  EXPECT_NE(told("image\n").find("[EMPTY]"), std::string::npos);
  EXPECT_NE(told("").find("an empty table"), std::string::npos);
}

TEST(Layout, AFlatFolderTakesImagesFromSubfoldersAndPassesOverPapers) {
  const Scratch folder;
  image(folder / "x/a.nii.gz");
  image(folder / "y/a.mha");
  write_bytes(folder / "LICENSE", "free");
  write_bytes(folder / "x/a.json", "{}");
  write_bytes(folder / "notes.pdf", "no image");
  const io::Cohort cohort = io::find_cohort(folder.path);
  EXPECT_EQ(cohort.layout, "flat");
  EXPECT_EQ(ids(cohort), (Ids{"notes", "x_a", "y_a"}));
  EXPECT_NE(error_of([&] { io::load(cohort.entries[0], cohort); }).find("[NOT_AN_IMAGE]"), std::string::npos);
  EXPECT_EQ(io::load(cohort.entries[1], cohort).channels.at(0).name, "image");
}

TEST(Layout, TwoCasesOfOneNameAreAUsageErrorThatNamesBothFiles) {
  const Scratch folder;
  image(folder / "a.nii.gz");
  image(folder / "a.nrrd");
  try {
    io::find_cohort(folder.path);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_EQ(error.exit(), core::Exit::kUsage);
    EXPECT_NE(std::string(error.what()).find("a.nii.gz"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("a.nrrd"), std::string::npos) << error.what();
    EXPECT_FALSE(error.hint().empty());
  }
}

TEST(Layout, AMissingOrEmptyFolderAndAnUnknownLayoutComeWithAHint) {
  const Scratch folder;
  for (const auto& [path, exit] :
       {std::pair{folder / "gone", core::Exit::kUsage}, std::pair{folder.path, core::Exit::kNothingUsable}}) {
    try {
      io::find_cohort(path);
      FAIL();
    } catch (const core::Error& error) {
      EXPECT_EQ(error.exit(), exit);
      EXPECT_FALSE(error.hint().empty());
    }
  }
  EXPECT_NE(error_of([&] { io::find_cohort(folder.path, {.layout = "nnunnet"}); }).find("did you mean 'nnunet'"),
            std::string::npos);
}

TEST(Layout, ALabelMapThatDoesNotFitTheImageIsRefused) {
  const Scratch folder;
  image(folder / "a.nii.gz");
  label(folder / "shape.nii.gz", 1, {3, 4, 6});
  label(folder / "shift.nii.gz", 1, {3, 4, 5}, 2.0);
  label(folder / "near.nii.gz", 1, {3, 4, 5}, 0.01);
  label(folder / "value.nii.gz", 9);
  label(folder / "negative.nii.gz", -1);
  Volume fractions = oblique({3, 4, 5}, VoxelType::kFloat32);
  io::write_image(folder / "whole.nii.gz", fractions);
  fractions.voxels<float>()[0] = 0.5F;
  io::write_image(folder / "fraction.nii.gz", fractions);
  write_bytes(folder / "t.csv",
              "case,image,label\nfraction,a.nii.gz,fraction.nii.gz\nnear,a.nii.gz,near.nii.gz\n"
              "negative,a.nii.gz,negative.nii.gz\nshape,a.nii.gz,shape.nii.gz\nshift,a.nii.gz,shift.nii.gz\n"
              "value,a.nii.gz,value.nii.gz\n");
  io::LayoutOptions options;
  options.label_names = {{0, "background"}, {1, "organ"}};
  const io::Cohort cohort = io::find_cohort(folder / "t.csv", options);
  const auto told = [&](std::size_t i) { return error_of([&] { io::load(cohort.entries[i], cohort); }); };
  EXPECT_NE(told(0).find("holds the value"), std::string::npos) << told(0);
  EXPECT_EQ(told(1), "");
  EXPECT_NE(told(2).find("the value -1 [LABEL_VALUE]"), std::string::npos) << told(2);
  EXPECT_NE(told(3).find("has 6 x 4 x 3 voxels, the image 5 x 4 x 3 [GRID_MISMATCH]"), std::string::npos) << told(3);
  EXPECT_NE(told(4).find("lies 2 mm away from the image"), std::string::npos) << told(4);
  EXPECT_NE(told(5).find("holds 9, declared are 0 background, 1 organ"), std::string::npos) << told(5);
}

TEST(Layout, TheSourceHashFollowsTheBytesAndTheTable) {
  const Scratch folder;
  image(folder / "a.nii");
  write_bytes(folder / "t.csv", "case,image,class\na,a.nii,1\n");
  const auto hash = [&] {
    const io::Cohort cohort = io::find_cohort(folder / "t.csv");
    return io::source_hash(cohort.entries[0], cohort);
  };
  const std::string first = hash();
  EXPECT_EQ(first, hash());
  write_bytes(folder / "t.csv", "case,image,class\na,a.nii,2\n");
  const std::string second = hash();
  EXPECT_NE(first, second);
  image(folder / "a.nii", VoxelType::kInt32);
  EXPECT_NE(second, hash());
}

TEST(Layout, DatasetJsonThatIsDamagedOrLeadsAwayIsAUsageError) {
  const Scratch folder;
  for (const char* text : {"{", "[1]", R"({"training": 3})", R"({"training": [{"image": "../../etc/passwd"}]})",
                           R"({"training": [{"image": "/etc/passwd"}]})", R"({"labels": {"1": {}}})",
                           R"({"modality": {"1": "MR"}})", R"({"training": [{}]})"}) {
    write_bytes(folder / "dataset.json", text);
    EXPECT_NE(error_of([&] { io::find_cohort(folder.path); }).find("dataset.json"), std::string::npos) << text;
  }
}

TEST(Layout, RealCohortsAreFoundWhole) {
  if (!std::filesystem::exists(shared_data() / "msd_hippocampus")) GTEST_SKIP() << "no shared data";
  const io::Cohort cohort = io::find_cohort(shared_data() / "msd_hippocampus");
  EXPECT_EQ(cohort.entries.size(), 199U);
  for (std::size_t i = 0; i < cohort.entries.size(); i += 20) EXPECT_NO_THROW(io::load(cohort.entries[i], cohort));
  const io::Cohort acdc = io::find_cohort(shared_data() / "acdc");
  EXPECT_EQ(acdc.entries.size(), 160U);
  EXPECT_EQ(acdc.entries[0].groups.patient, "patient002");
  EXPECT_EQ(io::find_cohort(shared_data() / "unlabelled/ms_brain").entries.size(), 14U);
}

TEST(Layout, ReportsLoseThePatientsWordsAndColumnsOfIdentityAreNotKept) {
  const Scratch folder;
  image(folder / "a.nii.gz");
  write_bytes(folder / "long.txt", "Seen: Canarry Jane, liver normal.");
  write_bytes(folder / "cases.csv",
              "case,image,PatientName,PatientID,score,report\n"
              "a,a.nii.gz,Canary^Jane,990011,3,\"CT of Ms Canary (ID 9900-11), 3.2.2020: spleen 12 cm.\"\n"
              "b,a.nii.gz,Canary^Jane,990011,4,long.txt\n");
  const io::Cohort cohort = io::find_cohort(folder / "cases.csv");
  const volume::Case a = io::load(cohort.entries[0], cohort), b = io::load(cohort.entries[1], cohort);
  EXPECT_EQ(a.report, "CT of Ms [NAME] (ID [ID]), [DATE]: spleen 12 cm.");
  EXPECT_EQ(a.scalars, (std::map<std::string, double>{{"score", 3}}));
  EXPECT_EQ(a.notes, std::vector<std::string>{});
  EXPECT_EQ(b.report, "");
  EXPECT_EQ(b.notes, std::vector<std::string>{"REPORT_IDENTITY"});
  ASSERT_EQ(cohort.notes.size(), 2U);
  EXPECT_EQ(cohort.notes[0], "column 'PatientName' of cases.csv names patients and is not kept");
}
