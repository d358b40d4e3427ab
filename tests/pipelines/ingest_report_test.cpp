#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <regex>
#include <set>

#include "../scratch.h"
#include "core/rng.h"
#include "core/table.h"
#include "gadolin.h"
#include "io/dicom.h"
#include "io/format.h"
#include "pipelines/ingest_quality.h"
#include "store/reader.h"
#include "volume/phantom.h"

namespace fs = std::filesystem;
namespace json = boost::json;
using volume::Volume;
using volume::VoxelType;

namespace {

volume::PhantomOptions small() {
  volume::PhantomOptions options;
  options.patients = 6;
  options.size = 32;
  return options;
}

Volume patient(std::int64_t index) {
  volume::Case one = volume::phantom_case(small(), index);
  return std::move(*one.channels[0].image);
}

// Six patients; p0 again under another name, p1 in eight bits with its axes in another order, p2 with dark and bright
// exchanged, noise alone, one value, and a file that was cut.
void planted(const fs::path& folder) {
  std::string table = "case,image,patient,modality\n";
  const auto keep = [&](const std::string& id, const Volume& image, const std::string& who) {
    io::write_image(folder / (id + ".nii.gz"), image);
    table += id + "," + id + ".nii.gz," + who + ",MR\n";
  };
  for (std::int64_t i = 0; i < 6; ++i) keep("p" + std::to_string(i), patient(i), "A" + std::to_string(i));
  keep("q0", patient(0), "A0");
  const Volume second = patient(1);
  Volume eight(second.shape(), VoxelType::kUInt8, second.geometry);
  Volume noise(second.shape(), VoxelType::kFloat32, second.geometry);
  const auto values = second.voxels<std::int16_t>();
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  core::Rng rng({.seed = 3});
  for (std::size_t i = 0; i < values.size(); ++i) {
    eight.voxels<std::uint8_t>()[i] = static_cast<std::uint8_t>(255 * (values[i] - *low) / (*high - *low));
    noise.voxels<float>()[i] = static_cast<float>(100 + 10 * rng.normal());
  }
  keep("q1", volume::reorient(eight, "RAI"), "other");
  Volume inverted = patient(2);
  for (std::int16_t& v : inverted.voxels<std::int16_t>()) v = static_cast<std::int16_t>(2000 - v);
  keep("q2", inverted, "A2");
  keep("noise", noise, "A7");
  keep("blank", Volume({8, 16, 16}, VoxelType::kInt16, second.geometry), "A8");
  keep("torn", patient(3), "A3");
  fs::resize_file(folder / "torn.nii.gz", fs::file_size(folder / "torn.nii.gz") / 2);
  write_bytes(folder / "cases.csv", table);
}

std::map<std::string, std::string> column(const core::Table& table, const std::string& name) {
  std::map<std::string, std::string> cells;
  for (const auto& row : table.rows) cells[row[0]] = row[table.column(name)];
  return cells;
}

std::map<std::string, std::int64_t> code_counts(const json::value& list) {
  std::map<std::string, std::int64_t> counts;
  for (const json::value& each : list.as_array())
    counts[std::string(each.at("code").as_string())] = each.at("cases").as_int64();
  return counts;
}

}  // namespace

