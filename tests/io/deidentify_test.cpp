// Objects made free of identity: rows of the table, depth, dates, UIDs, echoes, codes.
#include "io/deidentify.h"

#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>

#include <boost/json.hpp>
#include <chrono>
#include <set>
#include <sstream>

#include "core/table.h"
#include "dicom_series.h"

using io::DeidKey;
using io::DeidPolicy;

namespace {

namespace fs = std::filesystem;

DeidKey key() {
  DeidKey::Bytes bytes{};
  bytes.fill(9);
  return DeidKey(bytes);
}

std::string value_of(DcmDataset& data, const DcmTagKey& tag) {
  OFString value;
  return data.findAndGetOFStringArray(tag, value).good() ? value.c_str() : "";
}

struct Done {
  DcmFileFormat file;
  std::string bytes;
  std::int64_t echoes = 0;
  DcmDataset& data() { return *file.getDataset(); }
};

std::unique_ptr<Done> done(const Scratch& folder, const fs::path& from, const std::string& policy) {
  auto one = std::make_unique<Done>();
  one->echoes = io::deidentify_file(from, folder / "out.dcm", DeidPolicy::parse(policy), key());
  one->bytes = bytes_of(folder / "out.dcm");
  EXPECT_TRUE(one->file.loadFile(OFFilename((folder / "out.dcm").c_str())).good());
  return one;
}

fs::path canaries() { return shared_data() / "deid/canary"; }

std::chrono::sys_days day_of(const std::string& text) {
  using namespace std::chrono;
  return sys_days(year(std::stoi(text.substr(0, 4))) / std::stoi(text.substr(4, 2)) / std::stoi(text.substr(6, 2)));
}

fs::path one_slice(const Scratch& folder) {
  return written(folder / "s", oblique({4, 3, 4}, volume::VoxelType::kInt16)).front();
}

}  // namespace

TEST(Deidentify, NoCanaryOfTheFlatFileIsLeftAndEachRowIsTreatedAsTheTableSays) {
  if (!fs::exists(canaries())) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  const auto out = done(folder, canaries() / "canary_flat.dcm", "basic");
  std::vector<std::vector<std::string>> rows;  // its cells hold no quoted commas where the tag is a number
  std::istringstream lines(bytes_of(canaries() / "expected.csv"));
  for (std::string line; std::getline(lines, line);) {
    std::vector<std::string>& cells = rows.emplace_back();
    std::istringstream stream(line.substr(0, line.find('\r')));
    for (std::string cell; std::getline(stream, cell, ',');) cells.push_back(cell);
  }
  int checked = 0;
  for (const auto& row : rows) {
    if (row.size() != 16) continue;
    const std::string &tag = row[1], &action = row[4], &canary = row[15];
    if (tag.size() != 8 || tag.find_first_not_of("0123456789ABCDEFabcdef") != std::string::npos) continue;
    const DcmTagKey place(static_cast<Uint16>(std::stoul(tag.substr(0, 4), nullptr, 16)),
                          static_cast<Uint16>(std::stoul(tag.substr(4), nullptr, 16)));
    ++checked;
    EXPECT_FALSE(action == "X" && out->data().tagExists(place)) << tag;
    EXPECT_TRUE(canary.size() < 6 || out->bytes.find(canary) == std::string::npos) << tag << " " << action;
  }
  EXPECT_GE(checked, 600);
  EXPECT_EQ(out->bytes.find("PHI"), std::string::npos);
  EXPECT_EQ(out->bytes.find("CANARY"), std::string::npos);
  EXPECT_EQ(out->bytes.substr(0, 128), std::string(128, '\0'));
}

