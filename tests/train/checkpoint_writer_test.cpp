#include "train/checkpoint_writer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "core/error.h"
#include "small_run.h"

namespace {

namespace fs = std::filesystem;

// Every group of tensors a checkpoint has, all of the same live one.
train::Checkpoint of(std::int64_t step, const at::Tensor& live) {
  train::Checkpoint one;
  one.step = step;
  one.weights = {{"w", live}};
  one.optimiser = {{"all/w/mean", live}};
  one.average = {{"w", live}};
  one.sums = {{"0/loss", live}};
  one.generators = {live};
  one.learner.resize(1);
  one.learner[0].tensors["queue"] = live;
  one.watch.tensors["rows"] = live;
  return one;
}

// Holds the writing thread until it is opened.
class Gate {
 public:
  std::function<void()> held() {
    return [opened = opened_] { opened.wait(); };
  }
  void open() { promise_.set_value(); }

 private:
  std::promise<void> promise_;
  std::shared_future<void> opened_ = promise_.get_future().share();
};

void write_file(const fs::path& path) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << "half";
}

std::string whole_story_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& error) {
    return error.story();
  }
  return "";
}

TEST(CheckpointWriter, WhatIsWrittenIsTheStateAtTheCallWhateverTheStepsDoMeanwhile) {
  const small::Folder folder;
  at::Tensor live = at::arange(6).to(at::kFloat).reshape({2, 3});
  const at::Tensor before = live.clone();
  Gate gate;
  train::CheckpointWriter writer(folder, 2);
  writer.write(of(7, live.t()), gate.held());
  EXPECT_TRUE(train::checkpoints(folder).empty());  // the caller is back, nothing is written
  live.fill_(-1);
  writer.check();
  gate.open();
  writer.wait();
  const train::Checkpoint read = train::read_checkpoint(folder / "checkpoint-7.gadolin");
  for (const at::Tensor& tensor :
       {read.weights.at("w"), read.optimiser.at("all/w/mean"), read.average.at("w"), read.sums.at("0/loss"),
        read.generators.at(0), read.learner.at(0).tensors.at("queue"), read.watch.tensors.at("rows")}) {
    EXPECT_TRUE(at::equal(tensor, before.t()));
  }
}

TEST(CheckpointWriter, EachFileHasTheBytesOfOneWrittenAtOnceWhateverCameBefore) {
  const small::Folder folder;
  train::CheckpointWriter writer(folder, 9);
  const at::Tensor numbers = at::arange(24).to(at::kDouble);
  std::vector<train::Checkpoint> all{of(1, numbers.reshape({4, 6}).t()), of(2, numbers.reshape({6, 4}) + 1),
                                     of(3, numbers.reshape({6, 4}).to(at::kFloat)), of(4, numbers.narrow(0, 0, 6)),
                                     of(5, numbers[3])};
  all[3].weights["more"] = at::ones({2, 0});
  all[3].learner.resize(2);
  all[3].learner[1].facts["word"] = "two";
  for (const train::Checkpoint& one : all) {
    writer.write(one);
    train::write_checkpoint(folder / "plain", one);
    writer.wait();
    EXPECT_TRUE(small::bytes_of(folder / "plain") == small::bytes_of(train::checkpoint_path(folder, one.step)))
        << one.step;
  }
}

TEST(CheckpointWriter, TheNextWaitsForTheOneBeforeAndOnlyTheLastOnesStay) {
  const small::Folder folder;
  std::vector<std::size_t> there;
  {
    train::CheckpointWriter writer(folder, 2);
    for (const int step : {1, 2, 3, 4}) {
      writer.write(of(step, at::ones({100})), [&] { there.push_back(train::checkpoints(folder).size()); });
    }
  }  // the destructor waits for the last
  EXPECT_EQ(there, (std::vector<std::size_t>{0, 1, 2, 2}));
  EXPECT_EQ(train::checkpoints(folder),
            (std::vector<fs::path>{folder / "checkpoint-4.gadolin", folder / "checkpoint-3.gadolin"}));
}

