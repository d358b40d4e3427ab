#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <thread>

#include "../scratch.h"
#include "core/files.h"
#include "core/table.h"
#include "gadolin.h"
#include "prepare/plan.h"
#include "store/reader.h"
#include "store/writer.h"
#include "volume/phantom.h"
#include "volume/reorient.h"

namespace fs = std::filesystem;

namespace {

volume::PhantomOptions cohort_of(std::int64_t patients) {
  volume::PhantomOptions options;
  options.patients = patients;
  options.size = 28;
  return options;
}

// A raw store of phantoms; `damaged` has no finite voxel.
void raw_store(const fs::path& folder, std::int64_t patients, std::int64_t damaged = -1) {
  const volume::PhantomOptions options = cohort_of(patients);
  store::WriterOptions writing;
  const std::vector<std::string> names = volume::phantom_label_names(options);
  for (std::size_t i = 0; i < names.size(); ++i) writing.label_names[static_cast<int>(i)] = names[i];
  store::Writer writer(folder, writing);
  for (std::int64_t i = 0; i < patients; ++i) {
    volume::Case one = volume::phantom_case(options, i);
    if (i == damaged) {
      const volume::Volume& image = *one.channels[0].image;
      volume::Volume broken(image.shape(), volume::VoxelType::kFloat32, image.geometry);
      for (float& voxel : broken.voxels<float>()) voxel = std::nanf("");
      one.channels[0].image = std::move(broken);
    }
    writer.add(one, "phantom");
  }
  writer.commit();
}

Outcome run_prepare(const std::string& arguments) { return quick_gadolin("prepare " + arguments); }

// A run in a process of its own, silent; the caller waits for it.
pid_t begun(const fs::path& from, const fs::path& to) {
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const pid_t child =
      begin_gadolin("prepare " + quoted(from) + " " + quoted(to) + " --commit-every 0 --workers 1", null);
  ::close(null);
  return child;
}

}  // namespace

TEST(Prepare, ARawStoreBecomesAPreparedOneWhateverTheNumberOfWorkers) {
  const Scratch folder;
  raw_store(folder / "raw", 6);
  const Outcome one = run_prepare(quoted(folder / "raw") + " " + quoted(folder / "one") + " --workers 1");
  ASSERT_EQ(one.exit, 0) << one.out;
  EXPECT_NE(one.out.find("fingerprint of 6 cases"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("forecast: 6 cases"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("prepare: 6 added; 6 in the store"), std::string::npos) << one.out;
  ASSERT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "three") + " --workers 3").exit, 0);
  const store::Reader ready(folder / "one"), raw(folder / "raw");
  EXPECT_EQ(ready.data_hash(), store::Reader(folder / "three").data_hash());
  EXPECT_EQ(ready.plan_yaml(), core::read_text(folder / "one/plan.yaml"));
  EXPECT_EQ(ready.label_names(), raw.label_names());
  const prepare::Plan plan = prepare::plan_from_yaml(ready.plan_yaml(), "plan.yaml");
  for (std::int64_t i = 0; i < 6; ++i) {
    const store::CaseSummary &now = ready.summary(i), &before = raw.summary(i);
    EXPECT_EQ(now.id, before.id);
    EXPECT_EQ(now.scalars, before.scalars);
    EXPECT_EQ(now.report, before.report);
    EXPECT_EQ(now.groups.patient, before.groups.patient);
    EXPECT_EQ(now.channels[0].type, volume::VoxelType::kFloat32);
    EXPECT_EQ(volume::orientation(now.geometry), "SPL");
    for (std::size_t a = 0; a < 3; ++a) {
      EXPECT_NEAR(now.geometry.spacing_mm[a], plan.spacing_mm[a], 1e-3 * plan.spacing_mm[a]);
    }
  }
  EXPECT_EQ(core::read_csv(folder / "one/prepare_report.csv").rows.size(), 6U);
}

