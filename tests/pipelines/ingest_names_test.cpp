// The key of a store: made once beside it, needed to go on, never replaced; nobody's name gets in.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "../scratch.h"
#include "core/table.h"
#include "gadolin.h"
#include "io/dicom.h"
#include "store/reader.h"

namespace fs = std::filesystem;

namespace {

void archive(const fs::path& folder, int patients) {
  volume::Volume v({4, 5, 6}, volume::VoxelType::kInt16, {});
  for (int p = 0; p < patients; ++p) {
    const std::string key = "series " + std::to_string(p);
    io::write_dicom(folder / std::to_string(p), v,
                    {.key = key, .patient = "CANARY" + std::to_string(p), .modality = "CT", .site = "CANARYclinic"});
  }
}

// Files below the folder that hold the word.
int holding(const fs::path& folder, const std::string& word) {
  int found = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.is_regular_file()) found += bytes_of(file.path()).find(word) != std::string::npos;
  }
  return found;
}

Outcome ingest_named(const Scratch& folder, const std::string& more = "") {
  return quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "out/store") + " " + more);
}

}  // namespace

TEST(IngestNames, AStoreGetsItsOwnKeyAndLinkTableBesideItAndNoNameIsInIt) {
  const Scratch folder;
  archive(folder / "in", 3);
  const Outcome outcome = ingest_named(folder, "--workers 1");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_EQ(outcome.out.find("CANARY"), std::string::npos) << outcome.out;
  EXPECT_EQ(holding(folder / "out/store", "CANARY"), 0);
  struct stat about {};
  for (const char* file : {"out/store.key", "out/store.links.csv"}) {
    ASSERT_EQ(::stat((folder / file).c_str(), &about), 0) << file;
    EXPECT_EQ(about.st_mode & 0777, 0600U) << file;
  }
  const core::Table links = core::read_csv(folder / "out/store.links.csv");
  EXPECT_EQ(links.rows.size(), 7U);  // three patients, a site, and where the cases lie
  const store::Reader reader(folder / "out/store");
  for (std::int64_t i = 0; i < reader.size(); ++i) {
    const auto& patient = reader.summary(i).groups.patient;
    const auto row = std::find_if(links.rows.begin(), links.rows.end(), [&](const auto& r) { return r[0] == patient; });
    ASSERT_NE(row, links.rows.end());
    EXPECT_TRUE((*row)[2].starts_with("CANARY"));
  }
}

TEST(IngestNames, GoingOnTakesTheSameKeyAndAddsNothingTwice) {
  const Scratch folder;
  archive(folder / "in", 2);
  ASSERT_EQ(ingest_named(folder).exit, 0);
  const std::string key = bytes_of(folder / "out/store.key"), links = bytes_of(folder / "out/store.links.csv");
  archive(folder / "in", 3);
  const Outcome more = ingest_named(folder, "--workers 2 --json");
  EXPECT_NE(more.out.find("\"present\":2"), std::string::npos) << more.out;
  EXPECT_EQ(bytes_of(folder / "out/store.key"), key);
  EXPECT_TRUE(bytes_of(folder / "out/store.links.csv").starts_with(links));
  EXPECT_EQ(core::read_csv(folder / "out/store.links.csv").rows.size(), 7U);
}

TEST(IngestNames, WithoutItsKeyOrWithAnotherTheStoreIsRefusedAndNothingIsRekeyed) {
  const Scratch folder;
  archive(folder / "in", 2);
  ASSERT_EQ(ingest_named(folder).exit, 0);
  const std::string before = bytes_of(folder / "out/store/manifest.json");
  fs::rename(folder / "out/store.key", folder / "safe.key");
  const Outcome absent = ingest_named(folder);
  EXPECT_EQ(absent.exit, 2) << absent.out;
  EXPECT_NE(absent.out.find("is not there, and the names there were made with it"), std::string::npos) << absent.out;
  EXPECT_FALSE(fs::exists(folder / "out/store.key"));
  io::DeidKey::random().save(folder / "other.key");
  const Outcome other = ingest_named(folder, "--deid-key " + quoted(folder / "other.key"));
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("would name every patient anew"), std::string::npos) << other.out;
  EXPECT_EQ(ingest_named(folder, "--deid-key " + quoted(folder / "none.key")).exit, 2);
  EXPECT_EQ(bytes_of(folder / "out/store/manifest.json"), before);
  const Outcome right = ingest_named(folder, "--deid-key " + quoted(folder / "safe.key") + " --json");
  EXPECT_NE(right.out.find("\"present\":2"), std::string::npos) << right.out;
  const Outcome dry = ingest_named(folder, "--dry-run");
  EXPECT_EQ(dry.exit, 0) << dry.out;
}

