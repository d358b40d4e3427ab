// The key and the link table: what names, UIDs and shifts are made from, and where that is kept.
#include "io/deidentify_key.h"

#include <sys/stat.h>

#include <set>

#include "core/hash.h"
#include "core/table.h"
#include "dicom_series.h"
#include "io/deidentify_links.h"
#include "io/layout.h"

using io::DeidKey;

namespace {

int mode_of(const std::filesystem::path& path) {
  struct stat about {};
  return ::stat(path.c_str(), &about) == 0 ? static_cast<int>(about.st_mode & 0777) : -1;
}

DeidKey key_of(std::uint8_t byte) {
  DeidKey::Bytes bytes{};
  bytes.fill(byte);
  return DeidKey(bytes);
}

}  // namespace

TEST(DeidKey, TheHmacIsThatOfRfc4231) {
  std::array<std::uint8_t, 20> key{};
  key.fill(0x0b);
  const auto digest = core::hmac_sha256(key, "Hi There");  // test case 1
  EXPECT_EQ(digest[0], 0xb0);
  EXPECT_EQ(digest[1], 0x34);
  EXPECT_EQ(digest[2], 0x4c);
  EXPECT_EQ(digest[31], 0xf7);
}

TEST(DeidKey, UidsAreUuidsOfVersionEightInDecimalAndDifferWithKeyAndOriginal) {
  std::set<std::string> all;
  for (int i = 0; i < 2000; ++i) {
    const std::string uid = key_of(7).uid("1.2.3." + std::to_string(i));
    EXPECT_TRUE(uid.starts_with("2.25.") && uid.size() <= 44 && uid[5] != '0') << uid;
    all.insert(uid);
  }
  EXPECT_EQ(all.size(), 2000U);
  EXPECT_NE(key_of(7).uid("1.2.3"), key_of(8).uid("1.2.3"));
  EXPECT_EQ(key_of(7).uid("1.2.3"), key_of(7).uid("1.2.3"));
}

TEST(DeidKey, ShiftsAreWholeDaysOfUpToTenYearsIntoThePastAndOnePerPatient) {
  std::set<int> all;
  for (int i = 0; i < 500; ++i) {
    const int days = key_of(1).date_shift_days("p" + std::to_string(i));
    EXPECT_TRUE(days <= -1 && days >= -3650) << days;
    all.insert(days);
  }
  EXPECT_GT(all.size(), 400U);
  EXPECT_EQ(key_of(1).date_shift_days("p1"), key_of(1).date_shift_days("p1"));
}

TEST(DeidKey, ASavedKeyIsPrivateComesBackAndIsNeverReplaced) {
  const Scratch folder;
  const DeidKey key = DeidKey::random();
  EXPECT_NE(key.bytes(), DeidKey::random().bytes());
  key.save(folder / "a.key");
  EXPECT_EQ(mode_of(folder / "a.key"), 0600);
  EXPECT_EQ(DeidKey::read(folder / "a.key").bytes(), key.bytes());
  EXPECT_NE(error_of([&] { key_of(1).save(folder / "a.key"); }).find("never replaced"), std::string::npos);
  EXPECT_EQ(DeidKey::read(folder / "a.key").bytes(), key.bytes());
}

TEST(DeidKey, WhatIsNoKeyIsRefusedAndTheContentIsNeverTold) {
  const Scratch folder;
  const std::string magic = "gadolin deid key 1\n", digits(64, 'a');
  const auto told = [&](const std::string& content) {
    write_bytes(folder / "k.key", content);
    return error_of([&] { DeidKey::read(folder / "k.key"); });
  };
  EXPECT_EQ(told(magic + digits + "\r\n"), "");
  EXPECT_NE(told("").find("is no key"), std::string::npos);
  EXPECT_NE(told("SECRET").find("is no key"), std::string::npos);
  EXPECT_EQ(told("SECRET").find("SECRET"), std::string::npos);
  EXPECT_NE(told("gadolin deid key 2\n" + digits).find("version"), std::string::npos);
  EXPECT_NE(told(magic + digits.substr(1)).find("damaged"), std::string::npos);
  EXPECT_NE(told(magic + "g" + digits.substr(1)).find("damaged"), std::string::npos);
  EXPECT_NE(told(magic + std::string(64, '0')).find("zeros"), std::string::npos);
  EXPECT_NE(error_of([&] { DeidKey::read(folder / "gone.key"); }).find("cannot be read"), std::string::npos);
}

TEST(DeidLinks, TheTableIsPrivateGrowsByWhatIsNewAndMendsARowThatAKilledRunLeft) {
  const Scratch folder;
  const std::filesystem::path path = folder / "t.links.csv";
  io::append_links(path, {{"p1", {"PatientID", "47\"11, a", "ward\n3"}}});
  EXPECT_EQ(mode_of(path), 0600);
  const std::string first = bytes_of(path);
  write_bytes(path, first + "p2,PatientID,\"half");
  io::append_links(path, {{"p1", {"PatientID", "else", ""}}, {"p2", {"PatientName", "Doe^Jane", "19700101"}}});
  io::append_links(path, {{"p2", {"PatientName", "Doe^Jane", "19700101"}}});
  const core::Table table = core::read_csv(path);
  ASSERT_EQ(table.rows.size(), 2U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"p1", "PatientID", "47\"11, a", "ward\\x0A3"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"p2", "PatientName", "Doe^Jane", "19700101"}));
  for (std::size_t size = 0; size < first.size(); ++size) {  // killed at any byte of the first run
    write_bytes(path, first.substr(0, size));
    io::append_links(path, {{"p1", {"PatientID", "47\"11, a", "ward\n3"}}});
    EXPECT_EQ(bytes_of(path), first) << size;
  }
  write_bytes(folder / "letter.csv", "dear all\n");
  EXPECT_NE(error_of([&] {
              io::append_links(folder / "letter.csv", {{"p", {}}});
            }).find("no link table"),
            std::string::npos);
}

TEST(DeidLayout, NamesDifferWithTheKeyAndTheLinksTellWhoseTheyAre) {
  const Scratch folder;
  const volume::Volume v = oblique({5, 6, 7}, volume::VoxelType::kInt16);
  written(folder / "in/1", v, "one", "Doe4711");
  written(folder / "in/2", v, "two", "Doe4711");
  written(folder / "in/3", v, "three", "Roe");
  const auto cohort_with = [&](std::uint8_t byte, int threads) {
    io::LayoutOptions options;
    options.threads = threads;
    options.key = key_of(byte);
    return io::find_cohort(folder / "in", options);
  };
  const io::Cohort one = cohort_with(1, 1), many = cohort_with(1, 4), other = cohort_with(2, 1);
  ASSERT_EQ(one.entries.size(), 3U);
  std::set<std::string> patients, others;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(one.entries[i].id, many.entries[i].id);
    EXPECT_EQ(io::load(one.entries[i], one).groups.patient, one.entries[i].groups.patient);
    patients.insert(one.entries[i].groups.patient);
    others.insert(other.entries[i].groups.patient);
    for (const io::Entry& theirs : other.entries) EXPECT_NE(one.entries[i].id, theirs.id);
  }
  EXPECT_EQ(patients.size(), 2U);
  for (const std::string& patient : patients) {
    EXPECT_EQ(others.count(patient), 0U);
    EXPECT_EQ(one.links.at(patient).by, "PatientID");
    EXPECT_EQ(one.links.at(patient).original.find("p"), std::string::npos);
  }
  EXPECT_EQ(one.links.size(), 6U);  // two patients, a site, and where the three cases lie
}