TEST(Prepare, Int16VoxelsTakeHalfTheDiskAndSayWhatRoundingDid) {
  const Scratch folder;
  raw_store(folder / "raw", 2);
  const std::string raw = quoted(folder / "raw") + " ";
  ASSERT_EQ(run_prepare(raw + quoted(folder / "float")).exit, 0);
  const Outcome rounded = run_prepare(raw + quoted(folder / "int16") + " --set voxels=int16");
  ASSERT_EQ(rounded.exit, 0) << rounded.out;
  EXPECT_NE(rounded.out.find("rounding changed no prepared value by more than"), std::string::npos) << rounded.out;
  const store::Reader exact(folder / "float"), small(folder / "int16");
  const volume::Volume truth = exact.read(0, 0, exact.whole(0)), kept = small.read(0, 0, small.whole(0));
  ASSERT_EQ(kept.type(), volume::VoxelType::kInt16);
  for (std::size_t i = 0; i < truth.voxels<float>().size(); i += 7) {
    const double meant = kept.voxels<std::int16_t>()[i] * kept.scale + kept.offset;
    ASSERT_NEAR(meant, static_cast<double>(truth.voxels<float>()[i]), 0.50001 * kept.scale);
  }
  EXPECT_LT(kept.scale, 1e-3);
  EXPECT_EQ(run_prepare(raw + quoted(folder / "int8") + " --set voxels=int8").exit, 2);
}

TEST(Prepare, ASecondRunGoesOnByThePlanOfTheStoreAndFindsAllThere) {
  const Scratch folder;
  raw_store(folder / "raw", 3);
  const std::string both = quoted(folder / "raw") + " " + quoted(folder / "out");
  ASSERT_EQ(run_prepare(both + " --set margin_mm=3").exit, 0);
  const std::string hash = store::Reader(folder / "out").data_hash();
  const Outcome again = run_prepare(both);
  EXPECT_EQ(again.exit, 0) << again.out;
  EXPECT_NE(again.out.find("3 already there"), std::string::npos) << again.out;
  EXPECT_EQ(run_prepare(both + " --set margin_mm=3 --json").exit, 0);  // the same command line
  EXPECT_EQ(store::Reader(folder / "out").data_hash(), hash);
}

TEST(Prepare, AnotherPlanThanTheStoresIsRefusedWithAHint) {
  const Scratch folder;
  raw_store(folder / "raw", 2);
  const std::string both = quoted(folder / "raw") + " " + quoted(folder / "out");
  ASSERT_EQ(run_prepare(both).exit, 0);
  const std::string hash = store::Reader(folder / "out").data_hash();
  const Outcome other = run_prepare(both + " --set 'spacing_mm=[3, 3, 3]'");
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("by another plan"), std::string::npos) << other.out;
  EXPECT_NE(other.out.find("hint: name another folder"), std::string::npos) << other.out;
  EXPECT_EQ(store::Reader(folder / "out").data_hash(), hash);
}

TEST(Prepare, APlanThatAPersonEditedIsFollowed) {
  const Scratch folder;
  raw_store(folder / "raw", 2);
  ASSERT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "first")).exit, 0);
  prepare::Plan plan = prepare::plan_from_yaml(core::read_text(folder / "first/plan.yaml"), "plan.yaml");
  plan.orientation = "LAI";
  plan.spacing_mm = {3, 2.5, 2};
  plan.channels[0].scheme = prepare::Scheme::kKeep;
  std::ofstream(folder / "edited.yaml") << "# mine\n" << prepare::to_yaml(plan);
  const Outcome outcome = run_prepare(quoted(folder / "raw") + " " + quoted(folder / "second") + " --plan " +
                                      quoted(folder / "edited.yaml"));
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const store::Reader reader(folder / "second");
  EXPECT_EQ(volume::orientation(reader.summary(1).geometry), "LAI");
  EXPECT_EQ(reader.summary(1).geometry.spacing_mm, plan.spacing_mm);
  std::ofstream(folder / "wrong.yaml") << "orientation: SPL\npach: [1, 2, 3]\n";
  const Outcome wrong =
      run_prepare(quoted(folder / "raw") + " " + quoted(folder / "third") + " --plan " + quoted(folder / "wrong.yaml"));
  EXPECT_EQ(wrong.exit, 2) << wrong.out;
  EXPECT_NE(wrong.out.find("wrong.yaml:2"), std::string::npos) << wrong.out;
  EXPECT_NE(wrong.out.find("'patch'"), std::string::npos) << wrong.out;
  EXPECT_FALSE(fs::exists(folder / "third"));
}

