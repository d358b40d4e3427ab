#if __has_include("finetune/task.h")  // not in the torch-free half
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "../same_voxels.h"
#include "../scratch.h"
#include "core/files.h"
#include "core/rng.h"
#include "core/table.h"
#include "in_process.h"
#include "io/format.h"
#include "pipelines/predict_case.h"
#include "pipelines/probability_cache.h"
#include "prepare/apply.h"
#include "store/writer.h"
#include "train/checkpoint.h"

namespace fs = std::filesystem;
using volume::Volume;
using volume::VoxelType;

namespace {

prepare::Plan small_plan() {
  prepare::Plan plan;
  plan.spacing_mm = {2, 1.5, 1.5};
  plan.margin_mm = 2;
  plan.patch = {8, 16, 16};
  plan.channels = {{"MR", "MR"}};
  return plan;
}

// A network as gadolin finetune would leave it, with weights nobody trained.
fs::path untrained(const fs::path& folder, bool dense, std::uint64_t seed = 1) {
  pipelines::RunRecord record;
  record.kind = "finetune";
  record.config = std::string("encoder:\n  name: resenc\n  base: 4\n  blocks: [1, 1]\ntask:\n  name: ") +
                  (dense ? "segmentation" : "classification") + "\ntrainer:\n  precision: fp32\n";
  record.plan = prepare::to_yaml(small_plan());
  record.channels = {"MR"};
  record.patch = small_plan().patch;
  record.spacing_mm = small_plan().spacing_mm;
  if (dense) {
    record.label_names = {{0, "background"}, {1, "left"}, {2, "right"}};
  } else {
    record.classes = {"benign", "malignant"};
    record.target = "grade";
  }
  const auto settings = core::settings_from_yaml(record.config, "test");
  auto encoder = pipelines::EncoderChoice::from(settings);
  auto task = pipelines::TaskChoice::from(settings);
  std::vector<core::Setting> own;
  for (const auto& setting : settings)
    if (!setting.key.starts_with("trainer.")) own.push_back(setting);
  auto slots = encoder.slots();
  for (auto& slot : task.slots()) slots.push_back(std::move(slot));
  core::configure(slots, own);
  at::manual_seed(seed);
  finetune::Setup setup;
  setup.input = pipelines::input_of(record);
  setup.encoder = encoder.make(setup.input);
  setup.outputs = pipelines::output_names(record);
  setup.target = record.target;
  const auto made = task.make(setup);
  train::Checkpoint checkpoint;
  checkpoint.facts = pipelines::facts_of(record);
  for (const auto& [name, tensor] : made->weights()) {  // far from 0, so that every label is told somewhere
    const at::Tensor drawn = tensor.is_floating_point() && tensor.dim() > 1 ? tensor * 3 : tensor;
    checkpoint.weights[name] = drawn.detach().clone();
  }
  fs::create_directories(folder);
  const fs::path path = train::checkpoint_path(folder, 0);
  train::write_checkpoint(path, checkpoint);
  return path;
}

// Smooth blobs on slices 3 mm thick; int16, somewhere in the world.
Volume scan(int seed) {
  volume::Geometry geometry;
  geometry.spacing_mm = {3, 1, 1};
  geometry.origin_mm = {-20, 15, 100};
  Volume image({12, 30, 28}, VoxelType::kInt16, geometry);
  core::Rng rng({static_cast<std::uint64_t>(seed), 0, 0, 0});
  const double a = rng.uniform(0.2, 0.5), b = rng.uniform(0.2, 0.5), c = rng.uniform(0, 6);
  auto voxels = image.voxels<std::int16_t>();
  std::size_t i = 0;
  for (int d = 0; d < 12; ++d)
    for (int h = 0; h < 30; ++h)
      for (int w = 0; w < 28; ++w)
        voxels[i++] = static_cast<std::int16_t>(500 + 300 * std::sin(a * h + c) * std::cos(b * w) + 40 * std::sin(d));
  return image;
}

volume::Case raw_case(const std::string& id, int seed) {
  volume::Case one;
  one.id = id;
  one.groups.patient = "p-" + id;
  one.scalars["grade"] = seed % 2;
  one.channels.push_back({"MR", "MR", scan(seed)});
  return one;
}

void raw_cases(const fs::path& folder, int count) {
  store::Writer writer(folder, {});
  for (int i = 0; i < count; ++i) writer.add(raw_case("c" + std::to_string(i), i), std::to_string(i));
  writer.commit();
}

Outcome predict(const std::string& arguments) { return gadolin_in_process("predict " + arguments + " --threads 1"); }

}  // namespace

