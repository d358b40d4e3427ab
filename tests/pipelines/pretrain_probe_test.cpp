// A probe on labelled cases while an encoder is pretrained.
#include "pipelines/pretrain_probe.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include <fstream>
#include <set>

#include "../scratch.h"
#include "core/error.h"
#include "in_process.h"
#include "prepared_store.h"
#include "tiny_store.h"
#include "train/checkpoint.h"
#include "train/metrics.h"

namespace {

namespace fs = std::filesystem;

// Embeds a picture by how much it changes along its width, which tells the classes of prepared_store.h apart, or (when
// blind) by nothing.
class Striped : public ssl::Method {
 public:
  explicit Striped(bool blind = false) : blind_(blind) {}
  std::vector<train::Phase> phases() override { return {}; }
  train::StepResult step(std::size_t, const data::Batch&, const train::Moment&) override { return {}; }
  train::NamedTensors weights() override { return {}; }
  void set_training(bool) override {}
  std::vector<augment::Recipe> views() const override { return {}; }
  at::Tensor embedding(const at::Tensor& images) override {
    const std::int64_t width = images.size(4) - 1;
    const at::Tensor change = (images.narrow(4, 1, width) - images.narrow(4, 0, width)).abs().flatten(1).mean(1);
    return at::stack({blind_ ? at::ones_like(change) : change, at::ones_like(change)}, 1);
  }
  bool blind_;
};

struct Set {
  explicit Set(const fs::path& folder) : reader(std::make_shared<store::Reader>(prepared::make_store(folder, 10))) {
    for (std::int64_t i = 0; i < reader->size(); ++i) all.push_back(i);
  }
  pipelines::ProbedCases probed(const pipelines::WatchSettings& settings) const {
    return pipelines::probed_cases(*reader, {}, all, settings, 1);
  }
  std::unique_ptr<pipelines::ProbeWatch> watch(ssl::Method& method, runtime::Comm& comm,
                                               const pipelines::WatchSettings& settings) const {
    data::StoreDatasetOptions options;
    options.channels = {"MR"};
    return std::make_unique<pipelines::ProbeWatch>(method, reader, options, probed(settings),
                                                   models::Input{1, {16, 16, 16}, {1, 1, 1}}, at::kCPU, comm, settings);
  }
  std::shared_ptr<const store::Reader> reader;
  std::vector<std::int64_t> all;
};

pipelines::WatchSettings settings(const std::string& probe = "knn") {
  pipelines::WatchSettings settings;
  settings.probe = probe;
  settings.target = "class";
  return settings;
}

data::Batch batch_of_two() {
  data::Batch batch;
  batch.ids = {"a", "b"};
  return batch;
}

TEST(ProbeWatch, FindsClassesThatEmbeddingsTellApartAndNoOthers) {
  const Scratch scratch;
  const Set set(scratch / "store");
  const auto comm = runtime::alone();
  Striped seeing, blind(true);
  for (const std::string kind : {"knn", "linear"}) {
    const auto good = set.watch(seeing, *comm, settings(kind))->look(seeing, batch_of_two(), {10, 100, 0});
    EXPECT_EQ(good.at("probe/" + kind), 1);
    EXPECT_EQ(good.at("probe/" + kind + "_low"), 1);
    const auto none = set.watch(blind, *comm, settings(kind))->look(blind, batch_of_two(), {10, 100, 0});
    EXPECT_NEAR(none.at("probe/" + kind), 0.5, 0.2) << "chance";
    EXPECT_LE(none.at("probe/" + kind + "_low"), none.at("probe/" + kind));
    EXPECT_GE(none.at("probe/" + kind + "_high"), none.at("probe/" + kind));
  }
}

TEST(ProbeWatch, TakesNoMoreCasesThanAskedForAndOfEachClass) {
  const Scratch scratch;
  const Set set(scratch / "store");
  pipelines::WatchSettings few = settings();
  few.probe_cases = 8;
  const auto probed = set.probed(few);
  EXPECT_EQ(probed.cases.size(), 8u);
  EXPECT_EQ(std::count(probed.classes.begin(), probed.classes.end(), 1), 4);
  EXPECT_EQ(std::set<std::string>(probed.patients.begin(), probed.patients.end()).size(), 4u) << "two cases each";
}

TEST(ProbeWatch, RanksShareTheCasesAndTellTheNumbersOfOne) {
  const Scratch scratch;
  const Set set(scratch / "store");
  Striped seeing;
  pipelines::WatchSettings odd = settings();
  odd.probe_cases = 15;
  const auto alone = runtime::alone();
  const auto expected = set.watch(seeing, *alone, odd)->look(seeing, batch_of_two(), {10, 100, 0});
  std::array<std::map<std::string, double>, 3> found;
  runtime::run_ranks(3, [&](runtime::Comm& comm) {
    found[static_cast<std::size_t>(comm.rank())] =
        set.watch(seeing, comm, odd)->look(seeing, batch_of_two(), {10, 100, 0});
  });
  for (const auto& each : found) EXPECT_EQ(each, expected);
}

TEST(ProbeWatch, HasEnoughAfterSoManyProbesWithoutABetterOneAlsoAcrossAResume) {
  const Scratch scratch;
  const Set set(scratch / "store");
  const auto comm = runtime::alone();
  Striped method;
  pipelines::WatchSettings patient = settings();
  patient.patience = 2;
  const auto first = set.watch(method, *comm, patient);
  EXPECT_FALSE(first->enough());
  first->look(method, batch_of_two(), {10, 100, 0});
  first->look(method, batch_of_two(), {20, 100, 0});
  EXPECT_FALSE(first->enough());
  runtime::Archive kept;
  first->save(kept);
  const auto second = set.watch(method, *comm, patient);
  second->load(runtime::unpack_archive(runtime::pack_archive(kept)));
  EXPECT_FALSE(second->enough());
  second->look(method, batch_of_two(), {30, 100, 0});
  EXPECT_TRUE(second->enough());
  EXPECT_EQ(second->told(), "no better knn probe than 1.000 after step 10 in 2 probes");
  const auto never = set.watch(method, *comm, settings());
  for (int i = 0; i < 4; ++i) never->look(method, batch_of_two(), {i, 100, 0});
  EXPECT_FALSE(never->enough()) << "patience 0";
}

TEST(ProbeWatch, WhatCannotBeProbedIsRefusedWithWhatToDo) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  std::ofstream(folder / "split.csv") << "case,patient,set\ncase100,a,train\ncase101,b,val\ncase102,c,val\n";
  const auto refused = [&](const std::string& more, const std::string& word) {
    const Outcome outcome = gadolin_in_process("pretrain " + (folder / "store").string() + " --out " +
                                               (folder / "run").string() + tiny::kSmall + more);
    EXPECT_EQ(outcome.exit, 2) << outcome.out;
    EXPECT_NE(outcome.out.find(word), std::string::npos) << outcome.out;
    EXPECT_FALSE(fs::exists(folder / "run"));
  };
  refused(" --set watch.probe=knn", "watch.target=class");
  refused(" --set watch.probe=tree --set watch.target=class", "none, knn and linear");
  refused(" --set watch.probe=knn --set watch.target=age", "they have class");
  refused(" --set watch.patience=3", "watch.probe=knn");
  refused(" --set watch.probe=knn --set watch.target=class --set watch.probe_set=val", "--split");
  refused(" --set watch.probe=knn --set watch.target=class --set watch.probe_set=val --split " +
              (folder / "split.csv").string(),
          "two classes or more, each of two patients");
}