TEST(Prepare, ABadCaseIsARowOfTheReportAndTheOthersAreThere) {
  const Scratch folder;
  raw_store(folder / "raw", 4, 2);
  const Outcome outcome = run_prepare(quoted(folder / "raw") + " " + quoted(folder / "out"));
  EXPECT_EQ(outcome.exit, 4) << outcome.out;
  EXPECT_NE(outcome.out.find("3 added, 1 failed; 1 PLAN"), std::string::npos) << outcome.out;
  EXPECT_EQ(store::Reader(folder / "out").size(), 3);
  const core::Table report = core::read_csv(folder / "out/prepare_report.csv");
  ASSERT_EQ(report.rows.size(), 4U);
  EXPECT_EQ(report.rows[2][1], "failed");
  EXPECT_NE(report.rows[2][3].find("no finite voxel"), std::string::npos) << report.rows[2][3];
}

TEST(Prepare, ADryRunTellsThePlanAndWritesNothing) {
  const Scratch folder;
  raw_store(folder / "raw", 3);
  const Outcome text = run_prepare(quoted(folder / "raw") + " --dry-run");
  EXPECT_EQ(text.exit, 0) << text.out;
  EXPECT_NE(text.out.find("orientation: SPL  # "), std::string::npos) << text.out;
  const Outcome json = run_prepare(quoted(folder / "raw") + " " + quoted(folder / "out") + " --dry-run --json");
  EXPECT_EQ(json.exit, 0) << json.out;
  EXPECT_NE(json.out.find("\"dry_run\":true"), std::string::npos) << json.out;
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST(Prepare, WrongArgumentsAreToldWithTwo) {
  const Scratch folder;
  raw_store(folder / "raw", 2);
  const std::string both = quoted(folder / "raw") + " " + quoted(folder / "out");
  EXPECT_EQ(run_prepare(quoted(folder / "raw")).exit, 2);
  const Outcome unknown = run_prepare(both + " --set spacing=1");
  EXPECT_EQ(unknown.exit, 2) << unknown.out;
  EXPECT_NE(unknown.out.find("spacing_mm"), std::string::npos) << unknown.out;
  EXPECT_EQ(run_prepare(both + " --plan " + quoted(folder / "gone.yaml")).exit, 2);
  EXPECT_NE(run_prepare(quoted(folder / "gone") + " " + quoted(folder / "out")).exit, 0);
  EXPECT_FALSE(fs::exists(folder / "out"));
  ASSERT_EQ(run_prepare(both).exit, 0);
  const Outcome twice = run_prepare(quoted(folder / "out") + " " + quoted(folder / "again"));
  EXPECT_EQ(twice.exit, 2) << twice.out;
  EXPECT_NE(twice.out.find("prepared already"), std::string::npos) << twice.out;
}

TEST(Prepare, KilledAtAnyMomentTheNextRunGoesOnAndTheStoreIsThatOfAnUnbrokenRun) {
  const Scratch folder;
  raw_store(folder / "raw", 12);
  ASSERT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "whole")).exit, 0);
  const store::Reader whole(folder / "whole");
  int killed_inside = 0;
  for (const int wait_ms : {2, 40, 80, 140}) {
    const fs::path broken = folder / ("broken" + std::to_string(wait_ms));
    const pid_t child = begun(folder / "raw", broken);
    ASSERT_GT(child, 0);
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
    ::kill(child, SIGKILL);
    wait_for(child);
    if (fs::exists(broken / "manifest.json")) {
      const std::int64_t there = store::Reader(broken).size();  // what is published is whole
      killed_inside += there > 0 && there < 12;
    }
    const Outcome rest = run_prepare(quoted(folder / "raw") + " " + quoted(broken));
    EXPECT_EQ(rest.exit, 0) << rest.out;
    EXPECT_EQ(store::Reader(broken).data_hash(), whole.data_hash()) << "killed after " << wait_ms << " ms";
    EXPECT_EQ(core::read_text(broken / "plan.yaml"), whole.plan_yaml());
  }
  RecordProperty("killed_inside", killed_inside);
}