TEST(Predict, ARawStoreBecomesLabelMapsOnTheGridOfTheImagesAsThePiecesByHand) {
  const Scratch folder;
  const fs::path checkpoint = untrained(folder / "run", true);
  raw_cases(folder / "raw", 2);
  const Outcome outcome = predict(folder.word("run") + " " + folder.word("raw") + " --out " + folder.word("out"));
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("predict: 2 cases done"), std::string::npos) << outcome.out;
  const Volume map = io::read_image(folder / "out/c1.nii.gz");
  const Volume image = scan(1);
  ASSERT_EQ(map.type(), VoxelType::kUInt8);
  ASSERT_EQ(map.shape(), image.shape());
  EXPECT_TRUE(volume::same_place(map.geometry, image.geometry, image.shape(), 1e-3));
  const auto told = map.voxels<std::uint8_t>();
  for (const int label : {0, 1, 2}) EXPECT_GT(std::count(told.begin(), told.end(), label), 50) << label;

  auto restored = pipelines::restore_task(checkpoint, c10::Device(c10::kCPU));
  const volume::Case prepared = prepare::apply(small_plan(), raw_case("c1", 1));
  const Volume& channel = *prepared.channels[0].image;
  const auto& shape = channel.shape();
  const auto voxels = channel.voxels<float>();
  const at::Tensor tensor =
      at::tensor(std::vector<float>(voxels.begin(), voxels.end())).reshape({1, shape.depth, shape.height, shape.width});
  const Volume labels = evaluate::label_map_of(pipelines::predict_case(*restored.task, tensor), channel.geometry);
  const Volume expected = prepare::label_map_to({image.geometry, image.shape()}, labels);
  EXPECT_TRUE(same_voxels(map, expected));
}

TEST(Predict, ThePatientIsLabelledAlikeHoweverTheScannerOrderedTheVoxels) {
  const Scratch folder;
  untrained(folder / "run", true);
  fs::create_directories(folder / "images");
  const Volume image = scan(3);
  io::write_image(folder / "images/straight.nii.gz", image);
  io::write_image(folder / "images/turned.nii.gz", volume::reorient(image, "RIA"));
  const Outcome outcome = predict(folder.word("run") + " " + folder.word("images") + " --out " + folder.word("out"));
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  const Volume turned = io::read_image(folder / "out/turned.nii.gz");
  EXPECT_EQ(volume::orientation(turned.geometry), "RIA");
  EXPECT_TRUE(same_voxels(volume::reorient(turned, "SPL"), io::read_image(folder / "out/straight.nii.gz")));
}

TEST(Predict, ABadCaseIsARowAndTheNextRunDoesOnlyWhatIsMissing) {
  const Scratch folder;
  untrained(folder / "run", true);
  fs::create_directories(folder / "images");
  for (const char* id : {"a", "b"}) io::write_image(folder / ("images/" + std::string(id) + ".nii.gz"), scan(id[0]));
  const std::uintmax_t whole = fs::file_size(folder / "images/b.nii.gz");
  fs::resize_file(folder / "images/b.nii.gz", whole / 2);
  const std::string arguments = folder.word("run") + " " + folder.word("images") + " --out " + folder.word("out");
  const Outcome first = predict(arguments);
  EXPECT_EQ(first.exit, 4) << first.out;
  const core::Table report = core::read_csv(folder / "out/predict_report.csv");
  ASSERT_EQ(report.rows.size(), 2U);
  EXPECT_EQ(report.rows[0][1], "done");
  EXPECT_EQ(report.rows[1][1], "failed");
  EXPECT_NE(report.rows[1][2].find("Hint:"), std::string::npos);
  io::write_image(folder / "images/b.nii.gz", scan('b'));
  const auto before = fs::last_write_time(folder / "out/a.nii.gz");
  const Outcome second = predict(arguments + " --json");
  EXPECT_EQ(second.exit, 0) << second.out;
  EXPECT_NE(second.out.find("\"done\":1"), std::string::npos) << second.out;
  EXPECT_NE(second.out.find("\"present\":1"), std::string::npos) << second.out;
  EXPECT_EQ(fs::last_write_time(folder / "out/a.nii.gz"), before);
  io::write_image(folder / "images/a.nii.gz", scan('x'));  // other data: done again
  EXPECT_NE(predict(arguments).out.find("1 cases done, 1 already there"), std::string::npos);
  untrained(folder / "other", true, 2);  // another network
  const Outcome other = predict(folder.word("other") + " " + folder.word("images") + " --out " + folder.word("out"));
  EXPECT_EQ(other.exit, 2) << other.out;
  EXPECT_NE(other.out.find("--again"), std::string::npos) << other.out;
}

