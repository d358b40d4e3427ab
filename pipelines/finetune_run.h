#pragma once
// One fine-tuning: what it is made of, which cases it learns from, and the trainings it consists of (a candidate
// learning rate on a part of the cases, then all of them). Each training has a folder and goes on where it stopped.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/store_dataset.h"
#include "pipelines/data_settings.h"
#include "pipelines/initial_weights.h"
#include "pipelines/restored_task.h"
#include "pipelines/split.h"
#include "runtime/comm.h"
#include "store/reader.h"
#include "train/settings.h"
#include "train/trainer.h"

namespace pipelines {

// Every setting of a fine-tuning: encoder.*, task.*, trainer.*, data.*
class FinetuneRecipe {
 public:
  // Throws usage Error as core::configure does.
  static FinetuneRecipe from(const std::vector<core::Setting>& settings);
  std::vector<core::Slot> slots();  // bound to this object, as long as it is not moved
  // Every setting of this task and encoder as it is when nobody says anything, as YAML.
  std::string defaults() const;

  EncoderChoice encoder;
  TaskChoice task;
  train::TrainerSettings trainer;
  DataSettings data;
};

struct FinetuneRequest {
  std::filesystem::path store, out, init, split;  // init, split: may be empty
  std::string target = "class";
  std::string train_set = "train", test_set = "test";
  std::int64_t labels = 0;  // cases; 0: all of the set that have labels
  std::uint64_t draw = 0;
  bool frozen = false, init_decoder = true;
  double init_threshold = 0.5;
  std::vector<double> learning_rates;  // several: chosen on the labelled cases; empty: the recipe's
  std::int64_t folds = 1;
  double tolerance_mm = 1.0;
  std::string device = "auto";
  int threads = 0;
  double rank_timeout_s = 60;
  train::CallLimits limits = {};  // of all trainings together
};

class FinetuneRun {
 public:
  // Opens and checks everything: throws Error before anything is trained. `comm` must outlive it; with several ranks
  // each makes one, and they do the same in the same order.
  FinetuneRun(FinetuneRequest request, std::vector<core::Setting> settings, runtime::Comm& comm);

  const FinetuneRequest& request() const { return request_; }
  const FinetuneRecipe& recipe() const { return recipe_; }
  const store::Reader& reader() const { return *reader_; }
  const RunRecord& record() const { return record_; }
  bool dense() const { return recipe_.task.entry().dense; }
  const c10::Device& device() const { return device_; }
  int threads() const { return threads_; }
  runtime::Comm& comm() const { return comm_; }
  const InitialWeights* initial() const { return initial_.get(); }  // null: from scratch
  const std::vector<std::int64_t>& labelled() const { return labelled_; }
  const std::vector<std::int64_t>& test() const { return test_; }
  std::string patient(std::int64_t index) const { return patient_of(split_, reader_->summary(index)); }

  // labelled.csv, split.csv, request.json, written by rank 0. Throws usage Error when the folder holds a run that was
  // asked for otherwise (settings count by their values), or another rank was.
  void open_folder() const;

  struct Trained {
    std::unique_ptr<finetune::Task> task;  // in scoring mode
    train::FitResult fit;
    std::string initial;                // what was taken from the checkpoint; empty from scratch
    std::vector<std::string> left_out;  // ids of cases that could not be read (data.on_damage)
  };
  // Trains on these cases of the store with this learning rate, or goes on; within what is left of the limits.
  Trained train(const std::filesystem::path& folder, const std::vector<std::int64_t>& cases, double learning_rate);

  // Probabilities of a whole case, as predict_case, in the precision of the training.
  at::Tensor predict(finetune::Task& task, std::int64_t index) const;

 private:
  void choose_device();
  void read_plan();
  void choose_cases();
  void name_outputs();
  std::string request_text() const;

  runtime::Comm& comm_;
  FinetuneRequest request_;
  FinetuneRecipe recipe_;
  std::shared_ptr<const store::Reader> reader_;
  RunRecord record_;
  Split split_;
  std::vector<std::int64_t> train_, labelled_, test_;  // indices in the store
  c10::Device device_ = c10::Device(c10::kCPU);
  int threads_ = 1;
  std::int64_t batch_size_ = 2;  // of this rank
  std::shared_ptr<const InitialWeights> initial_;
  std::shared_ptr<const data::StoreDataset> whole_;  // of train and test cases, without labels
};

}  // namespace pipelines