TEST(ProbeWatch, ARunWhoseProbeGetsNoBetterEndsAsDoneAndSaysSo) {
  const Scratch folder;
  tiny::prepared_store(folder / "store");
  const std::string command = "pretrain " + (folder / "store").string() + " --out " + (folder / "run").string() +
                              tiny::kSmall +
                              " --set trainer.learning_rate=0 --set trainer.steps=40 --set watch.probe=linear"
                              " --set watch.target=class --set watch.probe_every=3 --set watch.patience=2"
                              " --set watch.every_steps=0 --set watch.pictures_every=0";
  const Outcome outcome = gadolin_in_process(command);
  EXPECT_EQ(outcome.exit, 0) << outcome.out;
  EXPECT_NE(outcome.out.find("9 of 40 steps"), std::string::npos) << outcome.out;
  EXPECT_NE(outcome.out.find("ended before its 40 steps: no better linear probe than"), std::string::npos)
      << outcome.out;
  EXPECT_NE(outcome.out.find("after step 3 in 2 probes"), std::string::npos) << outcome.out;
  EXPECT_EQ(train::read_metrics(folder / "run/metrics.csv").at("probe/linear").size(), 3u);
  const Outcome again = gadolin_in_process(command);
  EXPECT_EQ(again.exit, 0) << again.out;
  EXPECT_NE(again.out.find("all done before"), std::string::npos) << again.out;
}

}  // namespace
