// SUVbw against values worked out by hand: 70 kg, 400 MBq, a half-life of one hour.
#include "io/dicom_pet.h"

#include "dicom_series.h"

namespace {

struct PetCase {
  const char* name;
  std::function<void(DcmDataset&, DcmItem& tracer)> change;
  const char* code;  // "" = SUV
  double factor;
  const char* decay_s;  // "" = none
};

constexpr double kUndecayed = 70e3 / 400e6, kOneHour = 70e3 / 200e6;

Files pet_series(const std::filesystem::path& folder, const std::function<void(DcmDataset&, DcmItem& tracer)>& change) {
  volume::Volume v = oblique({4, 3, 5}, volume::VoxelType::kUInt16);
  v.scale = 2;
  const Files files = io::write_dicom(folder, v, {.key = "pet", .patient = "Doe4711", .modality = "PT"});
  for (const auto& file : files) {
    edit(file, [&](DcmDataset& data) {
      put(data, DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.128");
      put(data, DCM_Units, "BQML");
      put(data, DCM_DecayCorrection, "START");
      put(data, DCM_PatientWeight, "70");
      put(data, DCM_SeriesDate, "20240301");
      put(data, DCM_SeriesTime, "110000");
      put(data, DCM_AcquisitionDate, "20240301");
      put(data, DCM_AcquisitionTime, "110500.25");
      DcmItem* tracer = nullptr;
      data.findOrCreateSequenceItem(DCM_RadiopharmaceuticalInformationSequence, tracer, 0);
      tracer->putAndInsertString(DCM_RadionuclideTotalDose, "400000000");
      tracer->putAndInsertString(DCM_RadionuclideHalfLife, "3600");
      tracer->putAndInsertString(DCM_RadiopharmaceuticalStartTime, "100000.000");
      change(data, *tracer);
    });
  }
  return files;
}

void philips(DcmDataset& data, unsigned element, const char* value) {
  put(data, DCM_Units, "CNTS");
  data.putAndInsertString(DcmTag(0x7053, 0x0010, EVR_LO), "Philips PET Private Group");
  data.putAndInsertString(DcmTag(0x7053, static_cast<Uint16>(0x1000 + element), EVR_DS), value);
}

std::vector<PetCase> pet_cases() {
  const auto in_data = [](DcmTagKey tag, const char* value) {
    return [tag, value](DcmDataset& data, DcmItem&) { put(data, tag, value); };
  };
  const auto in_tracer = [](DcmTagKey tag, const char* value) {
    return [tag, value](DcmDataset&, DcmItem& tracer) { tracer.putAndInsertString(tag, value); };
  };
  const DcmTagKey moment = DCM_RadiopharmaceuticalStartDateTime, time = DCM_RadiopharmaceuticalStartTime;
  return {
      {"an hour from injection to series", [](DcmDataset&, DcmItem&) {}, "", kOneHour, "3600"},
      {"corrected to the injection", in_data(DCM_DecayCorrection, "ADMIN"), "", kUndecayed, ""},
      {"not corrected", in_data(DCM_DecayCorrection, "NONE"), "SUV_DECAY", 1, ""},
      {"a correction that is not told", in_data(DCM_DecayCorrection, ""), "SUV_INPUT", 1, ""},
      {"injected before midnight, by the time of day",
       [](DcmDataset& data, DcmItem& tracer) {
         put(data, DCM_SeriesTime, "003000");
         put(data, DCM_AcquisitionTime, "003100");
         tracer.putAndInsertString(DCM_RadiopharmaceuticalStartTime, "233000");
       },
       "", kOneHour, "3600"},
      {"injected before midnight, by date",
       [](DcmDataset& data, DcmItem& tracer) {
         put(data, DCM_SeriesTime, "0030");
         put(data, DCM_AcquisitionTime, "0031");
         tracer.putAndInsertString(DCM_RadiopharmaceuticalStartDateTime, "20240229233000.00+0100");
       },
       "", kOneHour, "3600"},
      {"injected after the images", in_tracer(moment, "20240301120000"), "SUV_INPUT", 1, ""},
      {"injected weeks before", in_tracer(moment, "20240201120000"), "SUV_INPUT", 1, ""},
      {"a time that is none", in_tracer(time, "noon"), "SUV_INPUT", 1, ""},
      {"a series time set by processing afterwards",
       [](DcmDataset& data, DcmItem& tracer) {
         put(data, DCM_SeriesTime, "170000");
         tracer.putAndInsertString(DCM_RadiopharmaceuticalStartTime, "100500.25");
       },
       "", kOneHour, "3600"},
      {"no weight", in_data(DCM_PatientWeight, ""), "SUV_INPUT", 1, ""},
      {"a weight of 0", in_data(DCM_PatientWeight, "0"), "SUV_INPUT", 1, ""},
      {"a dose in megabecquerel", in_tracer(DCM_RadionuclideTotalDose, "400"), "SUV_INPUT", 1, ""},
      {"no half-life", in_tracer(DCM_RadionuclideHalfLife, ""), "SUV_INPUT", 1, ""},
      {"SUV already", in_data(DCM_Units, "GML"), "", 1, ""},
      {"counts", in_data(DCM_Units, "CNTS"), "SUV_UNITS", 1, ""},
      {"other units", in_data(DCM_Units, "PROPCPS"), "SUV_UNITS", 1, ""},
      {"Philips' factor of SUV", [](DcmDataset& data, DcmItem&) { philips(data, 0x00, "0.00025"); }, "", 0.00025, ""},
      {"Philips' factor of activity", [](DcmDataset& data, DcmItem&) { philips(data, 0x09, "3"); }, "", 3 * kOneHour,
       "3600"},
  };
}

}  // namespace

TEST(DicomPet, ValuesBecomeSuvOrStayWithACode) {
  const Scratch folder;
  int count = 0;
  for (const PetCase& one : pet_cases()) {
    SCOPED_TRACE(one.name);
    const io::DicomVolume read = io::read_dicom(pet_series(folder / std::to_string(count++), one.change));
    EXPECT_EQ(read.modality, "PT");
    EXPECT_NEAR(read.image.scale, 2 * one.factor, 1e-12 * one.factor);
    EXPECT_EQ(read.notes, *one.code == '\0' ? std::vector<std::string>{} : std::vector<std::string>{one.code});
    EXPECT_EQ(read.facts.at("units"), *one.code == '\0' ? "SUVbw" : "as stored");
    EXPECT_EQ(read.facts.count("suv.decay_s") != 0 ? read.facts.at("suv.decay_s") : "", std::string(one.decay_s));
    for (const auto& [name, text] : read.facts) {
      for (const char* secret : {"2024", "1000", "2330", "Doe"})
        EXPECT_EQ(text.find(secret), std::string::npos) << name;
    }
  }
}

TEST(DicomPet, TheInputsAreToldAndHaveToBeThoseOfEveryImage) {
  const Scratch folder;
  const Files files = pet_series(folder / "s", [](DcmDataset&, DcmItem&) {});
  const auto facts = io::read_dicom(files).facts;
  EXPECT_EQ(facts.at("suv.weight_kg"), "70");
  EXPECT_EQ(std::stod(facts.at("suv.injected_dose_bq")), 4e8);
  EXPECT_EQ(facts.at("suv.half_life_s"), "3600");
  EXPECT_EQ(facts.at("suv.decay_correction"), "START");
  EXPECT_EQ(facts.at("suv.reference"), "series");
  edit(files[2], [](DcmDataset& data) { put(data, DCM_PatientWeight, "71"); });
  EXPECT_EQ(io::read_dicom(files).notes, std::vector<std::string>{"SUV_INPUT"});
}
