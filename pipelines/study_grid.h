#pragma once
// The cells of a study: one fine-tuning each, and the pretrainings they begin with. A cell is known by the hash of
// everything that decides its numbers, so it is computed once, wherever and however often the study is started.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pipelines/split.h"
#include "pipelines/study_plan.h"
#include "store/reader.h"

namespace pipelines {

struct StudyPretraining {
  std::string hash, arm;
  std::int64_t seed = 1;
  std::vector<core::Setting> settings;  // seeds included
};

struct StudyCell {
  std::string hash, arm;
  std::int64_t budget = 0, draw = 0;
  std::string pretraining;  // hash; empty: from scratch
};

struct StudyGrid {
  std::vector<StudyCell> cells;  // by budget, draw, arm: a study that is stopped early has whole comparisons
  std::vector<StudyPretraining> pretrainings;
  std::vector<std::int64_t> budgets;  // rising
  const StudyPretraining& pretraining(const std::string& hash) const;
};

// The data a study runs on. Threads count: a training on the CPU repeats its bits for one number of torch threads.
struct StudyData {
  std::shared_ptr<const store::Reader> reader;
  Split split;
  std::string split_hash;  // of which case is in which set
  int threads = 1;
};

// Throws usage Error when a budget is more than there is, or settings cannot work.
StudyGrid study_grid(const StudyPlan& plan, const StudyData& data);

// Throws usage Error when the same voxels lie in the train and the test set (under two ids, two patients): what is
// scored would have been seen. Reads every case of both once.
void refuse_duplicates(const StudyPlan& plan, const StudyData& data);

// What a finished cell left. Written as DIR/HASH.json.
struct CellResult {
  StudyCell cell;
  std::string task, failed;  // failed: what it ended with, in words; then there are no scores
  std::string scores;        // scores.csv or predictions.csv of the fine-tuning, as text
  double learning_rate = 0, seconds = 0, pretraining_seconds = 0;
  std::int64_t labelled_patients = 0;
  std::map<std::string, std::string> facts;  // hashes, settings, versions, command
};
void write_cell(const std::filesystem::path& folder, const CellResult& result);
// Nothing when there is none. Throws Error when it is damaged or of a newer format.
std::optional<CellResult> read_cell(const std::filesystem::path& folder, const std::string& hash);

}  // namespace pipelines