TEST(Prepare, ASignalEndsTheRunAfterACommitWithFive) {
  const Scratch folder;
  raw_store(folder / "raw", 30);
  const pid_t child = begun(folder / "raw", folder / "out");
  ASSERT_GT(child, 0);
  for (int i = 0; i < 1000 && !fs::exists(folder / "out/shards/shard-0000.h5"); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  ::kill(child, SIGTERM);
  const int exit = wait_for(child);
  if (exit == 0) GTEST_SKIP() << "the machine was too fast to be interrupted";
  EXPECT_EQ(exit, 5);
  EXPECT_GT(store::Reader(folder / "out").size(), 0);
  EXPECT_LT(store::Reader(folder / "out").size(), 30);
  EXPECT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "out")).exit, 0);
  EXPECT_EQ(store::Reader(folder / "out").size(), 30);
}

TEST(Prepare, WhereNothingMoreCanBeWrittenOneErrorSaysSoAndTheNextRunCompletesTheStore) {
  const Scratch folder;
  raw_store(folder / "raw", 4);
  // Files may not grow beyond 32 KiB; the signal that comes with it is ignored, so that write() fails as on a full
  // disk.
  const std::string limited = "trap '' XFSZ; ulimit -f 64; exec '" GADOLIN_BINARY "' prepare " +
                              quoted(folder / "raw") + " " + quoted(folder / "out") + " >" + quoted(folder / "log") +
                              " 2>&1";
  const int status = std::system(("sh -c \"" + limited + "\"").c_str());
  ASSERT_TRUE(WIFEXITED(status));
  const std::string told = core::read_text(folder / "log");
  EXPECT_EQ(WEXITSTATUS(status), 3) << told;
  EXPECT_NE(told.find("cannot write"), std::string::npos) << told;
  const std::size_t first = told.find("gadolin: ");
  ASSERT_NE(first, std::string::npos) << told;
  EXPECT_EQ(told.find("gadolin: ", first + 1), std::string::npos) << told;
  EXPECT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "out")).exit, 0);
  EXPECT_EQ(store::Reader(folder / "out").size(), 4);
}

TEST(Prepare, MaskAndBiasCorrectionAreToldRecordedAndTheSameWithAnyNumberOfWorkers) {
  const Scratch folder;
  raw_store(folder / "raw", 3);
  const std::string raw = quoted(folder / "raw") + " ";
  const std::string asked = " --set mask=body --set bias.correct=true --set bias.levels=2 --set bias.iterations=3";
  const Outcome one = run_prepare(raw + quoted(folder / "one") + asked + " --workers 1");
  if (one.out.find("built without ITK") != std::string::npos) {
    EXPECT_EQ(one.exit, 2);
    EXPECT_NE(one.out.find("hint: leave bias.correct off"), std::string::npos) << one.out;
    return;
  }
  ASSERT_EQ(one.exit, 0) << one.out;
  EXPECT_NE(one.out.find("outside of the body becomes ground"), std::string::npos) << one.out;
  EXPECT_NE(one.out.find("bias fields of T1 are divided out"), std::string::npos) << one.out;
  ASSERT_EQ(run_prepare(raw + quoted(folder / "two") + asked + " --workers 3").exit, 0);
  ASSERT_EQ(run_prepare(raw + quoted(folder / "plain")).exit, 0);
  const store::Reader masked(folder / "one");
  EXPECT_EQ(masked.data_hash(), store::Reader(folder / "two").data_hash());
  EXPECT_NE(masked.data_hash(), store::Reader(folder / "plain").data_hash());
  const prepare::Plan plan = prepare::plan_from_yaml(masked.plan_yaml(), "plan.yaml");
  EXPECT_EQ(plan.mask, "body");
  EXPECT_EQ(plan.bias, (prepare::BiasSettings{true, 4, 2, 3}));
  EXPECT_EQ(run_prepare(raw + quoted(folder / "no") + " --set mask=brains").exit, 2);
  EXPECT_EQ(run_prepare(raw + quoted(folder / "no") + " --set bias.iterations=0").exit, 2);
}

