#pragma once
// What the tests of this module train on: a store of eight small cases, views of 4 x 4 x 4, a folder that goes away.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/rng.h"
#include "data/loader.h"
#include "data/store_dataset.h"
#include "store/writer.h"
#include "train/trainer.h"

namespace small {

namespace fs = std::filesystem;

// Bits repeat for one number of threads, and a process that forks must not have threads of OpenMP.
inline const bool kOneThread = [] {
  at::set_num_threads(1);
  return true;
}();

// A folder of its own, removed at the end.
class Folder {
 public:
  Folder() {
    static std::atomic<int> count{0};
    // In memory where that can be: hundreds of checkpoints are synced here.
    const fs::path where = ::access("/dev/shm", W_OK) == 0 ? fs::path("/dev/shm") : fs::temp_directory_path();
    path_ = where / ("gadolin-train-" + std::to_string(::getpid()) + "-" + std::to_string(count++));
    fs::remove_all(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  operator const fs::path&() const { return path_; }
  fs::path operator/(const std::string& name) const { return path_ / name; }

 private:
  fs::path path_;
};

// What the body throws.
inline core::Error error_of(const std::function<void()>& body) {
  try {
    body();
  } catch (const core::Error& error) {
    return error;
  }
  return core::Error("nothing was thrown");
}

inline volume::Case make_case(int i) {
  volume::Case one;
  one.id = "case-" + std::to_string(i);
  one.report = "report of case " + std::to_string(i);
  one.scalars["score"] = i % 2;
  volume::Volume image({6, 6, 6}, volume::VoxelType::kFloat32, {});
  core::Rng rng({7, static_cast<std::uint64_t>(i)});
  for (float& voxel : image.voxels<float>()) voxel = static_cast<float>(rng.normal() + 0.5 * (i % 2));
  one.channels.push_back({"T1", "MR", std::move(image)});
  return one;
}

// Two views of 4 x 4 x 4 at places drawn by the key, the second of the sample's second case.
class Corners : public data::ViewMaker {
 public:
  struct Box : Drawing {
    volume::VoxelBox box() const override { return {begin, {4, 4, 4}}; }
    std::array<std::int64_t, 3> begin{};
  };
  std::int64_t views() const override { return 2; }
  bool of_partner(std::int64_t view) const override { return view == 1; }
  std::unique_ptr<Drawing> draw(const volume::Frame& frame, const Place& place, std::int64_t view) const override {
    core::Rng rng({place.seed, place.sample, static_cast<std::uint32_t>(view), 0});
    auto box = std::make_unique<Box>();
    for (int a = 0; a < 3; ++a) box->begin[a] = static_cast<std::int64_t>(rng.below(frame.shape[a] - 3));
    return box;
  }
  data::ViewSample apply(const Drawing&, const data::Picture& picture) const override {
    data::ViewSample view;
    view.image = data::image_of(picture);
    view.valid = at::ones({4, 4, 4}, at::kByte);
    for (int a = 0; a < 3; ++a) view.voxel_to_case.rows[a][3] = static_cast<double>(picture.box.begin[a]);
    return view;
  }
};

constexpr int kCases = 8;

// The store of this process, made when first asked for.
inline std::shared_ptr<const data::Dataset> dataset() {
  static const Folder folder;
  static const auto all = [] {
    store::Writer writer(folder);
    for (int i = 0; i < kCases; ++i) writer.add(make_case(i));
    writer.commit();
    return std::make_shared<data::StoreDataset>(std::make_shared<store::Reader>(folder), std::make_shared<Corners>());
  }();
  return all;
}

// Batches of 3, so that no epoch of 8 ends with a step.
inline data::Loader loader(int workers = 1, int rank = 0, int ranks = 1, std::int64_t batch_size = 3) {
  return data::Loader(dataset(),
                      {.batch_size = batch_size, .workers = workers, .rank = rank, .ranks = ranks, .prefetch = 1});
}

inline train::TrainerSettings settings(std::int64_t steps = 24) {
  train::TrainerSettings s;
  s.steps = steps;
  s.learning_rate = 0.01;
  s.warmup_steps = 4;
  s.ema_decay = 0.9;
  s.log_every = 5;
  s.checkpoint_every = 7;
  s.seed = 3;
  return s;
}

inline train::RunFolder run_folder(const fs::path& folder, std::map<std::string, std::string> facts = {}) {
  return {folder, std::move(facts), core::Progress::Style::kSilent};
}

inline train::FitResult fit(train::Learner& learner, const fs::path& folder, const train::TrainerSettings& settings,
                            std::vector<train::Watcher*> watchers = {}, int workers = 1,
                            const train::CallLimits& limits = {}) {
  data::Loader source = loader(workers);
  const auto comm = runtime::alone();
  train::RunFolder run = run_folder(folder);
  run.limits = limits;
  return train::fit(learner, source, settings, run, at::kCPU, *comm, watchers);
}

// Sends this process a signal after so many steps.
class SignalAt : public train::Watcher {
 public:
  explicit SignalAt(std::int64_t step, int signal = SIGTERM) : step_(step), signal_(signal) {}
  std::int64_t every_steps() const override { return step_; }
  std::map<std::string, double> look(train::Learner&, const data::Batch&, const train::Moment& moment) override {
    if (moment.step == step_) std::raise(signal_);
    return {};
  }

 private:
  std::int64_t step_;
  int signal_;
};

inline std::string bytes_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace small
