#include <gtest/gtest.h>

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

#include "../scratch.h"
#include "core/files.h"
#include "gadolin.h"
#include "io/dicom.h"
#include "io/format.h"
#include "store/reader.h"
#include "store/writer.h"
#include "volume/phantom.h"

namespace fs = std::filesystem;

namespace {

Outcome inspect(const std::string& arguments) { return quick_gadolin("inspect " + arguments); }

boost::json::object inspected(const std::string& arguments) {
  const Outcome outcome = inspect(arguments + " --json");
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  return boost::json::parse(outcome.out).as_object();
}

std::string text_of(const boost::json::value& value) { return std::string(value.as_string()); }

volume::PhantomOptions small_cohort() {
  volume::PhantomOptions options;
  options.patients = 3;
  options.size = 24;
  return options;
}

void phantoms_at(const fs::path& folder) {
  const volume::PhantomOptions options = small_cohort();
  store::WriterOptions writing;
  const std::vector<std::string> names = volume::phantom_label_names(options);
  for (std::size_t i = 0; i < names.size(); ++i) writing.label_names[static_cast<int>(i)] = names[i];
  store::Writer writer(folder, writing);
  for (std::int64_t i = 0; i < options.patients; ++i) writer.add(volume::phantom_case(options, i));
  writer.commit();
}

// The layout of safetensors by hand: length of the header, header, bytes.
void weights_file(const fs::path& path, const std::string& header, std::size_t bytes) {
  std::ofstream file(path, std::ios::binary);
  for (std::size_t i = 0; i < 8; ++i) file.put(static_cast<char>(header.size() >> (8 * i) & 0xff));
  file << header << std::string(bytes, '\x01');
}

// Width and height of a PNG; {0, 0} when it is none.
std::pair<std::uint32_t, std::uint32_t> png_size(const fs::path& path) {
  const std::string bytes = core::read_text(path);
  if (!bytes.starts_with("\x89PNG\r\n\x1a\n") || bytes.size() < 200) return {0, 0};
  const auto number = [&](std::size_t at) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
    return value;
  };
  return {number(16), number(20)};
}

void expect_picture(const fs::path& path, std::uint32_t least_width, std::uint32_t least_height) {
  const auto [width, height] = png_size(path);
  EXPECT_GE(width, least_width) << path;
  EXPECT_GE(height, least_height) << path;
  EXPECT_LE(width, 4000U) << path;
  EXPECT_LE(height, 8000U) << path;
}

}  // namespace

TEST(Inspect, AStoreIsToldAsTextAndAsJsonAndShown) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  const Outcome text = inspect(quoted(folder / "raw") + " --png " + quoted(folder / "raw.png"));
  ASSERT_EQ(text.exit, 0) << text.out;
  for (const char* fact :
       {"store\n", "cases", "patients", "channel T1", "3 MR int16", "spleen", "P0001", "with a report"})
    EXPECT_NE(text.out.find(fact), std::string::npos) << fact << "\n" << text.out;
  expect_picture(folder / "raw.png", 500, 100);
  const boost::json::object all = inspected(quoted(folder / "raw"));
  EXPECT_EQ(text_of(all.at("kind")), "store");
  EXPECT_EQ(all.at("facts").at("cases").to_number<std::int64_t>(), 3);
  EXPECT_EQ(text_of(all.at("facts").at("data hash")), store::Reader(folder / "raw").data_hash());
  EXPECT_EQ(all.at("list").as_array().size(), 3U);
  EXPECT_EQ(text_of(all.at("list").at(1).at("case")), "P0002");
}

TEST(Inspect, WhatTheSourceToldOfTheAcquisitionIsCountedAndToldOfACase) {
  const Scratch folder;
  store::Writer writer(folder / "raw");
  for (std::int64_t i = 0; i < 3; ++i) {
    volume::Case one = volume::phantom_case(small_cohort(), i);
    if (i < 2) one.facts = {{"echo_time_ms", i == 0 ? "4.6" : "9.2"}, {"kvp", "120"}};
    writer.add(one);
  }
  writer.commit();
  const boost::json::object facts = inspected(quoted(folder / "raw")).at("facts").as_object();
  EXPECT_EQ(facts.at("told echo_time_ms").at("cases").to_number<int>(), 2);
  EXPECT_EQ(facts.at("told echo_time_ms").at("values").at("9.2").to_number<int>(), 1);
  EXPECT_EQ(facts.at("told kvp").at("values").at("120").to_number<int>(), 2);
  const std::string one = inspect(quoted(folder / "raw") + " --case P0002").out;
  EXPECT_NE(one.find("told echo_time_ms"), std::string::npos) << one;
  EXPECT_NE(one.find("9.2"), std::string::npos) << one;
}

TEST(Inspect, NoTextOfAReportIsEverTold) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  const std::string report = store::Reader(folder / "raw").summary(0).report;
  ASSERT_GT(report.size(), 20U);
  const std::string told = inspect(quoted(folder / "raw")).out + inspect(quoted(folder / "raw") + " --case P0001").out +
                           inspect(quoted(folder / "raw") + " --case P0001 --json").out;
  EXPECT_EQ(told.find(report.substr(0, 20)), std::string::npos);
}