TEST(Prepare, AStoreBegunBeforeThePlanHadItsNewestKeysGoesOnByItsOwnText) {
  const Scratch folder;
  raw_store(folder / "raw", 2);
  ASSERT_EQ(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "new")).exit, 0);
  std::string text = store::Reader(folder / "new").plan_yaml();
  const std::size_t first = text.find("mask: "), last = text.find("channels:");
  ASSERT_LT(first, last);
  text.erase(first, last - first);
  store::WriterOptions options;
  options.label_names = store::Reader(folder / "raw").label_names();
  options.plan_yaml = text;
  store::Writer(folder / "old", options).commit();
  const Outcome on = run_prepare(quoted(folder / "raw") + " " + quoted(folder / "old"));
  ASSERT_EQ(on.exit, 0) << on.out;
  EXPECT_EQ(store::Reader(folder / "old").plan_yaml(), text);
  EXPECT_NE(run_prepare(quoted(folder / "raw") + " " + quoted(folder / "old")).out.find("2 already there"),
            std::string::npos);
}

// What fine-tuning needs: another cohort on the grid and the scale that pretraining saw.
TEST(Prepare, ThePlanOfOneDataSetPreparesAnotherAsItIs) {
  const Scratch folder;
  raw_store(folder / "large", 3);
  ASSERT_EQ(run_prepare(quoted(folder / "large") + " " + quoted(folder / "pretraining") +
                        " --set mask=body --set patch=[40,48,56]")
                .exit,
            0);
  {
    // Other patients, another spacing, smaller than the patch, a channel of another name, a single slice among them.
    store::Writer writer(folder / "small");
    volume::PhantomOptions options = cohort_of(2);
    options.seed = 9;
    options.size = 20;
    for (std::int64_t i = 0; i < 2; ++i) {
      volume::Case one = volume::phantom_case(options, i);
      one.channels[0].name = "image";
      if (i == 1) {
        const volume::Shape& shape = one.reference().shape();
        const volume::VoxelBox slice{{shape.depth / 2, 0, 0}, {1, shape.height, shape.width}};
        one.channels[0].image = volume::crop(*one.channels[0].image, slice);
        one.label_map = volume::crop(*one.label_map, slice);
      }
      writer.add(one, "phantom");
    }
    writer.commit();
  }
  const Outcome taken = run_prepare(quoted(folder / "small") + " " + quoted(folder / "finetuning") + " --plan " +
                                    quoted(folder / "pretraining/plan.yaml"));
  ASSERT_EQ(taken.exit, 0) << taken.out;
  const store::Reader before(folder / "pretraining"), after(folder / "finetuning");
  EXPECT_EQ(after.plan_yaml(), before.plan_yaml());
  const prepare::Plan plan = prepare::plan_from_yaml(after.plan_yaml(), "plan.yaml");
  ASSERT_EQ(after.size(), 2);
  for (std::int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(after.summary(i).channels[0].name, "T1");
    EXPECT_EQ(volume::orientation(after.summary(i).geometry), "SPL");
    EXPECT_TRUE(after.summary(i).has_labels);
    for (std::size_t a = 0; a < 3; ++a)
      EXPECT_NEAR(after.summary(i).geometry.spacing_mm[a], plan.spacing_mm[a], 1e-3 * plan.spacing_mm[a]);
  }
}

TEST(Prepare, CasesWithUnlikeNumbersOfChannelsAreAllPrepared) {
  const Scratch folder;
  {
    store::Writer writer(folder / "raw");
    volume::PhantomOptions options = cohort_of(3);
    options.channels = 2;
    for (std::int64_t i = 0; i < 3; ++i) {
      volume::Case one = volume::phantom_case(options, i);
      if (i == 1) one.channels.pop_back();
      if (i == 2) one.channels[0].image.reset();
      writer.add(one, "phantom");
    }
    writer.commit();
  }
  for (const char* asked : {"", " --set mask=body"}) {
    const fs::path out = folder / (std::string("out") + (*asked != '\0' ? "masked" : ""));
    const Outcome done = run_prepare(quoted(folder / "raw") + " " + quoted(out) + asked);
    ASSERT_EQ(done.exit, 0) << done.out;
    const store::Reader ready(out);
    ASSERT_EQ(ready.size(), 3);
    for (std::int64_t i = 0; i < 3; ++i) {
      ASSERT_EQ(ready.summary(i).channels.size(), 2U);
      EXPECT_EQ(ready.summary(i).channels[0].present, i != 2);
      EXPECT_EQ(ready.summary(i).channels[1].present, i != 1);
    }
  }
}
