// Planted identity: after an ingest none of it is in the store, its reports or what was told, with any workers.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <set>
#include <tuple>

#include "../io/dicom_series.h"
#include "gadolin.h"
#include "io/deidentify_key.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

// Each planted value holds one of these.
constexpr std::array<const char*, 4> kPlanted{"CANARY", "19470315", "1.2.840.99999.", "081504"};

void plant(DcmDataset& data, const std::string& number, const std::string& slice) {
  for (const DcmTagKey& tag : {DCM_PatientName,
                               DCM_PatientID,
                               DCM_OtherPatientNames,
                               DCM_PatientComments,
                               DCM_AccessionNumber,
                               DCM_InstitutionName,
                               DCM_InstitutionAddress,
                               DCM_InstitutionalDepartmentName,
                               DCM_StationName,
                               DCM_StudyID,
                               DCM_ReferringPhysicianName,
                               DCM_OperatorsName,
                               DCM_StudyDescription,
                               DCM_SeriesDescription,
                               DCM_ProtocolName,
                               DCM_DeviceSerialNumber,
                               DCM_ImageComments,
                               DCM_IssuerOfPatientID,
                               DCM_BodyPartExamined,
                               DCM_PatientPosition,
                               DCM_MRAcquisitionType,
                               DCM_ManufacturerModelName})
    put(data, tag, "CANARY" + number);
  put(data, DCM_ImageType, "ORIGINAL\\PRIMARY\\CANARY" + number);
  for (const DcmTagKey& tag :
       {DCM_PatientBirthDate, DCM_StudyDate, DCM_SeriesDate, DCM_AcquisitionDate, DCM_ContentDate})
    put(data, tag, "19470315");
  for (const DcmTagKey& tag : {DCM_StudyTime, DCM_SeriesTime, DCM_AcquisitionTime, DCM_ContentTime})
    put(data, tag, "081504");
  const std::string uid = "1.2.840.99999." + number;
  put(data, DCM_StudyInstanceUID, uid + ".1");
  put(data, DCM_SeriesInstanceUID, uid + ".2");
  put(data, DCM_FrameOfReferenceUID, uid + ".3");
  put(data, DCM_SOPInstanceUID, uid + ".4." + slice);
}

// Three sound series, and one that is refused: a slice is missing.
void planted_archive(const fs::path& folder) {
  const volume::Volume v({6, 5, 4}, volume::VoxelType::kInt16, {});
  for (int p = 1; p <= 4; ++p) {
    const std::string number = std::to_string(p);
    const Files files = written(folder / number, v, number);
    for (std::size_t i = 0; i < files.size(); ++i)
      edit(files[i], [&](DcmDataset& data) { plant(data, number, std::to_string(i + 1)); });
    if (p == 4) fs::remove(files[2]);
  }
}

std::string planted_in(const std::string& text) {
  for (const char* word : kPlanted) {
    if (text.find(word) != std::string::npos) return word;
  }
  return "";
}

using Named = std::set<std::tuple<std::string, std::string, std::string>>;  // id, patient, site

Named names_of(const fs::path& store) {
  Named names;
  const store::Reader reader(store);
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const store::CaseSummary one = reader.summary(i);
    names.emplace(one.id, one.groups.patient, one.groups.site);
    for (const auto& [name, value] : one.facts) EXPECT_EQ(planted_in(value), "") << name;
  }
  return names;
}

void expect_for_its_owner_alone(const fs::path& file) {
  struct stat about {};
  ASSERT_EQ(::stat(file.c_str(), &about), 0) << file;
  EXPECT_EQ(about.st_mode & 0777, 0600U) << file;
}

}  // namespace

TEST(IngestCanary, NothingPlantedIsInTheStoreOrToldAndNamesAreTheSameWithAnyWorkers) {
  const Scratch folder;
  planted_archive(folder / "in");
  const std::string source = bytes_of(folder / "in/1/slice0000.dcm");
  for (const char* word : kPlanted) ASSERT_NE(source.find(word), std::string::npos) << word;
  const io::DeidKey key = io::DeidKey::random();
  for (const std::string workers : {"1", "4"}) {
    key.save(folder / (workers + ".key"));
    const fs::path store = folder / ("store" + workers);
    const Outcome told = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(store) + " --workers " +
                                       workers + " --deid-key " + quoted(folder / (workers + ".key")));
    EXPECT_EQ(told.exit, 4) << told.out;  // a case failed
    EXPECT_EQ(planted_in(told.out), "") << told.out;
    for (const auto& file : fs::recursive_directory_iterator(store)) {
      EXPECT_EQ(planted_in(file.path().lexically_relative(store).string()), "");
      if (file.is_regular_file()) {
        EXPECT_EQ(planted_in(bytes_of(file.path())), "") << file.path();
      }
    }
    EXPECT_TRUE(fs::exists(store / "ingest_report.csv"));
    expect_for_its_owner_alone(folder / (workers + ".key"));
    expect_for_its_owner_alone(folder / (workers + ".links.csv"));
    EXPECT_EQ(planted_in(bytes_of(folder / (workers + ".links.csv"))), "CANARY");
  }
  const Named names = names_of(folder / "store1");
  EXPECT_EQ(names.size(), 3U);
  EXPECT_EQ(names, names_of(folder / "store4"));
  EXPECT_EQ(bytes_of(folder / "1.links.csv"), bytes_of(folder / "4.links.csv"));
  // Without worker processes too.
  Named here;
  for (const io::DicomSeries& series : io::whole_series(io::scan_dicom(folder / "in", {.key = key}))) {
    here.emplace(series.id, series.patient, series.site);
  }
  EXPECT_EQ(here.size(), 4U);
  EXPECT_TRUE(std::includes(here.begin(), here.end(), names.begin(), names.end()));
}
