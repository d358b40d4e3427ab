#include "pipelines/split.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/error.h"
#include "store/writer.h"

namespace fs = std::filesystem;

namespace {

// Patients P0, P1, ... with two cases each; odd patients are of class 1; case "Pk-b" of every third has no label map.
class TwoScansEach : public testing::Test {
 protected:
  TwoScansEach() : path_(fs::temp_directory_path() / ("gadolin-split-" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    store::Writer writer(path_ / "store");
    for (int patient = 0; patient < 12; ++patient) {
      for (const char* scan : {"a", "b"}) {
        volume::Case one;
        one.id = "P" + std::to_string(patient) + "-" + scan;
        one.groups.patient = "P" + std::to_string(patient);
        one.scalars["class"] = patient % 2;
        one.channels.push_back({"T1", "MR", volume::Volume({4, 4, 4}, volume::VoxelType::kInt16, {})});
        if (*scan == 'a' || patient % 3 != 0) one.label_map = volume::Volume({4, 4, 4}, volume::VoxelType::kUInt8, {});
        writer.add(one);
      }
    }
    writer.commit();
    reader_ = std::make_unique<store::Reader>(path_ / "store");
  }
  ~TwoScansEach() override { fs::remove_all(path_); }

  fs::path file(const std::string& text) const {
    std::ofstream(path_ / "split.csv") << text;
    return path_ / "split.csv";
  }
  std::vector<std::int64_t> all() const {
    std::vector<std::int64_t> indices;
    for (std::int64_t i = 0; i < reader_->size(); ++i) indices.push_back(i);
    return indices;
  }
  std::string patient(std::int64_t index) const { return reader_->summary(index).groups.patient; }

  fs::path path_;
  std::unique_ptr<store::Reader> reader_;
};

}  // namespace

TEST_F(TwoScansEach, APatientIsNeverOnBothSides) {
  const pipelines::Split split = pipelines::split_by_patient(*reader_, 0.4, 7);
  std::map<std::string, std::set<std::string>> sets;
  for (const std::int64_t i : all()) sets[patient(i)].insert(split.set_of.at(reader_->summary(i).id));
  for (const auto& [one, own] : sets) EXPECT_EQ(own.size(), 1U) << one;
  const auto test = pipelines::cases_of(split, "test", *reader_), train = pipelines::cases_of(split, "train", *reader_);
  EXPECT_EQ(test.size() + train.size(), 24U);
  EXPECT_FALSE(test.empty());
  EXPECT_NE(split.set_of, pipelines::split_by_patient(*reader_, 0.4, 8).set_of);
}

TEST_F(TwoScansEach, AFileWithAPatientInTwoSetsOrACaseTwiceIsRefused) {
  EXPECT_THROW(pipelines::read_split(file("case,set,patient\nP1-a,train,P1\nP1-b,test,P1\n")), core::Error);
  EXPECT_THROW(pipelines::read_split(file("case,set\nP1-a,train\nP1-a,test\n")), core::Error);
  const pipelines::Split split = pipelines::read_split(file("case,set\nP1-a,train\nP2-a,test\nP99-a,test\n"));
  EXPECT_EQ(pipelines::cases_of(split, "test", *reader_).size(), 1U);
  try {
    pipelines::cases_of(split, "validation", *reader_);
    FAIL();
  } catch (const core::Error& error) {
    EXPECT_NE(std::string(error.what()).find("test (2), train (1)"), std::string::npos) << error.what();
  }
}

TEST_F(TwoScansEach, ADrawTakesWholePatientsAndIsTheSameEachTime) {
  const auto cases = all();
  const auto drawn = pipelines::draw_labelled({}, *reader_, cases, 6, 0, 1);
  EXPECT_EQ(drawn, pipelines::draw_labelled({}, *reader_, cases, 6, 0, 1));
  EXPECT_NE(drawn, pipelines::draw_labelled({}, *reader_, cases, 6, 1, 1));
  EXPECT_NE(drawn, pipelines::draw_labelled({}, *reader_, cases, 6, 0, 2));
  ASSERT_EQ(drawn.size(), 6U);
  std::map<std::string, int> given;
  for (const std::int64_t i : drawn) {
    EXPECT_TRUE(reader_->summary(i).has_labels);
    ++given[patient(i)];
  }
  int parts = 0;
  for (const auto& [one, count] : given) parts += count < (one[1] % 3 == 0 && one.size() == 2 ? 1 : 2);
  EXPECT_LE(parts, 2) << "at most the last patient gives a part (P9 and its like have one labelled case)";
  EXPECT_THROW(pipelines::draw_labelled({}, *reader_, cases, 21, 0, 1), core::Error) << "20 have a label map";
}

TEST_F(TwoScansEach, ADrawForATargetShowsEveryClassAlike) {
  const auto drawn = pipelines::draw_labelled({}, *reader_, all(), 4, 3, 1, "class");
  int ill = 0;
  for (const std::int64_t i : drawn) ill += reader_->summary(i).scalars.at("class") == 1;
  EXPECT_EQ(ill, 2);
  EXPECT_THROW(pipelines::draw_labelled({}, *reader_, all(), 4, 3, 1, "grade"), core::Error);
}