TEST(IngestNames, OneKeyForTwoStoresNamesAPatientAlikeAndTheKeyMayNotLieInThem) {
  const Scratch folder;
  archive(folder / "in", 1);
  io::DeidKey::random().save(folder / "our.key");
  const std::string key = " --deid-key " + quoted(folder / "our.key");
  for (const char* store : {"a", "b"}) {
    const Outcome outcome = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / store) + key);
    ASSERT_EQ(outcome.exit, 0) << outcome.out;
  }
  EXPECT_EQ(store::Reader(folder / "a").summary(0).groups.patient,
            store::Reader(folder / "b").summary(0).groups.patient);
  EXPECT_EQ(core::read_csv(folder / "our.links.csv").rows.size(), 3U);
  fs::copy_file(folder / "our.key", folder / "a/our.key");
  const Outcome within = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "a") + " --deid-key " +
                                       quoted(folder / "a/our.key"));
  EXPECT_EQ(within.exit, 2) << within.out;
  EXPECT_NE(within.out.find("must not get the key"), std::string::npos) << within.out;
}

TEST(IngestNames, PartsOfAWholeNeedOneKeyAndStoresOfTwoKeysAreNotJoined) {
  const Scratch folder;
  archive(folder / "in", 4);
  const Outcome keyless = ingest_named(folder, "--shard 1/2");
  EXPECT_EQ(keyless.exit, 2) << keyless.out;
  EXPECT_NE(keyless.out.find("needs --deid-key FILE"), std::string::npos) << keyless.out;
  EXPECT_FALSE(fs::exists(folder / "out/store"));
  const auto part = [&](const std::string& store, const std::string& more) {
    return quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / store) + " " + more).exit;
  };
  io::DeidKey::random().save(folder / "our.key");
  const std::string key = " --deid-key " + quoted(folder / "our.key");
  const int first = part("a", "--shard 1/2" + key), second = part("b", "--shard 2/2" + key);
  EXPECT_TRUE((first == 0 || first == 3) && (second == 0 || second == 3)) << first << second;
  EXPECT_EQ(part("other", ""), 0);
  const auto merged = [&](const std::string& with, const std::string& into) {
    return quick_gadolin("store merge " + quoted(folder / into) + " " + quoted(folder / with) + " " +
                         quoted(folder / "a") + " " + quoted(folder / "b"));
  };
  if (first != 0 || second != 0) GTEST_SKIP() << "all cases fell into one part";
  const Outcome mixed = merged("other", "mixed");
  EXPECT_NE(mixed.exit, 0) << mixed.out;
  EXPECT_NE(mixed.out.find("named with other keys"), std::string::npos) << mixed.out;
}

TEST(IngestNames, WithoutPermissionNobodyIsNamedAndWithItPatientsAreAndTheCaseSaysWhatWasDone) {
  const Scratch folder;
  archive(folder / "in", 2);
  EXPECT_EQ(ingest_named(folder, "--deid off").exit, 2);
  EXPECT_EQ(ingest_named(folder, "--deid modified-dates").exit, 2);
  EXPECT_FALSE(fs::exists(folder / "out/store"));
  ASSERT_EQ(ingest_named(folder).exit, 0);
  const store::Reader reader(folder / "out/store");
  EXPECT_EQ(reader.summary(0).facts.at("deid.codes"), "113100");
  EXPECT_EQ(holding(folder / "out/store", "CANARY"), 0);
  const auto with = [&](const std::string& store, const std::string& more) {
    return quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / store) + " " + more);
  };
  const Outcome site = with("site", "--deid basic,retain-institution");
  ASSERT_EQ(site.exit, 0) << site.out;
  const store::CaseSummary kept = store::Reader(folder / "site").summary(0);
  EXPECT_EQ(kept.facts.at("deid.codes"), "113100 113112");
  EXPECT_EQ(kept.groups.site, "CANARYclinic");
  EXPECT_EQ(kept.groups.patient.find("CANARY"), std::string::npos);
  const Outcome off = with("off", "--deid off --i-have-permission");
  ASSERT_EQ(off.exit, 0) << off.out;
  const store::CaseSummary named = store::Reader(folder / "off").summary(0);
  EXPECT_TRUE(named.groups.patient.starts_with("CANARY"));
  EXPECT_EQ(named.facts.at("deid.codes"), "none");
}
