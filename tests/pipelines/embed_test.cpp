#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <fstream>

#include "../scratch.h"
#include "core/error.h"
#include "gadolin.h"
#include "pipelines/feature_file.h"
#include "tiny_store.h"

namespace fs = std::filesystem;

TEST(FeatureFile, ReadsBackWhatWasWritten) {
  const Scratch folder;
  const at::Tensor rows = at::sin(at::arange(12)).view({3, 4});
  const at::Tensor dense = at::arange(2 * 3 * 4 * 5).to(at::kFloat).view({2, 3, 4, 5});
  const std::map<std::string, std::string> facts{{"key", "abc"}, {"config", std::string(100000, 'x')}};
  pipelines::write_features(folder / "f.h5", facts, 3, [&](std::int64_t i) {
    return pipelines::CaseFeatures{"case " + std::to_string(i), "p\xC3\xA4", rows[i], i == 1 ? dense : at::Tensor()};
  });
  const pipelines::FeatureFile file = pipelines::read_features(folder / "f.h5");
  EXPECT_TRUE(at::equal(file.embedding, rows.to(at::kFloat)));
  EXPECT_EQ(file.facts, facts);
  EXPECT_EQ(file.ids, (std::vector<std::string>{"case 0", "case 1", "case 2"}));
  EXPECT_EQ(file.patients[2], "p\xC3\xA4");
  EXPECT_TRUE(at::equal(pipelines::read_dense_features(folder / "f.h5", 1), dense));
  EXPECT_THROW(pipelines::read_dense_features(folder / "f.h5", 0), core::Error);
  EXPECT_EQ(pipelines::feature_key(folder / "f.h5"), "abc");
}

TEST(FeatureFile, IsWholeOrNotThereAndDamageIsAnError) {
  const Scratch folder;
  const auto write = [&](const std::function<at::Tensor(std::int64_t)>& row) {
    pipelines::write_features(folder / "f.h5", {}, 2, [&](std::int64_t i) {
      return pipelines::CaseFeatures{std::to_string(i), "", row(i), {}};
    });
  };
  EXPECT_THROW(write([](std::int64_t i) { return at::zeros({2 + i}); }), core::Error) << "rows of unlike length";
  EXPECT_THROW(write([](std::int64_t i) { return i == 0 ? at::zeros({2}) : throw core::Error("no"); }), core::Error);
  EXPECT_TRUE(fs::is_empty(folder.path));
  EXPECT_EQ(pipelines::feature_key(folder / "f.h5"), "");
  write([](std::int64_t) { return at::ones({2}); });
  EXPECT_EQ(pipelines::read_features(folder / "f.h5").embedding.sum().item<double>(), 4);
  fs::resize_file(folder / "f.h5", fs::file_size(folder / "f.h5") / 2);
  EXPECT_THROW(pipelines::read_features(folder / "f.h5"), core::Error);
  EXPECT_EQ(pipelines::feature_key(folder / "f.h5"), "");
  std::ofstream(folder / "text.h5") << "no HDF5";
  EXPECT_THROW(pipelines::read_features(folder / "text.h5"), core::Error);
}

TEST(Embed, KeepsTheEmbeddingOfEveryCaseAndKnowsWhenItHasThemAlready) {
  const Scratch folder;
  tiny::prepared_store(folder / "store", 3, {20, 16, 24});
  tiny::prepared_store(folder / "cubes", 2, {16, 16, 16});
  const std::string store = (folder / "store").string(), run = (folder / "run").string();
  const Outcome trained = gadolin("pretrain " + store + " --out " + run + tiny::kSmall + " --set trainer.steps=1");
  ASSERT_EQ(trained.exit, 0) << trained.out;

  const std::string arguments =
      "embed " + run + " " + store + " --threads 1 --dense --out " + (folder / "f.h5").string();
  const Outcome first = gadolin(arguments);
  ASSERT_EQ(first.exit, 0) << first.out;
  const pipelines::FeatureFile file = pipelines::read_features(folder / "f.h5");
  EXPECT_EQ(file.ids, (std::vector<std::string>{"case100", "case101", "case102"}));
  EXPECT_EQ(file.patients[2], "patient1");
  EXPECT_EQ(file.embedding.size(0), 3);
  EXPECT_TRUE(file.embedding.isfinite().all().item<bool>());
  EXPECT_FALSE(at::allclose(file.embedding[0], file.embedding[1], 1e-4, 1e-5));
  const at::Tensor dense = pipelines::read_dense_features(folder / "f.h5", 0);
  EXPECT_EQ(dense.size(0), file.embedding.size(1));
  EXPECT_EQ(dense.sizes().slice(1), at::IntArrayRef({5, 4, 6})) << "strides of 4";

  const auto written = fs::last_write_time(folder / "f.h5");
  const Outcome second = gadolin(arguments);
  EXPECT_EQ(second.exit, 0) << second.out;
  EXPECT_NE(second.out.find("already"), std::string::npos) << second.out;
  EXPECT_EQ(fs::last_write_time(folder / "f.h5"), written);

  // A case of the patch's own size has one window, whichever way it is pooled.
  for (const std::string pool : {"mean", "centre"}) {
    const Outcome pooled = gadolin("embed " + run + " " + (folder / "cubes").string() + " --threads 1 --pool " + pool +
                                   " --out " + (folder / (pool + ".h5")).string());
    ASSERT_EQ(pooled.exit, 0) << pooled.out;
  }
  EXPECT_TRUE(at::equal(pipelines::read_features(folder / "mean.h5").embedding,
                        pipelines::read_features(folder / "centre.h5").embedding));

  const Outcome nowhere =
      gadolin("embed " + (folder / "store").string() + " " + store + " --out " + (folder / "g.h5").string());
  EXPECT_EQ(nowhere.exit, 2) << nowhere.out;
  EXPECT_NE(nowhere.out.find("there is no checkpoint"), std::string::npos) << nowhere.out;
}
