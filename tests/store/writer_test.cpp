#include "store/writer.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <limits>

#include "cases.h"
#include "killed.h"

namespace fs = std::filesystem;

namespace {

std::string add_error(store::Writer& writer, const volume::Case& one) {
  return error_of([&] { writer.add(one); });
}

// Runs `body` in a process of its own; its exit status.
template <class Body>
int in_another_process(Body&& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST(StoreWriter, WhatWasNotCommittedIsNotThereAndTheNextWriterGoesOn) {
  const Scratch scratch;
  {
    store::Writer writer(scratch / "s");
    writer.add(small_case(0), "source a");
    writer.commit();
    writer.add(small_case(1), "source b");
    EXPECT_TRUE(writer.has("case-101", "source b"));
    EXPECT_EQ(writer.size(), 2);
    EXPECT_EQ(store::Reader(scratch / "s").size(), 1);
  }
  const store::Reader before(scratch / "s");
  store::Writer writer(scratch / "s");
  EXPECT_TRUE(writer.has("case-100", "source a"));
  EXPECT_FALSE(writer.has("case-100", "source b"));
  EXPECT_FALSE(writer.has("case-101", "source b"));
  writer.add(small_case(1));
  writer.commit();
  EXPECT_EQ(store::Reader(scratch / "s").size(), 2);
  EXPECT_EQ(before.size(), 1);  // a reader sees what there was when it was made
  EXPECT_TRUE(same_voxels(before.read(0, 0, before.whole(0)), *small_case(0).channels[0].image));
}

TEST(StoreWriter, ASecondWriterIsRefusedFromThisProcessAndFromAnother) {
  const Scratch scratch;
  {
    const store::Writer first(scratch / "s");
    const std::string error = error_of([&] { store::Writer second(scratch / "s"); });
    EXPECT_NE(error.find("another command is writing into this store: process " + std::to_string(::getpid()) + " on "),
              std::string::npos)
        << error;
    EXPECT_EQ(in_another_process([&] { return error_of([&] { store::Writer(scratch / "s"); }).empty() ? 0 : 7; }), 7);
  }
  EXPECT_EQ(error_of([&] { store::Writer again(scratch / "s"); }), "");
}

TEST(StoreWriter, ABadCaseIsAnErrorAndTheOthersGoOn) {
  const Scratch scratch;
  store::Writer writer(scratch / "s", {.label_names = {{0, "background"}, {1, "a"}, {2, "b"}, {9, "c"}}});
  volume::Case one = small_case(0);
  one.label_map->voxels<std::int32_t>()[4] = 5;
  EXPECT_NE(add_error(writer, one).find("holds class 5 (1 voxels), which is not declared"), std::string::npos);
  one.label_map->voxels<std::int32_t>()[4] = -1;
  EXPECT_NE(add_error(writer, one).find("the value -1"), std::string::npos);
  one.label_map->voxels<std::int32_t>()[4] = 70000;
  EXPECT_NE(add_error(writer, one).find("the value 70000"), std::string::npos);
  one = small_case(0);
  one.scalars["score"] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_NE(add_error(writer, one).find("scalar 'score'"), std::string::npos);
  one = small_case(0);
  one.report =
      "Gr\xf6\xdf"
      "e";  // Latin-1
  EXPECT_NE(add_error(writer, one).find("the report is not UTF-8 text"), std::string::npos);
  one = small_case(0);
  one.label_map = classes({5, 6, 8}, 9);
  EXPECT_NE(add_error(writer, one).find("another shape"), std::string::npos);
  EXPECT_EQ(writer.size(), 0);
  EXPECT_EQ(add_error(writer, small_case(0)), "");  // its id was not taken by the failures
  const std::string twice = add_error(writer, small_case(0));
  EXPECT_NE(twice.find("case-100: a case of this id is in the store already"), std::string::npos) << twice;
  writer.commit();
  EXPECT_EQ(store::Reader(scratch / "s").size(), 1);
}

TEST(StoreWriter, OtherLabelNamesOrAnotherPlanAreRefused) {
  const Scratch scratch;
  {
    store::Writer writer(scratch / "s", {.label_names = {{9, "c"}, {2, "b"}, {1, "a"}}, .plan_yaml = "spacing: 1\n"});
    writer.add(small_case(0));
    writer.commit();
  }
  const auto opening = [&](const store::WriterOptions& options) {
    return error_of([&] { store::Writer(scratch / "s", options); });
  };
  EXPECT_NE(opening({.label_names = {{1, "b"}}}).find("other label names"), std::string::npos);
  EXPECT_NE(opening({.plan_yaml = "spacing: 2\n"}).find("another plan"), std::string::npos);
  EXPECT_EQ(opening({}), "");
  EXPECT_NE(error_of([&] { store::Writer(scratch / "t", {.plan_yaml = "\xff"}); }).find("the plan is not UTF-8"),
            std::string::npos);
}

TEST(StoreWriter, NothingOfAnotherIsTouched) {
  const Scratch scratch;
  fs::create_directories(scratch / "archive");
  write_bytes(scratch / "archive/image.nii", "x");
  const std::string error = error_of([&] { store::Writer(scratch / "archive/"); });
  EXPECT_NE(error.find("store archive: the folder holds something else: image.nii"), std::string::npos) << error;
  EXPECT_EQ(std::distance(fs::directory_iterator(scratch / "archive"), {}), 1);
  {
    store::Writer writer(scratch / "s", {.cases_per_shard = 1});
    for (int i = 0; i < 3; ++i) writer.add(small_case(i));
  }
  fs::remove(scratch / "s/manifest.json");  // lost by accident: the shards must not follow
  EXPECT_NE(error_of([&] { store::Writer(scratch / "s"); }).find("shard-000"), std::string::npos);
  EXPECT_TRUE(fs::exists(scratch / "s/shards/shard-0002.h5"));
  write_bytes(scratch / "file", "x");
  EXPECT_NE(error_of([&] { store::Writer(scratch / "file"); }), "");
  write_bytes(scratch / "archive/manifest.json", "{}");
  EXPECT_NE(error_of([&] { store::Writer(scratch / "archive"); }).find("not that of a store"), std::string::npos);
}

TEST(StoreWriter, OnAFullDiskTheErrorSaysSoAndWhatWasPublishedStays) {
  const Scratch scratch;
  const fs::path folder = scratch / "s";
  const int status = in_another_process([&] {
    store::Writer writer(folder, {.layout = {.compression = 0}});
    writer.add(small_case(0));
    writer.commit();
    ::signal(SIGXFSZ, SIG_IGN);  // write() fails as on a full disk
    const rlimit limit{100000, 100000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    writer.add(small_case(1, {40, 40, 40}));
    const std::string first = error_of([&] { writer.commit(); });
    if (first.find("publish 1 cases: cannot write shard-0001.h5: File too large") == std::string::npos) return 1;
    if (error_of([&] { writer.commit(); }) != first) return 2;  // every later call says the same
    if (error_of([&] { writer.add(small_case(2)); }).empty()) return 3;
    if (writer.size() != 1 || writer.has("case-101", "")) return 4;
    return 0;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(store::Reader(folder).size(), 1);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder / "shards"), {}), 1) << "nothing half-written is left";
  store::Writer writer(folder);
  writer.add(small_case(1, {40, 40, 40}));
  writer.commit();
  EXPECT_EQ(store::Reader(folder).size(), 2);
}

TEST(StoreWriter, KilledAtAnyMomentTheStoreOpensAndTheNextWriterCompletesIt) {
  const Scratch scratch;
  const KillTally tally = kill_writers(scratch.path, 8);
  EXPECT_EQ(tally.broken, 0);
  EXPECT_EQ(tally.incomplete, 0);
  EXPECT_GT(tally.inside, 0) << "no writer was killed at work";
}