TEST(Predict, APreparedStoreIsTakenAsItIsAndOneOfAnotherPlanIsRefused) {
  const Scratch folder;
  untrained(folder / "run", true);
  raw_cases(folder / "raw", 1);
  const auto prepared_store = [&](const fs::path& at, const prepare::Plan& plan) {
    store::WriterOptions options;
    options.plan_yaml = prepare::to_yaml(plan);
    store::Writer writer(at, options);
    writer.add(prepare::apply(plan, raw_case("c0", 0)), "0");
    writer.commit();
  };
  prepared_store(folder / "prepared", small_plan());
  prepare::Plan coarse = small_plan();
  coarse.spacing_mm = {4, 3, 3};
  prepared_store(folder / "coarse", coarse);
  ASSERT_EQ(predict(folder.word("run") + " " + folder.word("prepared") + " --out " + folder.word("a")).exit, 0);
  ASSERT_EQ(predict(folder.word("run") + " " + folder.word("raw") + " --out " + folder.word("b")).exit, 0);
  const Volume image = scan(0), brought_back = io::read_image(folder / "b/c0.nii.gz");
  EXPECT_TRUE(same_voxels(
      prepare::label_map_to({image.geometry, image.shape()}, io::read_image(folder / "a/c0.nii.gz")), brought_back));
  const Outcome refused = predict(folder.word("run") + " " + folder.word("coarse") + " --out " + folder.word("c"));
  EXPECT_EQ(refused.exit, 2) << refused.out;
  EXPECT_NE(refused.out.find("another plan"), std::string::npos) << refused.out;
}

TEST(Predict, TheCacheKeepsProbabilitiesAndGivesTheSameLabelMapsWithoutTheNetwork) {
  const Scratch folder;
  const fs::path checkpoint = untrained(folder / "run", true);
  raw_cases(folder / "raw", 1);
  const std::string arguments = folder.word("run") + " " + folder.word("raw") + " --cache " + folder.word("p.h5");
  ASSERT_EQ(predict(arguments + " --out " + folder.word("a")).exit, 0);
  const auto size = fs::file_size(folder / "p.h5");
  const Outcome again = predict(arguments + " --out " + folder.word("b"));
  ASSERT_EQ(again.exit, 0) << again.out;
  EXPECT_EQ(fs::file_size(folder / "p.h5"), size);
  EXPECT_EQ(core::read_text(folder / "a/c0.nii.gz"), core::read_text(folder / "b/c0.nii.gz"));
  const Outcome other = predict(arguments + " --overlap 0.25 --out " + folder.word("c"));
  ASSERT_EQ(other.exit, 0) << other.out;
  EXPECT_GT(fs::file_size(folder / "p.h5"), size);
  std::ofstream(folder / "p.h5.unfinished") << "killed";  // as a process that died while writing leaves it
  std::ofstream(folder / "p.h5", std::ios::trunc) << "half of";
  const Outcome after = predict(arguments + " --out " + folder.word("d"));
  ASSERT_EQ(after.exit, 0) << after.out;
  EXPECT_NE(after.out.find("set aside"), std::string::npos) << after.out;
  EXPECT_EQ(core::read_text(folder / "a/c0.nii.gz"), core::read_text(folder / "d/c0.nii.gz"));
  EXPECT_TRUE(fs::exists(folder / "p.h5.damaged"));
}