TEST(Deidentify, IntervalsOfDaysStayExactAndUidsStayOnePerOriginal) {
  if (!fs::exists(canaries())) GTEST_SKIP() << "no shared data";
  const Scratch folder;
  const core::Table rows = core::read_csv(canaries() / "longitudinal/manifest.csv");
  std::map<std::string, std::string> uid_of;
  std::set<std::string> uids;
  std::map<std::string, std::set<std::string>> dates;
  for (const auto& row : rows.rows) {
    const std::string name = "p" + row[0] + "s" + row[1] + "i" + row[2] + ".dcm";
    const auto out = done(folder, canaries() / "longitudinal" / name, "basic,modified-dates");
    for (const auto& [column, tag] : {std::pair{"SOPInstanceUID", DCM_SOPInstanceUID},
                                      {"SeriesInstanceUID", DCM_SeriesInstanceUID},
                                      {"StudyInstanceUID", DCM_StudyInstanceUID},
                                      {"FrameOfReferenceUID", DCM_FrameOfReferenceUID}}) {
      const std::string original = row[rows.column(column)], now = value_of(out->data(), tag);
      EXPECT_TRUE(now.starts_with("2.25.") && now.size() <= 44) << now;
      const auto [there, added] = uid_of.emplace(original, now);
      EXPECT_EQ(there->second, now);
      EXPECT_TRUE(!added || uids.insert(now).second);
      EXPECT_EQ(out->bytes.find(original), std::string::npos);
    }
    const std::string date = value_of(out->data(), DCM_StudyDate);
    EXPECT_NE(date, row[rows.column("date")]);
    dates[row[0]].insert(date);
    EXPECT_EQ(value_of(out->data(), DCM_LongitudinalTemporalInformationModified), "MODIFIED");
  }
  ASSERT_EQ(dates.size(), 2U);
  for (const auto& [patient, both] : dates) {
    ASSERT_EQ(both.size(), 2U) << patient;
    EXPECT_EQ((day_of(*both.rbegin()) - day_of(*both.begin())).count(), 30);
  }
}

TEST(Deidentify, NothingHidesAtAnyDepthInAPrivateAttributeOrInAnotherField) {
  const Scratch folder;
  const fs::path file = one_slice(folder);
  edit(file, [](DcmDataset& data) {
    put(data, DCM_PatientName, "Kowalczyk^Maria");
    put(data, DCM_PatientBirthDate, "19650312");
    put(data, DCM_SeriesDescription, "T1 AX Kowalczyk");
    put(data, DCM_ImageComments, "seen by X");
    put(data, DCM_ContrastBolusRoute, "for kowalczyk, born 12.03.1965");
    DcmItem* item = &data;
    for (int depth = 0; depth < 30; ++depth) {
      DcmItem* inner = nullptr;
      ASSERT_TRUE(item->findOrCreateSequenceItem(DCM_SharedFunctionalGroupsSequence, inner, -2).good());
      item = inner;
      item->putAndInsertString(DCM_PatientName, "CANARY^Deep");
      item->putAndInsertString(DCM_OperatorsName, "CANARY^Operator");
      item->putAndInsertString(DcmTag(0x0009, 0x0010, EVR_LO), "CANARY VENDOR");
      item->putAndInsertString(DcmTag(0x0009, 0x1001, EVR_LO), "CANARY private");
      item->putAndInsertString(DCM_PulseSequenceName, "seq kowalczyk");
    }
  });
  for (const char* policy : {"basic", "basic,modified-dates", "basic,clean-descriptors,retain-safe-private"}) {
    const auto out = done(folder, file, policy);
    for (const char* word : {"CANARY", "Kowalczyk", "kowalczyk", "Maria", "19650312", "1965"})
      EXPECT_EQ(out->bytes.find(word), std::string::npos) << policy << " " << word;
    EXPECT_GE(out->echoes, 30);
    EXPECT_TRUE(value_of(out->data(), DCM_PatientID).starts_with("p"));
    const bool cleaned = std::string(policy).find("descriptors") != std::string::npos;
    EXPECT_EQ(value_of(out->data(), DCM_SeriesDescription), cleaned ? "T1 AX" : "");
  }
}

TEST(Deidentify, TheCodesWrittenAreThoseApplied) {
  const Scratch folder;
  const auto out = done(folder, one_slice(folder), "basic,retain-device,modified-dates,clean-descriptors");
  std::set<std::string> codes;
  DcmItem* item = nullptr;
  for (int i = 0; out->data().findAndGetSequenceItem(DCM_DeidentificationMethodCodeSequence, item, i).good(); ++i) {
    OFString code;
    item->findAndGetOFString(DCM_CodeValue, code);
    codes.insert(code.c_str());
  }
  EXPECT_EQ(codes, (std::set<std::string>{"113100", "113105", "113107", "113109"}));
  EXPECT_EQ(value_of(out->data(), DCM_PatientIdentityRemoved), "YES");
}

TEST(Deidentify, PixelsAndPlaceStayWhatTheyAre) {
  const Scratch folder;
  const volume::Volume v = oblique({4, 3, 4}, volume::VoxelType::kInt16);
  Files files = written(folder / "s", v), out;
  for (const fs::path& file : files) {
    out.push_back(folder / ("o/" + file.filename().string()));
    io::deidentify_file(file, out.back(), DeidPolicy::parse("basic,modified-dates"), key());
  }
  expect_same_picture(v, io::read_dicom(out).image);
}