TEST(IngestReport, TellsWhatWasPlanted) {
  const Scratch folder;
  planted(folder / "in");
  const Outcome outcome = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "store"));
  ASSERT_EQ(outcome.exit, 4) << outcome.out;
  const core::Table table = core::read_csv(folder / "store/ingest_report.csv");
  ASSERT_EQ(table.rows.size(), 12U);
  auto flags = column(table, "flags"), alike = column(table, "alike");
  EXPECT_EQ(flags["q2"], "INVERTED");
  EXPECT_EQ(flags["noise"], "LOW_SNR");
  EXPECT_EQ(flags["blank"], "BLANK");
  for (const char* good : {"p0", "p1", "p2", "p3", "p4", "p5", "q0", "q1"}) EXPECT_EQ(flags[good], "") << good;
  EXPECT_EQ(alike["q0"], "p0");
  EXPECT_EQ(alike["q1"], "p1");
  for (const char* own : {"p0", "p1", "p2", "p3", "p4", "p5", "q2", "noise", "blank"}) EXPECT_EQ(alike[own], "") << own;
  EXPECT_EQ(column(table, "reason")["torn"], "TRUNCATED");

  const json::value all = json::parse(bytes_of(folder / "store/ingest_report.json"));
  EXPECT_EQ(all.at("outcomes").at("found").as_int64(), 12);
  EXPECT_EQ(all.at("outcomes").at("added").as_int64(), 11);
  EXPECT_EQ(code_counts(all.at("reasons")), (std::map<std::string, std::int64_t>{{"TRUNCATED", 1}}));
  EXPECT_NE(std::string(all.at("reasons").at(0).at("advice").as_string()), "");
  EXPECT_EQ(code_counts(all.at("flags")),
            (std::map<std::string, std::int64_t>{{"BLANK", 1}, {"INVERTED", 1}, {"LOW_SNR", 1}}));
  const json::array& twins = all.at("duplicates").as_array();
  ASSERT_EQ(twins.size(), 2U);
  EXPECT_TRUE(twins[0].at("exact").as_bool() && twins[0].at("same_patient").as_bool());
  EXPECT_FALSE(twins[1].at("exact").as_bool() || twins[1].at("same_patient").as_bool());
  EXPECT_EQ(all.at("modality").at("MR").as_int64(), 11);
}

TEST(IngestReport, ThePageShowsEveryCaseAndFetchesNothing) {
  const Scratch folder;
  planted(folder / "in");
  ASSERT_EQ(quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "store")).exit, 4);
  const std::string page = bytes_of(folder / "store/ingest_report.html");
  EXPECT_NE(page.find("the transfer was cut: fetch it again"), std::string::npos);
  EXPECT_NE(page.find("two patient ids"), std::string::npos);
  EXPECT_NE(page.find("INVERTED"), std::string::npos);
  const std::regex picture("data:image/png;base64,");
  const auto shown = std::distance(std::sregex_iterator(page.begin(), page.end(), picture), std::sregex_iterator());
  EXPECT_EQ(shown, 11 + 3);  // every case, and those that are flagged once more
  EXPECT_FALSE(std::regex_search(page, std::regex("<(script|link|iframe|object|embed|base)[ >]")));
  EXPECT_EQ(page.find("http://www.w3.org/2000/svg") == std::string::npos, false);
}

TEST(IngestReport, CasesOfAnEarlierRunKeepTheirRowsAndPictures) {
  const Scratch folder;
  planted(folder / "in");
  const std::string command = "ingest " + quoted(folder / "in") + " " + quoted(folder / "store");
  ASSERT_EQ(quick_gadolin(command).exit, 4);
  const core::Table first = core::read_csv(folder / "store/ingest_report.csv");
  const std::string notes = bytes_of(folder / "store/qc/cases.jsonl");
  // As after a kill in the middle of a line.
  write_bytes(folder / "store/qc/cases.jsonl", notes + "{\"case\":\"p0");
  ASSERT_EQ(quick_gadolin(command).exit, 4);
  EXPECT_EQ(bytes_of(folder / "store/qc/cases.jsonl"), notes);
  const core::Table second = core::read_csv(folder / "store/ingest_report.csv");
  EXPECT_EQ(column(first, "flags"), column(second, "flags"));
  EXPECT_EQ(column(first, "alike"), column(second, "alike"));
  EXPECT_EQ(column(second, "status")["p0"], "present");
  // A store that lost its notes gets them again, and no case twice.
  fs::remove_all(folder / "store/qc");
  ASSERT_EQ(quick_gadolin(command).exit, 4);
  EXPECT_EQ(column(core::read_csv(folder / "store/ingest_report.csv"), "flags"), column(first, "flags"));
  EXPECT_EQ(store::Reader(folder / "store").size(), 11);
}