TEST(Inspect, APreparedStoreTellsItsPlan) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  ASSERT_EQ(quick_gadolin("prepare " + quoted(folder / "raw") + " " + quoted(folder / "ready")).exit, 0);
  const Outcome text = inspect(quoted(folder / "ready"));
  EXPECT_EQ(text.exit, 0) << text.out;
  EXPECT_NE(text.out.find("\nplan\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("orientation: SPL"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("3 MR float32"), std::string::npos) << text.out;
  const boost::json::object all = inspected(quoted(folder / "ready"));
  EXPECT_EQ(text_of(all.at("plan")), store::Reader(folder / "ready").plan_yaml());
}

TEST(Inspect, OneCaseOfAStoreByItsIdAndAWrongIdWithAHint) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  const boost::json::object one =
      inspected(quoted(folder / "raw") + " --case P0002 --slices 3 --png " + quoted(folder / "one.png"));
  EXPECT_EQ(text_of(one.at("kind")), "case");
  EXPECT_EQ(text_of(one.at("facts").at("case")), "P0002");
  const store::Reader reader(folder / "raw");
  EXPECT_EQ(one.at("facts").at("shape D x H x W").at(0).to_number<std::int64_t>(), reader.summary(1).shape.depth);
  EXPECT_EQ(text_of(one.at("facts").at("hash")), reader.summary(1).hash);
  expect_picture(folder / "one.png", 300, 300);
  const Outcome wrong = inspect(quoted(folder / "raw") + " --case P9");
  EXPECT_EQ(wrong.exit, 2);
  EXPECT_NE(wrong.out.find("hint:"), std::string::npos) << wrong.out;
}

TEST(Inspect, AnImageWithItsLabelMap) {
  const Scratch folder;
  const volume::Case one = volume::phantom_case(small_cohort(), 0);
  io::write_image(folder / "image.nii.gz", one.reference());
  io::write_image(folder / "label.nii.gz", *one.label_map);
  const boost::json::object all = inspected(quoted(folder / "image.nii.gz") + " --label " +
                                            quoted(folder / "label.nii.gz") + " --png " + quoted(folder / "image.png"));
  EXPECT_EQ(text_of(all.at("kind")), "image");
  const boost::json::object& facts = all.at("facts").as_object();
  EXPECT_EQ(text_of(facts.at("format")), "nifti");
  EXPECT_EQ(text_of(facts.at("voxels are")), "int16");
  EXPECT_EQ(text_of(facts.at("axes grow towards")), volume::orientation(one.reference().geometry));
  const auto voxels = one.reference().voxels<std::int16_t>();
  EXPECT_EQ(facts.at("values").at("max").as_double(), *std::ranges::max_element(voxels));
  const auto labels = one.label_map->voxels<std::uint8_t>();
  EXPECT_EQ(facts.at("class 1").at("voxels").to_number<std::int64_t>(), std::ranges::count(labels, 1));
  expect_picture(folder / "image.png", 500, 100);
  const Outcome map = inspect(quoted(folder / "label.nii.gz"));  // by itself
  EXPECT_EQ(map.exit, 0);
  EXPECT_NE(map.out.find("class 1"), std::string::npos) << map.out;
}

TEST(Inspect, AFolderOfImagesIsACohort) {
  const Scratch folder;
  for (std::int64_t i = 0; i < 3; ++i) {
    fs::create_directories(folder / "in");
    io::write_image(folder / ("in/scan" + std::to_string(i) + ".nii.gz"),
                    volume::phantom_case(small_cohort(), i).reference());
  }
  const Outcome text = inspect(quoted(folder / "in") + " --png " + quoted(folder / "in.png"));
  ASSERT_EQ(text.exit, 0) << text.out;
  EXPECT_NE(text.out.find("layout       flat"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("scan2"), std::string::npos) << text.out;
  expect_picture(folder / "in.png", 500, 100);
  EXPECT_EQ(text_of(inspected(quoted(folder / "in") + " --case scan1").at("kind")), "case");
}

TEST(Inspect, AFolderOfDicomIsACohortAndOneSeriesIsACase) {
  const Scratch folder;
  for (std::int64_t i = 0; i < 2; ++i) {
    const std::string name = "patient" + std::to_string(i);
    io::write_dicom(folder / ("in/" + name), volume::phantom_case(small_cohort(), i).reference(), {name, name});
  }
  std::ofstream(folder / "in/readme.txt") << "not an image";
  const boost::json::object all = inspected(quoted(folder / "in") + " --png " + quoted(folder / "in.png"));
  EXPECT_EQ(text_of(all.at("kind")), "cohort");
  EXPECT_EQ(text_of(all.at("facts").at("layout")), "dicom");
  EXPECT_EQ(all.at("facts").at("patients").to_number<std::int64_t>(), 2);
  EXPECT_NE(text_of(all.at("facts").at("note")).find("1 files are no DICOM"), std::string::npos);
  expect_picture(folder / "in.png", 300, 100);
  const boost::json::object one = inspected(quoted(folder / "in/patient1"));
  EXPECT_EQ(text_of(one.at("kind")), "case");
  EXPECT_EQ(one.at("facts").at("shape D x H x W").at(1).to_number<std::int64_t>(),
            volume::phantom_case(small_cohort(), 1).reference().shape().height);
  EXPECT_EQ(inspect(quoted(folder / "in")).out.find("patient1"), std::string::npos) << "pseudonyms only";
}

TEST(Inspect, ADamagedImageAmongGoodOnesIsPassedOverInThePicture) {
  const Scratch folder;
  fs::create_directories(folder / "in");
  for (std::int64_t i = 0; i < 2; ++i) {
    io::write_image(folder / ("in/scan" + std::to_string(i) + ".nii.gz"),
                    volume::phantom_case(small_cohort(), i).reference());
  }
  fs::resize_file(folder / "in/scan0.nii.gz", fs::file_size(folder / "in/scan0.nii.gz") / 2);
  const Outcome outcome = inspect(quoted(folder / "in") + " --png " + quoted(folder / "in.png"));
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("TRUNCATED"), std::string::npos) << outcome.out;
  expect_picture(folder / "in.png", 200, 100);
}