TEST(ProbabilityCache, GivesBackWhatWasKeptUnderItsKeyOnly) {
  const Scratch folder;
  pipelines::ProbabilityCache cache(folder / "p.h5");
  volume::Geometry geometry;
  geometry.spacing_mm = {2.5, 0.5, 0.75};
  geometry.origin_mm = {1, -2, 3};
  geometry.direction = {{{0, 1, 0}, {0, 0, 1}, {1, 0, 0}}};
  Volume labels({3, 4, 5}, VoxelType::kUInt16, geometry);
  for (std::size_t i = 0; i < 60; ++i) labels.voxels<std::uint16_t>()[i] = static_cast<std::uint16_t>(i * 7);
  const std::vector<std::uint8_t> probabilities(120, 9);
  const pipelines::CacheKey key{"w", "d", "o"};
  EXPECT_FALSE(cache.labels(key).has_value());
  cache.keep(key, "case", probabilities, 2, labels);
  cache.keep(key, "case", probabilities, 2, labels);  // replaced
  const auto kept = pipelines::ProbabilityCache(folder / "p.h5").labels(key);
  ASSERT_TRUE(kept.has_value());
  EXPECT_TRUE(same_voxels(*kept, labels));
  EXPECT_TRUE(volume::same_place(kept->geometry, geometry, labels.shape(), 1e-12));
  for (const auto& other : {pipelines::CacheKey{"x", "d", "o"}, {"w", "x", "o"}, {"w", "d", "x"}})
    EXPECT_FALSE(cache.labels(other).has_value());
}

TEST(Predict, AClassificationBecomesATableWithTheTruthWhereItIsKnown) {
  const Scratch folder;
  untrained(folder / "run", false);
  raw_cases(folder / "raw", 3);
  const std::string arguments = folder.word("run") + " " + folder.word("raw") + " --out " + folder.word("out");
  const Outcome outcome = predict(arguments + " --cases c0,c2");
  ASSERT_EQ(outcome.exit, 0) << outcome.out;
  ASSERT_EQ(core::read_csv(folder / "out/predictions.csv").rows.size(), 2U);
  EXPECT_NE(predict(arguments).out.find("1 cases done, 2 already there"), std::string::npos);
  const core::Table table = core::read_csv(folder / "out/predictions.csv");
  EXPECT_EQ(table.columns, (std::vector<std::string>{"case", "patient", "truth", "p0", "p1"}));
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[1][1], "p-c1");
  EXPECT_EQ(table.rows[1][2], "1");
  for (const auto& row : table.rows) EXPECT_NEAR(std::stod(row[3]) + std::stod(row[4]), 1, 2e-6);
  const Outcome evaluated =
      gadolin_in_process("evaluate " + folder.word("out") + " --out " + folder.word("scores.csv"));
  EXPECT_EQ(evaluated.exit, 0) << evaluated.out;
  EXPECT_EQ(predict(arguments + " --cache " + folder.word("p.h5")).exit, 2);
}

TEST(Predict, WhatCannotBeDoneIsToldWithAHint) {
  const Scratch folder;
  untrained(folder / "run", true);
  raw_cases(folder / "raw", 1);
  const std::string out = " --out " + folder.word("out");
  for (const std::string& arguments :
       {folder.word("gone") + " " + folder.word("raw") + out, folder.word("run") + " " + folder.word("gone") + out,
        folder.word("run") + " " + folder.word("raw") + out + " --cases c7",
        folder.word("run") + " " + folder.word("raw") + out + " --device cuda:9",
        folder.word("run") + " " + folder.word("raw") + out + " --mirror 3"}) {
    const Outcome outcome = predict(arguments);
    EXPECT_EQ(outcome.exit, 2) << arguments << "\n" << outcome.out;
    EXPECT_NE(outcome.out.find("hint:"), std::string::npos) << outcome.out;
  }
}
#endif