TEST(IngestReport, HoldsNoWordOfAPatient) {
  const Scratch folder;
  for (std::int64_t i = 0; i < 2; ++i) {
    io::write_dicom(folder / ("in/" + std::to_string(i)), patient(i),
                    {.key = "key" + std::to_string(i),
                     .patient = "Canary4711",
                     .site = "CanaryClinic",
                     .description = "Canary description"});
  }
  write_bytes(folder / "t.csv",
              "PatientID,PatientName,score,report\nCanary4711,Canary^Jane,7,Ms CANARY seen: normal.\nCanary9,,1,\n");
  const Outcome outcome = quick_gadolin("ingest " + quoted(folder / "in") + " " + quoted(folder / "store") +
                                        " --table " + quoted(folder / "t.csv") + " --by PatientID");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("1 of 2 rows meet no case, 0 of 2 cases have no row"), std::string::npos) << outcome.out;
  EXPECT_EQ(outcome.out.find("Canary"), std::string::npos) << outcome.out;
  EXPECT_EQ(store::Reader(folder / "store").summary(0).scalars.at("score"), 7);
  int looked = 0;
  for (const auto& file : fs::recursive_directory_iterator(folder / "store")) {
    if (!file.is_regular_file()) continue;
    ++looked;
    for (const char* word : {"Canary", "CANARY", "Jane"})
      EXPECT_EQ(bytes_of(file.path()).find(word), std::string::npos) << file.path();
  }
  EXPECT_GE(looked, 5);
}

TEST(IngestReport, ADryRunForecastsWhatTheStoreTakesAndWritesNothingButThePage) {
  const Scratch folder;
  planted(folder / "in");
  const std::string source = quoted(folder / "in") + " " + quoted(folder / "store");
  const Outcome told = quick_gadolin("ingest " + source + " --dry-run --json --report " + quoted(folder / "page.html"));
  ASSERT_EQ(told.exit, 4) << told.out;
  EXPECT_FALSE(fs::exists(folder / "store"));
  EXPECT_NE(bytes_of(folder / "page.html").find("INVERTED"), std::string::npos);
  const json::value all = json::parse(told.out.substr(told.out.find('{')));
  ASSERT_EQ(quick_gadolin("ingest " + source).exit, 4);
  double taken = 0;
  for (const auto& file : fs::directory_iterator(folder / "store/shards"))
    taken += static_cast<double>(file.file_size());
  EXPECT_NEAR(all.at("forecast").at("store_bytes").to_number<double>(), taken, 0.15 * taken);
  EXPECT_GT(all.at("forecast").at("seconds").to_number<double>(), 0);
  EXPECT_EQ(all.at("reasons").at("TRUNCATED").as_int64(), 1);
  const Outcome table = quick_gadolin("ingest " + quoted(folder / "in") + " --dry-run");
  EXPECT_NE(table.out.find("TRUNCATED"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("the transfer was cut: fetch it again"), std::string::npos) << table.out;
  EXPECT_NE(table.out.find("forecast: "), std::string::npos) << table.out;
}

TEST(IngestReport, NotesComeBackAsTheyWereWritten) {
  const Scratch folder;
  volume::Case one = volume::phantom_case(small(), 1);
  one.notes = {"LOSSY"};
  const pipelines::CaseQuality kept = pipelines::quality_of(one, "hash");
  const std::vector<std::byte> picture = pipelines::thumbnail_of(one);
  pipelines::QualityLog(folder / "qc/cases.jsonl").add(kept, picture);
  const pipelines::QualityLog log(folder / "qc/cases.jsonl");
  EXPECT_TRUE(log.has(one.id, "hash"));
  EXPECT_FALSE(log.has(one.id, "other"));
  const pipelines::CaseQuality* back = log.find(one.id);
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(back->quality.histogram, kept.quality.histogram);
  EXPECT_EQ(back->quality.content, kept.quality.content);
  EXPECT_EQ(back->quality.noise, kept.quality.noise);
  EXPECT_EQ(back->spacing_mm, kept.spacing_mm);
  EXPECT_EQ(back->likeness, kept.likeness);
  EXPECT_EQ(back->voxels_sha256, kept.voxels_sha256);
  EXPECT_EQ(back->notes, kept.notes);
  EXPECT_EQ(log.thumbnail(one.id), picture);
  EXPECT_EQ(log.thumbnail("nobody").size(), 0U);
}