TEST(CheckpointWriter, BeforeTheProcessEndsWhatIsBeingWrittenIsPublishedOrLeavesNothing) {
  const small::Folder folder;
  train::CheckpointWriter writer(folder, 2);
  Gate gate;
  writer.write(of(1, at::ones({100})), gate.held());
  write_file(folder / ".checkpoint-1.gadolin.1.0.part");
  writer.settle(0.01);
  EXPECT_TRUE(fs::is_empty(folder));
  std::thread opener([&] { gate.open(); });
  writer.settle(600);
  opener.join();
  EXPECT_EQ(train::read_checkpoint(folder / "checkpoint-1.gadolin").step, 1);
}

TEST(CheckpointWriter, TheBestStaysUntilABetterOneIsKnownToAPublishedCheckpoint) {
  using As = train::CheckpointWriter::As;
  const small::Folder folder;
  train::CheckpointWriter writer(folder, 1);
  const auto write = [&](std::int64_t step, std::int64_t best, As as) {
    train::Checkpoint one = of(step, at::full({3}, static_cast<double>(step)));
    one.best = {"score", best, 0.5};
    writer.write(one, {}, as);
    writer.wait();
    std::string names;
    for (const auto& path : train::best_checkpoints(folder)) names += path.filename().string() + " ";
    return names;
  };
  EXPECT_EQ(write(2, 2, As::kBest), "best-2.gadolin ");
  EXPECT_EQ(write(4, 4, As::kBoth), "best-4.gadolin ");
  EXPECT_EQ(small::bytes_of(folder / "best-4.gadolin"), small::bytes_of(folder / "checkpoint-4.gadolin"));
  EXPECT_EQ(write(5, 5, As::kBest), "best-5.gadolin best-4.gadolin ");  // killed now, the run goes on from 4
  EXPECT_EQ(write(6, 6, As::kBest), "best-6.gadolin best-4.gadolin ");
  EXPECT_EQ(write(8, 6, As::kLast), "best-6.gadolin ");
  EXPECT_EQ(train::checkpoints(folder), (std::vector<fs::path>{folder / "checkpoint-8.gadolin"}));
  EXPECT_EQ(train::read_checkpoint(folder / "best-6.gadolin").weights.at("w")[0].item<double>(), 6);
  fs::remove(folder / "best-6.gadolin");
  write(9, 9, As::kBest);
  EXPECT_EQ(write(10, 6, As::kLast), "best-9.gadolin ");  // nothing goes for one that is not there
}

TEST(CheckpointWriter, WhatFailsIsThrownOnceByTheNextCallAndTheOneAfterIsWritten) {
  const small::Folder folder;
  const auto fail = [] { throw core::Error("the disk is gone"); };
  const at::Tensor live = at::ones({3});
  train::CheckpointWriter writer(folder, 2);
  writer.write(of(1, live), fail);
  EXPECT_EQ(whole_story_of([&] { writer.write(of(2, live)); }), "checkpoint after step 1: the disk is gone");
  writer.write(of(3, live), fail);
  EXPECT_EQ(whole_story_of([&] { writer.wait(); }), "checkpoint after step 3: the disk is gone");
  writer.wait();
  writer.write(of(4, live), fail);
  std::string story;
  const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (story.empty() && std::chrono::steady_clock::now() < patience) {
    story = whole_story_of([&] { writer.check(); });
    std::this_thread::yield();
  }
  EXPECT_EQ(story, "checkpoint after step 4: the disk is gone");
  writer.check();
  writer.write(of(5, live));
  writer.wait();
  EXPECT_EQ(train::checkpoints(folder), (std::vector<fs::path>{folder / "checkpoint-5.gadolin"}));
  writer.write(of(6, live), fail);  // the destructor tells it and does not throw
}

}  // namespace
