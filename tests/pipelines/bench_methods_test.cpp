// gadolin bench methods: which cells there are, what a cell keeps, what the page says of them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "../scratch.h"
#include "core/files.h"
#include "in_process.h"
#include "pipelines/bench_methods_table.h"

namespace {

namespace fs = std::filesystem;
using pipelines::Cell;
using pipelines::MethodBenchRequest;
using pipelines::PlannedCell;

fs::path sources() { return fs::weakly_canonical(fs::path(__FILE__).parent_path() / "../.."); }

MethodBenchRequest request_for(const fs::path& cells, std::vector<std::string> methods) {
  MethodBenchRequest request;
  request.methods = std::move(methods);
  request.cells = cells;
  request.recipes = sources() / "configs/ssl/tiny";
  request.tests = sources() / "tests/ssl";
  return request;
}

// A cell as it would be measured: every patient scores `score`, patient p0 `more` on top.
Cell measured(const PlannedCell& planned, double score, double more = 0) {
  Cell cell;
  cell.key = planned.key;
  cell.improves = "loss";
  cell.first = 2;
  cell.last = 0.5;
  cell.scores = {{"p0", score + more}, {"p1", score}, {"p2", score}};
  cell.times = {{"step_ms", 40}, {"encoder_ms", 16}, {"peak_mb", 120}, {"seconds", 9}};
  cell.made = {{"version", "0.1"}, {"processor", "a slow one"}, {"threads", "1"}, {"command", "gadolin bench methods"}};
  return cell;
}

std::string row_of(const std::string& page, const std::string& method) {
  const std::size_t begin = page.find("\n| " + method + " ");
  return begin == std::string::npos ? "" : page.substr(begin + 1, page.find('\n', begin + 1) - begin - 1);
}

}  // namespace

TEST(BenchMethods, PlansEveryMethodSeedBySeedWithItsFirstWeightsBeforeIt) {
  const std::vector<PlannedCell> all = pipelines::plan_cells(request_for("cells", {}));
  std::set<std::string> hashes;
  std::size_t methods = 0;
  for (const PlannedCell& cell : all) {
    EXPECT_TRUE(hashes.insert(cell.key.hash()).second) << cell.key.told();
    if (cell.key.kind != "method") continue;
    ++methods;
    EXPECT_TRUE(hashes.contains(pipelines::control_of(cell).hash())) << cell.key.told();
    EXPECT_TRUE(ssl::runs_with(ssl::method_named(cell.key.method), cell.key.encoder)) << cell.key.told();
  }
  EXPECT_EQ(methods, 2 * ssl::methods().size());
  EXPECT_EQ(all[0].key.kind, "random");
  EXPECT_TRUE(
      std::is_sorted(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.key.seed < b.key.seed; }));
  std::size_t shared_out = 0;
  for (const char* const part : {"1/3", "2/3", "3/3"}) shared_out += pipelines::part_of(all, part).size();
  EXPECT_EQ(shared_out, all.size());
  EXPECT_NE(error_of([&] { pipelines::part_of(all, "4/3"); }), "");
  EXPECT_NE(error_of([&] { pipelines::part_of(all, "1"); }), "");
}

TEST(BenchMethods, AnythingThatChangesTheNumbersMakesAnotherCell) {
  MethodBenchRequest request = request_for("cells", {"simclr"});
  const std::string before = pipelines::plan_cells(request)[1].key.hash();
  EXPECT_EQ(pipelines::plan_cells(request)[1].key.hash(), before);
  const auto changed = [&](auto&& change) {
    MethodBenchRequest other = request;
    change(other);
    return pipelines::plan_cells(other)[1].key.hash() != before;
  };
  EXPECT_TRUE(changed([](auto& other) { other.steps = 7; }));
  EXPECT_TRUE(changed([](auto& other) { other.set = {"method.temperature=0.1"}; }));
  EXPECT_TRUE(changed([](auto& other) { other.encoders = {"vit"}; }));
  EXPECT_TRUE(changed([](auto& other) { other.cohort.patients = 20; }));
  EXPECT_TRUE(changed([](auto& other) { other.methods = {"byol"}; }));
  EXPECT_FALSE(changed([](auto& other) { other.threads = 2; }));
}