TEST(Inspect, WeightsAreToldTensorByTensor) {
  const Scratch folder;
  weights_file(
      folder / "checkpoint-10.gadolin",
      R"({"__metadata__":{"format":"gadolin-checkpoint-1","command":"gadolin pretrain","config":"a: 1\nb: 2\n"},)"
      R"("encoder.stem.weight":{"dtype":"F32","shape":[4,1,3,3,3],"data_offsets":[0,432]},)"
      R"("head.bias":{"dtype":"F16","shape":[7],"data_offsets":[432,446]}})",
      446);
  const boost::json::object all = inspected(quoted(folder / "checkpoint-10.gadolin"));
  EXPECT_EQ(text_of(all.at("kind")), "weights");
  EXPECT_EQ(all.at("facts").at("tensors").to_number<std::int64_t>(), 2);
  EXPECT_EQ(all.at("facts").at("numbers").to_number<std::int64_t>(), 4 * 27 + 7);
  EXPECT_EQ(text_of(all.at("facts").at("command")), "gadolin pretrain");
  const boost::json::array& tensors = all.at("tensors").as_array();
  ASSERT_EQ(tensors.size(), 2U);
  EXPECT_TRUE(std::ranges::any_of(tensors, [](const boost::json::value& one) {
    return text_of(one.at("tensor")) == "encoder.stem.weight" && text_of(one.at("shape")) == "4 x 1 x 3 x 3 x 3" &&
           text_of(one.at("type")) == "F32";
  }));
  EXPECT_EQ(inspect(quoted(folder / "checkpoint-10.gadolin") + " --png " + quoted(folder / "no.png")).exit, 2);
  EXPECT_FALSE(fs::exists(folder / "no.png"));
}

TEST(Inspect, WhatIsDamagedIsAnErrorWithAHint) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  io::write_image(folder / "image.nii.gz", volume::phantom_case(small_cohort(), 0).reference());
  fs::resize_file(folder / "image.nii.gz", fs::file_size(folder / "image.nii.gz") / 2);
  weights_file(folder / "weights.gadolin", R"({"weight":{"dtype":"F32","shape":[100],"data_offsets":[0,400]}})", 390);
  std::fstream manifest(folder / "raw/manifest.json", std::ios::in | std::ios::out);
  manifest.seekp(40);
  manifest << "#";
  manifest.close();
  for (const char* name : {"image.nii.gz", "weights.gadolin", "raw"}) {
    const Outcome outcome = inspect(quoted(folder / name));
    EXPECT_EQ(outcome.exit, 3) << name << "\n" << outcome.out;
    EXPECT_NE(outcome.out.find("hint:"), std::string::npos) << name << "\n" << outcome.out;
  }
}

TEST(Inspect, WhatIsNotThereOrNothingOfOursIsToldWithAHint) {
  const Scratch folder;
  phantoms_at(folder / "raw");
  fs::create_directories(folder / "empty");
  std::ofstream(folder / "notes.txt") << "hello";
  const Outcome gone = inspect(quoted(folder / "gone"));
  EXPECT_EQ(gone.exit, 2);
  EXPECT_NE(gone.out.find("hint:"), std::string::npos) << gone.out;
  EXPECT_EQ(inspect(quoted(folder / "empty")).exit, 3);
  EXPECT_EQ(inspect(quoted(folder / "notes.txt")).exit, 3);
  const Outcome part = inspect(quoted(folder / "raw/manifest.json"));
  EXPECT_EQ(part.exit, 2);
  EXPECT_NE(part.out.find("inspect the store's folder"), std::string::npos) << part.out;
}