TEST(DeidPolicy, UnknownMissingAndContradictingOptionsAreRefusedWithWhatWasMeant) {
  const auto told = [](const char* names) { return error_of([&] { DeidPolicy::parse(names); }); };
  EXPECT_EQ(told("basic"), "");
  EXPECT_NE(told("basic,modified-date").find("did you mean 'modified-dates'"), std::string::npos);
  EXPECT_NE(told("modified-dates").find("lacks basic"), std::string::npos);
  EXPECT_NE(told("basic,modified-dates,retain-full-dates").find("both"), std::string::npos);
  EXPECT_EQ(told(DeidPolicy::parse("basic,clean-graphics,retain-uids").text().c_str()), "");
  EXPECT_EQ(io::deid_rows().size(), 621U);
}

TEST(Deidentify, DocumentsAndPicturesThatSayThatNamesAreBurnedInAreRefused) {
  const Scratch folder;
  const fs::path file = one_slice(folder);
  const auto refusal = [&] {
    try {
      io::deid_place(file, DeidPolicy::parse("basic"), key());
    } catch (const core::Error& error) {
      return io::reason_of(error);
    }
    return std::string();
  };
  EXPECT_EQ(refusal(), "");
  edit(file, [](DcmDataset& data) { put(data, DCM_BurnedInAnnotation, "YES"); });
  EXPECT_EQ(refusal(), "BURNED_IN_TEXT");
  edit(file, [](DcmDataset& data) { put(data, DCM_SOPClassUID, "1.2.840.10008.5.1.4.1.1.104.1"); });
  EXPECT_EQ(refusal(), "DEID_KIND");
}

TEST(DeidPolicy, EachRowOfTheStandardsTableIsTreatedAsItsColumnsSayUnderEachOption) {
  const fs::path file = shared_data() / "deid/confidentiality_profile_attributes.json";
  if (!fs::exists(file)) GTEST_SKIP() << "no shared data";
  const std::pair<const char*, std::pair<const char*, io::Treatment>> keeps[] = {
      {"retain-uids", {"rtnUIDsOpt", io::Treatment::kKeep}},
      {"retain-device", {"rtnDevIdOpt", io::Treatment::kKeep}},
      {"retain-institution", {"rtnInstIdOpt", io::Treatment::kKeep}},
      {"retain-patient-characteristics", {"rtnPatCharsOpt", io::Treatment::kKeep}},
      {"retain-full-dates", {"rtnLongFullDatesOpt", io::Treatment::kKeep}}};
  const std::map<std::string, io::Treatment> plain{{"X", io::Treatment::kRemove},
                                                   {"Z", io::Treatment::kEmpty},
                                                   {"D", io::Treatment::kDummy},
                                                   {"U", io::Treatment::kUid},
                                                   {"X/Z/U*", io::Treatment::kReferences}};
  int rows = 0;
  const boost::json::value table = boost::json::parse(bytes_of(file));
  for (const auto& value : table.as_array()) {
    const auto& row = value.as_object();
    const std::string tag(row.at("tag").as_string()), base(row.at("basicProfile").as_string());
    ++rows;
    if (tag.find("XX") != std::string::npos || tag.find("GG") != std::string::npos) continue;
    const io::DeidRow* ours = io::deid_row(static_cast<std::uint16_t>(std::stoul(tag.substr(1, 4), nullptr, 16)),
                                           static_cast<std::uint16_t>(std::stoul(tag.substr(6, 4), nullptr, 16)));
    ASSERT_NE(ours, nullptr) << tag;
    const auto treated = [&](const std::string& names) {
      return io::treatment_of(*ours, DeidPolicy::parse(names), EVR_DA, io::IodFamily::kClassic, false);
    };
    EXPECT_TRUE(!plain.contains(base) || treated("basic") == plain.at(base)) << tag;
    for (const auto& [option, column] : keeps) {
      const auto* told = row.if_contains(column.first);
      const bool keep = told != nullptr && *told == "K";
      if (told == nullptr || keep) {
        EXPECT_EQ(treated(std::string("basic,") + option), keep ? column.second : treated("basic")) << tag << option;
      }
    }
    const bool dated = row.contains("rtnLongModifDatesOpt");
    EXPECT_EQ(treated("basic,modified-dates") == io::Treatment::kShift, dated) << tag;
    EXPECT_EQ(treated("basic,clean-descriptors") == io::Treatment::kCleanText, row.contains("cleanDescOpt")) << tag;
    EXPECT_EQ(treated("basic,clean-graphics") == io::Treatment::kCleanGraphic, row.contains("cleanGraphOpt")) << tag;
  }
  EXPECT_EQ(rows, 621);
}