TEST(BenchMethods, ACellReadsBackAndADamagedOneSaysWhatToDo) {
  const Scratch scratch;
  const PlannedCell planned = pipelines::plan_cells(request_for(scratch.path, {"simclr"}))[1];
  EXPECT_FALSE(pipelines::read_cell(scratch.path, planned.key));
  Cell cell = measured(planned, 0.1, 1.0 / 3);
  cell.last = std::nan("");
  cell.outcome = "diverged";
  cell.story = "loss: \"nan\"";
  pipelines::write_cell(scratch.path, cell);
  const Cell back = pipelines::read_cell(scratch.path, planned.key).value();
  EXPECT_EQ(back.scores, cell.scores);
  EXPECT_EQ(back.times, cell.times);
  EXPECT_EQ(back.made, cell.made);
  EXPECT_EQ(back.story, cell.story);
  EXPECT_TRUE(std::isnan(back.last));
  for (const auto& file : fs::directory_iterator(scratch.path)) write_bytes(file.path(), "{\"key\": ");
  const std::string story = error_of([&] { pipelines::read_cell(scratch.path, planned.key); });
  EXPECT_NE(story.find("remove it"), std::string::npos) << story;
}

TEST(BenchMethods, ThePageSaysWhoBeatsRandomWeightsWhoDoesNotAndWhoWasNotRun) {
  const Scratch scratch;
  MethodBenchRequest request = request_for(scratch.path, {"simclr", "byol", "vicreg", "barlow_twins"});
  request.seeds = 1;
  for (const PlannedCell& planned : pipelines::plan_cells(request)) {
    if (planned.key.kind == "random") pipelines::write_cell(scratch.path, measured(planned, 0.5));
    if (planned.key.method == "simclr") pipelines::write_cell(scratch.path, measured(planned, 0.625));
    if (planned.key.method == "byol") pipelines::write_cell(scratch.path, measured(planned, 0.5, 0.25));
    if (planned.key.method != "vicreg") continue;
    Cell cell = measured(planned, 0);
    cell.outcome = "diverged";
    cell.story = "loss on one batch: from 2 to inf";
    pipelines::write_cell(scratch.path, cell);
  }
  const std::string page = pipelines::methods_page(request);
  const auto has = [&](const std::string& method, const std::string& text) {
    const std::string row = row_of(page, method);
    EXPECT_NE(row.find(text), std::string::npos) << text << ": " << row;
  };
  has("simclr", "+0.125 [+0.125, +0.125]");
  has("simclr", " yes ");
  has("simclr", "loss 2 -> 0.5");
  has("simclr", " 2.5 ");  // 40 ms of 16
  has("simclr", "simclr_test.cpp");
  has("byol", "+0.083 [+0.000, +0.250]");  // one patient of three is better
  has("byol", "not shown");
  has("vicreg", "diverged: loss on one batch: from 2 to inf");
  has("barlow_twins", "not run");
  has("mae", "not run");
  EXPECT_EQ(page.find("nan"), std::string::npos) << page;
  EXPECT_NE(page.find("on a slow one"), std::string::npos);
}

TEST(BenchMethods, ARunThatDivergesIsACellThatSaysSo) {
  const Scratch scratch;
  const std::string command =
      "bench methods --method sparse_autoencoder --seeds 1 --steps 3 --patients 12 --size 32"
      " --set trainer.learning_rate=100 --set data.batch_size=2 --recipes " +
      (sources() / "configs/ssl/tiny").string() + " --cells " + scratch.word("cells") + " --out " +
      scratch.word("page.md");
  const Outcome outcome = gadolin_in_process(command);
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const std::string row = row_of(core::read_text(scratch / "page.md"), "sparse_autoencoder");
  EXPECT_NE(row.find("diverged: "), std::string::npos) << row;
  EXPECT_EQ(row.find("not run"), std::string::npos) << row;
}

TEST(BenchMethods, WhatIsNoneIsRefused) {
  const Scratch scratch;
  const std::string recipes =
      " --recipes " + (sources() / "configs/ssl/tiny").string() + " --cells " + scratch.word("c");
  const Outcome method = gadolin_in_process("bench methods --method simcrl" + recipes);
  EXPECT_EQ(method.exit, 2);
  EXPECT_NE(method.out.find("did you mean simclr?"), std::string::npos) << method.out;
  const Outcome nowhere = gadolin_in_process("bench methods --method simclr --recipes " + scratch.word("nowhere"));
  EXPECT_EQ(nowhere.exit, 2);
  EXPECT_NE(nowhere.out.find("configs/ssl/tiny"), std::string::npos) << nowhere.out;
  EXPECT_EQ(gadolin_in_process("bench methods --method simclr --budget soon" + recipes).exit, 2);
  EXPECT_FALSE(fs::exists(scratch / "c"));
}
